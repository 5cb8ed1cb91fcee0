import numpy as np
import pytest
from scipy.ndimage import label

from hrtem_shift.mass_thickness.shapes import SHAPES, thickness_map
from hrtem_shift.mass_thickness.textures import NoiseField

RADIUS_px = 20


def maps(shape, number=40, **roughness):
    return [
        thickness_map(shape, RADIUS_px, np.random.default_rng(k), **roughness)
        for k in range(number)
    ]


def elongation(body):
    low, high = np.linalg.eigvalsh(np.cov(np.argwhere(body > 0).T))
    return np.sqrt(high / low)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_particle_covers_its_centre_in_one_piece(shape):
    for body in maps(shape):
        middle = body.shape[0] // 2
        assert body[middle - 1 : middle + 2, middle - 1 : middle + 2].max() > 0
        assert label(body > 0, np.ones((3, 3)))[1] == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_thickness_scales_with_the_radius(shape):
    small, large = (thickness_map(shape, r, np.random.default_rng(5)) for r in (20, 40))
    assert large.max() == pytest.approx(2 * small.max(), rel=0.12)
    assert (large > 0).sum() == pytest.approx(4 * (small > 0).sum(), rel=0.12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_generator_decides(shape):
    first, again = (thickness_map(shape, RADIUS_px, np.random.default_rng(1)) for _ in range(2))
    other = thickness_map(shape, RADIUS_px, np.random.default_rng(2))
    assert np.array_equal(first, again)
    assert other.shape != first.shape or not np.array_equal(other, first)


def test_a_sphere_holds_the_volume_of_a_ball():
    for body in maps("sphere"):
        assert body.sum() == pytest.approx(4 / 3 * np.pi * RADIUS_px**3, rel=0.05)


def test_rods_spindles_and_ellipsoids_are_longer_than_wide_and_balls_are_not():
    assert min(elongation(body) for body in maps("rod")) > 1.3
    assert min(elongation(body) for body in maps("spindle")) > 1.5
    assert min(elongation(body) for body in maps("ellipsoid")) > 1.15
    for shape in ("core_shell", "urchin"):
        assert max(elongation(body) for body in maps(shape)) < 1.15


def test_hollow_particles_are_thicker_near_their_rim():
    for body in maps("hollow"):
        middle = body.shape[0] // 2
        assert body[middle].max() > 1.05 * body[middle, middle]


def test_plates_are_flat_and_urchins_have_spikes():
    for body in maps("plate"):
        assert np.unique(body[body > 0]).size == 1
    from skimage.measure import regionprops

    solidities = [float(regionprops((body > 0).astype(int))[0].solidity) for body in maps("urchin")]
    assert min(solidities) < 0.85
    for body in maps("sphere"):
        assert regionprops((body > 0).astype(int))[0].solidity > 0.95


def test_small_particles_stay_smooth():
    rng = [np.random.default_rng(3) for _ in range(2)]
    smooth = thickness_map("plate", 3, rng[0])
    field = NoiseField(2.0, 128, np.random.default_rng(0))
    rough = thickness_map("plate", 3, rng[1], roughness=0.05, displacement=field)
    margin = (len(rough) - len(smooth)) // 2
    inner = rough[margin : margin + len(smooth), margin : margin + len(smooth)]
    assert np.array_equal(inner, smooth)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_have_about_the_area_of_a_disc_and_lie_in_their_square(shape):
    for k in range(30):
        body = thickness_map(shape, 20, np.random.default_rng(k))
        assert body.dtype == np.float32
        assert body.min() == 0
        assert 0.15 * 20 < body.max() <= 2.6 * 20
        assert 0.3 < (body > 0).sum() / (np.pi * 20**2) < 1.5
        assert not (body[0] > 0).any() or shape in ("polyhedron", "plate")


def test_roughness_moves_the_outline_and_keeps_the_area():
    smooth = thickness_map("sphere", 20, np.random.default_rng(7))
    field = NoiseField(6.0, 128, np.random.default_rng(0))
    rng = np.random.default_rng(7)
    rough = thickness_map("sphere", 20, rng, roughness=0.06, displacement=field)
    margin = (rough.shape[0] - smooth.shape[0]) // 2
    inner = rough[margin : margin + len(smooth), margin : margin + len(smooth)]
    assert (inner > 0).sum() == pytest.approx((smooth > 0).sum(), rel=0.15)
    assert ((inner > 0) != (smooth > 0)).sum() > 20
