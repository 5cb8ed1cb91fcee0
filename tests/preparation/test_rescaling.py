"""Promise: each rescaling does what its name says for any image with contrast, else an error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hrtem_shift.errors import InputError
from hrtem_shift.preparation.rescaling import RESCALINGS, histogram, normalize, standardize

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


@given(IMAGES)
def test_normalized_images_go_from_0_to_1(pixels):
    assume(np.isfinite(pixels).all())
    assume(pixels.min() < pixels.max())
    rescaled = normalize(pixels)
    assert rescaled.dtype == np.float32
    assert (rescaled.min(), rescaled.max()) == (0, 1)
    order = np.argsort(pixels, axis=None)
    assert (np.diff(rescaled.reshape(-1)[order]) >= 0).all()


def test_the_histogram_is_stretched_between_its_1st_and_99th_percentile():
    pixels = np.random.default_rng(2).permutation(np.arange(10_001)).reshape(73, 137)
    rescaled = histogram(pixels)
    expected = np.clip((pixels - 100) / 9800, 0, 1)
    assert rescaled.dtype == np.float32
    np.testing.assert_allclose(rescaled, expected, atol=1e-6)


def test_large_images_are_rescaled_as_small_ones():
    """Parts of 2^16 pixels, the last one shorter; dark and bright by turns."""
    rng = np.random.default_rng(4)
    pixels = rng.normal(3000, 50, (400, 511)) + np.linspace(0, 9000, 400)[:, None]
    expected = (pixels - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(standardize(pixels), expected, atol=1e-6)
    np.testing.assert_array_equal(standardize(pixels.T), standardize(pixels).T)
    np.testing.assert_allclose(
        normalize(pixels), (pixels - pixels.min()) / np.ptp(pixels), atol=1e-7
    )


@pytest.mark.parametrize("name", RESCALINGS)
@pytest.mark.parametrize(
    ("value", "fault"), [(0, "equal"), (0.1, "equal"), (np.nan, "finite"), (np.inf, "finite")]
)
def test_images_without_contrast_are_refused(name, value, fault):
    with pytest.raises(InputError, match=rf"{name}: an image in which .* {fault}"):
        RESCALINGS[name](np.full((7, 7), value))


@pytest.mark.parametrize("name", RESCALINGS)
def test_one_bad_pixel_is_refused(name):
    pixels = np.arange(16.0).reshape(4, 4)
    pixels[1, 1] = np.nan
    with pytest.raises(InputError, match="not all finite"):
        RESCALINGS[name](pixels)


def test_a_histogram_of_one_value_is_refused():
    pixels = np.zeros((100, 100))
    pixels[0, :50] = 5
    with pytest.raises(InputError, match="98 of 100 pixels are equal"):
        histogram(pixels)


def test_the_largest_possible_value_fits_half_precision():
    pixels = np.zeros((2048, 2048), np.float32)
    pixels[5, 5] = 1e30  # one x-ray: sqrt(N - 1) standard deviations, as far as any pixel goes
    assert np.isfinite(standardize(pixels).astype(np.float16)).all()


def test_rescalings_are_found_by_name():
    assert {
        "standardize": standardize,
        "normalize": normalize,
        "histogram": histogram,
    } == RESCALINGS
