import numpy as np
import pytest
from scipy.ndimage import label

from hrtem_shift.mass_thickness.particles import KINDS, thickness_map

RADIUS_px = 20
AREAS = {"rod": (1.0, 1.4), "polyhedron": (0.4, 1.25), "plate": (0.4, 1.25)}


def maps(kind, number=40):
    return [thickness_map(kind, RADIUS_px, np.random.default_rng(k)) for k in range(number)]


@pytest.mark.parametrize("kind", KINDS)
def test_area_is_about_that_of_a_disc_of_the_radius(kind):
    areas = [(body > 0).sum() / (np.pi * RADIUS_px**2) for body in maps(kind)]
    low, high = AREAS.get(kind, (0.97, 1.03))
    assert low < min(areas)
    assert max(areas) < high


@pytest.mark.parametrize("kind", KINDS)
def test_particles_lie_inside_their_square(kind):
    cut = 0
    for body in maps(kind, 100):
        assert body.shape[0] == body.shape[1]
        assert body.shape[0] % 2 == 1
        edge = np.concatenate([body[0], body[-1], body[:, 0], body[:, -1]])
        cut += bool((edge > 0).any())
    assert cut <= (2 if kind in ("polyhedron", "plate") else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_particles_cover_their_centre_and_are_in_one_piece(kind):
    for body in maps(kind):
        middle = body.shape[0] // 2
        assert body[middle, middle] > 0
        assert label(body > 0, np.ones((3, 3)))[1] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_thickness_is_finite_never_negative_and_at_most_2_4_radii(kind):
    for body in maps(kind):
        assert body.dtype == np.float32
        assert np.isfinite(body).all()
        assert body.min() == 0
        assert 0.15 * RADIUS_px < body.max() <= 2.4 * RADIUS_px


@pytest.mark.parametrize("kind", KINDS)
def test_thickness_scales_with_the_radius(kind):
    small, large = (thickness_map(kind, r, np.random.default_rng(5)) for r in (20, 40))
    assert large.max() == pytest.approx(2 * small.max(), rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_shape_and_orientation_vary_and_come_from_the_generator(kind):
    same = [thickness_map(kind, RADIUS_px, np.random.default_rng(1)) for _ in range(2)]
    other = thickness_map(kind, RADIUS_px, np.random.default_rng(2))
    assert np.array_equal(*same)
    assert other.shape != same[0].shape or not np.array_equal(other, same[0])


def test_a_sphere_holds_the_volume_of_a_ball():
    for body in maps("sphere"):
        assert body.sum() == pytest.approx(4 / 3 * np.pi * RADIUS_px**3, rel=0.03)


def test_rods_and_ellipsoids_are_longer_than_wide():
    def elongation(body):
        moments = np.cov(np.argwhere(body > 0).T)
        low, high = np.linalg.eigvalsh(moments)
        return np.sqrt(high / low)

    assert min(elongation(body) for body in maps("rod")) > 1.3
    assert min(elongation(body) for body in maps("ellipsoid")) > 1.15
    assert max(elongation(body) for body in maps("core_shell")) < 1.05


def test_hollow_particles_are_thicker_at_their_rim_and_cores_in_their_middle():
    for body in maps("hollow"):
        middle = body.shape[0] // 2
        assert body[middle].max() > 1.2 * body[middle, middle]
    for body in maps("core_shell"):
        middle = body.shape[0] // 2
        assert body[middle, middle] == body.max()


def test_plates_are_flat():
    for body in maps("plate"):
        assert np.unique(body[body > 0]).size == 1
