"""One image as the networks see it: at which pixel size, in how much memory, with which inputs."""

import numpy as np
import pytest
from network_packages import LEVELS, PREPARATION, dark_network, disc_image

from hrtem_shift.errors import InputError
from hrtem_shift.networks.inference import Predictor
from hrtem_shift.reliability.observation import (
    INPUTS,
    MOST_ENLARGED,
    SMALLEST_PX,
    Scaling,
    memory_bytes,
    observe,
    seen_pixel_size_nm,
)
from hrtem_shift.reliability.training_domain import Range

TRAINED = Range(low=0.1, high=0.1)
ENSEMBLE = [Predictor(dark_network(level)) for level in LEVELS]


def seen(image, **options):
    return observe(image, 1.0, ENSEMBLE, PREPARATION, **options)


@pytest.mark.parametrize(
    ("pixel_size_nm", "expected"),
    [(0.1, 0.1), (0.1015, 0.1015), (0.02, 0.1), (0.3, 0.1), (0.4, 0.1), (8.0, 8 / MOST_ENLARGED)],
)
def test_an_image_is_brought_to_pixels_of_training_and_enlarged_no_further(pixel_size_nm, expected):
    assert seen_pixel_size_nm(pixel_size_nm, TRAINED) == pytest.approx(expected)


def test_a_range_of_trained_pixel_sizes_takes_the_nearest():
    assert seen_pixel_size_nm(0.01, Range(low=0.02, high=0.08)) == 0.02
    assert seen_pixel_size_nm(0.05, Range(low=0.02, high=0.08)) == 0.05


def test_scales_follow_from_the_pixel_size_or_from_the_size_of_the_image():
    assert Scaling(TRAINED).of((512, 512), 0.3) == pytest.approx((3,))
    tried = Scaling(None, (2.0, 1.0, 0.5, 0.25))
    assert tried.of((512, 400), 0.3) == (1.0, 2.0, 0.5, 0.25)
    assert tried.of((128, 400), 0.3) == (1.0, 2.0, 0.5)
    assert tried.of((4096, 4096), 0.3) == (1.0, 0.5, 0.25)
    assert tried.of((30, 30), 0.3) == (1.0,)


def test_specks_are_measured_in_nm_or_in_pixels_that_networks_saw():
    assert Scaling(TRAINED).smallest_area_nm2(0.3, 3) == 1
    assert Scaling(None, (1.0, 0.5)).smallest_area_nm2(0.3, 0.5) == pytest.approx(12 * 0.36)


def test_memory_grows_with_the_enlarged_image():
    small = memory_bytes((1024, 1024), 1)
    assert memory_bytes((1024, 1024), 4) > small + 10 * 2**20
    assert memory_bytes((128, 128), 4) < 2**30
    assert memory_bytes((4096, 4096), 1) < 3 * 2**30
    assert memory_bytes((4096, 4096), 4) > 4 * 2**30


def test_inputs_are_numbers_by_name():
    image = disc_image((40, 40, 14), (90, 80, 15))
    inputs = seen(image).inputs
    assert inputs.shape == (len(INPUTS),)
    assert np.isfinite(inputs).all()


@pytest.mark.parametrize("side", [SMALLEST_PX - 1, SMALLEST_PX])
def test_a_tiny_image_is_predicted_and_not_compared(side):
    tiny = seen(disc_image((12, 12, 7), side=side))
    assert tiny.prediction.probability.shape == (side, side)
    assert (tiny.inputs is None) == (side < SMALLEST_PX)


def test_an_image_of_one_number_is_refused():
    with pytest.raises(InputError, match="pixels are all equal"):
        seen(np.full((64, 64), 7.0, np.float32))


def test_marks_are_painted_over():
    image = disc_image((40, 40, 14), (90, 80, 15))
    spoiled, marks = image.copy(), np.zeros(image.shape, bool)
    marks[110:120, 60:120] = True
    spoiled[marks] = 0
    with_mark = seen(spoiled).prediction.probability
    without = seen(spoiled, marks=marks).prediction.probability
    assert with_mark[marks].mean() > 0.9 > 0.1 > without[marks].mean()
