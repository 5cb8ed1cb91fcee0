import numpy as np
import pytest
from scipy.spatial import cKDTree

from hrtem_shift.mass_thickness.arrangements import arranged, on_carrier

SHAPE = (200, 240)
RADIUS_px = 8.0


def arrangements(number=30, draws=60):
    return [arranged(SHAPE, RADIUS_px, number, np.random.default_rng(k)) for k in range(draws)]


def nearest_px(centres):
    return cKDTree(centres).query(centres, k=2)[0][:, 1]


def test_centres_lie_on_the_image_or_near_it():
    for centres in arrangements():
        assert centres.ndim == 2 and centres.shape[1] == 2
        inside = np.all((centres > 0) & (centres < SHAPE), axis=1)
        assert inside.mean() > 0.3 or len(centres) < 5


def test_some_are_at_random_and_some_touch():
    """In arrays, clusters and chains a neighbour is about two radii away."""
    touching = [
        np.median(nearest_px(centres)) / RADIUS_px for centres in arrangements() if len(centres) > 5
    ]
    near = np.abs(np.array(touching) - 2) < 0.6
    assert 0.2 < near.mean() < 0.8


def test_arrays_are_hexagonal():
    arrays = [each for each in arrangements(draws=200) if len(each) > 120]
    assert arrays
    for centres in arrays:
        distances = cKDTree(centres).query(centres, k=7)[0][:, 1:]
        middle = np.all((centres > 30) & (centres < np.array(SHAPE) - 30), axis=1)
        if middle.sum() > 20:
            ratio = np.median(distances[middle, 5] / distances[middle, 0])
            assert ratio < 2.2


def test_few_particles_are_placed_at_random():
    for k in range(20):
        assert len(arranged(SHAPE, RADIUS_px, 2, np.random.default_rng(k))) == 4


def test_particles_on_a_carrier_lie_on_its_pixels():
    carrier = np.zeros(SHAPE, bool)
    carrier[50:80, 100:150] = True
    centres = on_carrier(carrier, 40, np.random.default_rng(0)).astype(int)
    assert len(centres) == 80
    assert carrier[centres[:, 0], centres[:, 1]].all()
    assert on_carrier(np.zeros(SHAPE, bool), 40, np.random.default_rng(0)).shape == (0, 2)


@pytest.mark.parametrize("seed", range(5))
def test_the_generator_decides(seed):
    first, again = (arranged(SHAPE, RADIUS_px, 20, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(first, again)
