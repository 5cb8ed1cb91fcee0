import numpy as np
import pytest
from skimage.measure import label

from hrtem_shift.networks.centres import centre_map, separate


def discs(centres, radii, shape=(96, 128)):
    """Numbered discs; where two overlap the line between their centres is cut in the middle."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = [
        np.hypot(y - row, x - column) / radius
        for (row, column), radius in zip(centres, radii, strict=True)
    ]
    nearest = np.argmin(inside, axis=0)
    return np.where(np.min(inside, axis=0) < 1, nearest + 1, 0).astype(np.int32)


def test_it_is_one_in_the_middle_and_small_at_the_outline_whatever_the_size():
    labels = discs([(30, 30), (60, 100)], [20, 5])
    centre = centre_map(labels)
    assert centre[30, 30] == pytest.approx(1, abs=0.05)
    assert centre[60, 100] == pytest.approx(1, abs=0.05)
    assert centre[30, 11] < 0.1
    assert not centre[labels == 0].any()
    assert centre.dtype == np.float32


def test_it_falls_where_two_touch():
    labels = discs([(40, 40), (40, 78)], [20, 20])
    assert centre_map(labels)[40, 59] < 0.15


def test_the_border_of_the_image_is_no_outline():
    labels = discs([(0, 60)], [30])
    assert centre_map(labels)[0, 60] == pytest.approx(1, abs=0.05)
    assert centre_map(np.ones((16, 16), np.int32)) == pytest.approx(1)
    assert not centre_map(np.zeros((16, 16), np.int32)).any()


def test_numbers_may_be_missing():
    labels = discs([(30, 30), (60, 100)], [20, 5])
    assert np.array_equal(centre_map(np.where(labels == 2, 9, labels)), centre_map(labels))


@pytest.mark.parametrize("number", [2, 3, 5])
def test_touching_discs_are_separated_and_keep_their_areas(number):
    rng = np.random.default_rng(number)
    centres = [(48.0, 18 + 22 * k + rng.uniform(-1, 1)) for k in range(number)]
    labels = discs(centres, [12] * number)
    assert label(labels > 0).max() == 1
    parts = separate(labels > 0, centre_map(labels))
    assert parts.max() == number
    areas = np.sort(np.bincount(parts.ravel())[1:])
    assert areas == pytest.approx(np.sort(np.bincount(labels.ravel())[1:]), rel=0.05)


def test_a_single_particle_stays_in_one_piece():
    y, x = np.mgrid[:64, :128]
    rod = (np.abs(y - 32) < 6) & (np.abs(x - 64) < 50)
    assert separate(rod, centre_map(rod.astype(np.int32))).max() == 1


def test_the_mask_is_kept_even_where_no_middle_was_predicted():
    labels = discs([(30, 30), (60, 100)], [20, 5])
    centre = np.where(labels == 1, centre_map(labels), 0.1).astype(np.float32)
    parts = separate(labels > 0, centre)
    assert np.array_equal(parts > 0, labels > 0)
    assert parts.max() == 2


def test_nothing_is_nothing():
    assert not separate(np.zeros((8, 8), bool), np.zeros((8, 8), np.float32)).any()
