import numpy as np
import pytest
from skimage.measure import label

from hrtem_shift.networks.cores import CORE, core_mask, particles_of, separate, touching


def discs(centres, radii, shape=(96, 128)):
    """Numbered discs; where two overlap the line between their centres is cut in the middle."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = [
        np.hypot(y - row, x - column) / radius
        for (row, column), radius in zip(centres, radii, strict=True)
    ]
    nearest = np.argmin(inside, axis=0)
    return np.where(np.min(inside, axis=0) < 1, nearest + 1, 0).astype(np.int32)


def test_cores_have_the_same_share_of_a_particle_whatever_its_size():
    for radius in (6, 12, 24):
        labels = discs([(48, 64)], [radius])
        core = core_mask(labels)
        assert not core[labels == 0].any()
        assert core.sum() / (labels > 0).sum() == pytest.approx((1 - CORE) ** 2, abs=0.1)


def test_cores_of_particles_that_touch_are_apart():
    labels = discs([(40, 40), (40, 78)], [20, 20])
    core = core_mask(labels)
    assert label(labels > 0).max() == 1
    assert label(core).max() == 2
    assert not core[40, 56:62].any()


def test_a_particle_with_a_neck_has_one_core():
    labels = np.minimum(discs([(40, 40), (40, 65)], [20, 20]), 1).astype(np.int32)
    assert label(core_mask(labels)).max() == 1


def test_the_border_of_the_image_is_no_outline():
    assert core_mask(discs([(0, 60)], [30]))[0, 60]
    assert core_mask(np.ones((16, 16), np.int32)).all()
    assert not core_mask(np.zeros((16, 16), np.int32)).any()


def test_numbers_may_be_missing():
    labels = discs([(30, 30), (60, 100)], [20, 5])
    assert np.array_equal(core_mask(np.where(labels == 2, 9, labels)), core_mask(labels))


def test_touching_is_where_two_particles_are_near():
    labels = discs([(40, 40), (40, 78)], [20, 20])
    near = touching(labels)
    assert near[40, 59]
    assert not near[40, 30]
    assert not near[40, 20]
    assert not touching(np.minimum(labels, 1)).any()


@pytest.mark.parametrize("number", [2, 3, 5])
def test_touching_discs_are_separated_and_keep_their_areas(number):
    rng = np.random.default_rng(number)
    centres = [(48.0, 18 + 22 * k + rng.uniform(-1, 1)) for k in range(number)]
    labels = discs(centres, [12] * number)
    assert label(labels > 0).max() == 1
    parts = separate(labels > 0, core_mask(labels).astype(np.float32))
    assert parts.max() == number
    firsts = [int(np.flatnonzero(parts.ravel() == k)[0]) for k in range(1, number + 1)]
    assert firsts == sorted(firsts)
    areas = np.sort(np.bincount(parts.ravel())[1:])
    assert areas == pytest.approx(np.sort(np.bincount(labels.ravel())[1:]), rel=0.05)


def test_a_single_particle_stays_in_one_piece():
    y, x = np.mgrid[:64, :128]
    rod = (np.abs(y - 32) < 6) & (np.abs(x - 64) < 50)
    core = core_mask(rod.astype(np.int32)).astype(np.float32)
    assert separate(rod, core).max() == 1


def test_the_mask_is_kept_even_where_no_core_was_predicted():
    labels = discs([(30, 30), (60, 100)], [20, 5])
    core = np.where(labels == 1, core_mask(labels), 0.1).astype(np.float32)
    parts = separate(labels > 0, core)
    assert np.array_equal(parts > 0, labels > 0)
    assert parts.max() == 2


def test_nothing_is_nothing():
    assert not separate(np.zeros((8, 8), bool), np.zeros((8, 8), np.float32)).any()


def test_fragments_join_the_particle_they_touch():
    """A second core at the rim of a disc, whose part is 4 % of it."""
    y, x = np.mgrid[:80, :80]
    disc = np.hypot(y - 40, x - 40) < 30
    core = (np.hypot(y - 40, x - 40) < 15).astype(np.float32)
    core[np.hypot(y - 40, x - 66) < 3] = 1
    assert separate(disc, core).max() == 1


def test_specks_are_below_a_share_of_the_typical_area():
    y, x = np.mgrid[:80, :120]
    disc, small, speck = (np.hypot(y - 40, x - c) < r for c, r in ((32, 30), (80, 8), (110, 3)))
    mask = disc | small | speck
    assert particles_of(mask).max() == 3
    assert particles_of(mask, smallest_share=0.02).max() == 2
    assert particles_of(mask, smallest_px=300).max() == 1
