from pathlib import Path

import numpy as np
import pytest

from hrtem_shift.preparation.hot_pixels import repair_hot_pixels

SHARED = Path(__file__).parents[3] / "shared" / "data" / "field_cases"


@pytest.mark.parametrize("electrons", [0.01, 0.1, 1, 10, 1000])
def test_electrons_at_random_are_no_hot_pixels(electrons):
    image = np.random.default_rng(3).poisson(electrons, (1500, 1500)).astype(np.float32)
    repaired = repair_hot_pixels(image)
    assert (repaired.n_hot, repaired.n_dead) == (0, 0)
    assert repaired.pixels is image


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int16])
def test_hot_and_dead_pixels_are_replaced_wherever_they_lie(dtype):
    image = np.random.default_rng(4).poisson(900, (200, 300)).astype(dtype)
    spoiled = image.copy()
    hot, dead = [(0, 0), (50, 60), (50, 61), (199, 150)], [(70, 70), (120, 299)]
    for place in hot:
        spoiled[place] = 30_000
    for place in dead:
        spoiled[place] = 0
    repaired = repair_hot_pixels(spoiled)
    assert (repaired.n_hot, repaired.n_dead) == (len(hot), len(dead))
    assert repaired.pixels.dtype == dtype
    np.testing.assert_allclose(repaired.pixels.astype(float), image, atol=6 * 30)
    assert (repaired.pixels != image).sum() <= len(hot) + len(dead)


def test_small_bright_particles_and_fringes_stay():
    y, x = np.mgrid[:256, :256]
    rng = np.random.default_rng(5)
    image = 100 + 20 * np.cos(2 * np.pi * x / 4) + rng.normal(0, 3, (256, 256))
    for row, column in rng.integers(5, 250, (20, 2)):
        image += 900 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 0.85**2))
    assert repair_hot_pixels(image.astype(np.float32)).n_hot == 0


def test_an_image_of_one_number_and_a_tiny_one_are_left_alone():
    for shape in ((64, 64), (2, 9)):
        flat = np.full(shape, 7, np.uint8)
        assert repair_hot_pixels(flat).pixels is flat


@pytest.mark.skipif(not SHARED.is_dir(), reason="no field cases beside the project")
@pytest.mark.parametrize("name", ["hot1_2000.tif", "hot1_65535.tif"])
def test_hot_pixel_of_the_field_cases(name):
    from hrtem_shift.micrographs.readers import read_micrograph

    recorded = read_micrograph(SHARED / name).pixels
    control = read_micrograph(SHARED / "dark_particles_256px_0.05nm.tif").pixels
    repaired = repair_hot_pixels(recorded)
    assert (repaired.n_hot, repaired.n_dead) == (1, 0)
    assert np.abs(repaired.pixels.astype(float) - control).max() < 5 * control.std()
    assert repair_hot_pixels(control).n_hot == 0
