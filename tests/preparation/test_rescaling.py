"""Promise: mean 0 and standard deviation 1 for any image with contrast, else a named error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hrtem_shift.errors import InputError
from hrtem_shift.preparation.rescaling import RESCALINGS, standardize

IMAGES = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16, np.int32, np.float32]),
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=24),
)


@given(IMAGES)
def test_mean_is_0_and_deviation_1(pixels):
    assume(np.isfinite(pixels).all())
    assume(pixels.min() < pixels.max())
    before = pixels.copy()
    rescaled = standardize(pixels)
    assert rescaled.dtype == np.float32
    assert abs(rescaled.mean(dtype=np.float64)) < 1e-5
    assert abs(rescaled.std(dtype=np.float64) - 1) < 1e-5
    np.testing.assert_array_equal(pixels, before)


@given(IMAGES, st.integers(1, 1000), st.integers(-1000, 1000))
def test_gain_and_offset_of_the_camera_drop_out(pixels, gain, offset):
    counts = np.nan_to_num(pixels.astype(np.float64), posinf=0, neginf=0) % 65536 // 1
    assume(counts.min() < counts.max())
    np.testing.assert_allclose(standardize(gain * counts + offset), standardize(counts), atol=1e-5)


@pytest.mark.parametrize("value", [0, 0.1, np.nan, np.inf])
def test_images_without_contrast_are_refused(value):
    with pytest.raises(InputError, match="standardize"):
        standardize(np.full((7, 7), value))


def test_one_bad_pixel_is_refused():
    pixels = np.arange(16.0).reshape(4, 4)
    pixels[1, 1] = np.nan
    with pytest.raises(InputError, match="not all finite"):
        standardize(pixels)


def test_the_largest_possible_value_fits_half_precision():
    pixels = np.zeros((2048, 2048), np.float32)
    pixels[5, 5] = 1e30  # one x-ray: sqrt(N - 1) standard deviations, as far as any pixel goes
    assert np.isfinite(standardize(pixels).astype(np.float16)).all()


def test_rescalings_are_found_by_name():
    assert RESCALINGS["standardize"] is standardize
