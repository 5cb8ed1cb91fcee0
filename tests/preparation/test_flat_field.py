"""Promise: the published regression, by far less memory; a pure background becomes 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import comb
from skimage.transform import rescale

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.detector import illumination_map, record
from hrtem_shift.preparation.flat_field import (
    _block_means,
    _rescaling,
    fit_background,
    flatten,
)


def whole_basis(shape):
    """All nine functions on all pixels, (H, W, 9)."""
    v, u = np.meshgrid(np.linspace(0, 1, shape[1]), np.linspace(0, 1, shape[0]))
    return np.stack(
        [
            comb(2, i) * u**i * (1 - u) ** (2 - i) * comb(2, j) * v**j * (1 - v) ** (2 - j)
            for i in range(3)
            for j in range(3)
        ],
        axis=-1,
    )


def published(pixels, scale, fits=2):
    """The regression as the study's authors wrote it down: one large least-squares problem."""
    basis = whole_basis(pixels.shape)
    columns = rescale(basis, scale, channel_axis=-1).reshape(-1, 9)
    values = rescale(pixels.astype(np.float64), scale).reshape(-1)
    weight = np.ones(values.size)
    for _ in range(fits):
        solution = np.linalg.lstsq(weight[:, None] * columns, weight * values, rcond=None)[0]
        squared_error = (values - columns @ solution) ** 2
        weight = np.exp(-3 * squared_error / (2 * squared_error.mean()))
    return basis @ solution


def pure_background(shape, seed):
    levels = np.random.default_rng(seed).uniform(100, 4000, 9)
    return whole_basis(shape) @ levels


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(24, 90),
    width=st.integers(24, 90),
    scale=st.sampled_from([0.25, 0.5, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_backgrounds_are_those_of_the_published_regression(height, width, scale, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.poisson(pure_background((height, width), seed)).astype(np.float32)
    pixels[: height // 3, : width // 2] *= 0.7
    before = pixels.copy()
    expected = published(pixels, scale)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(fit_background(pixels, scale), expected, rtol=0, atol=1e-6 * largest)
    np.testing.assert_array_equal(pixels, before)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(32, 130),  # fewer pixels extrapolate the rounding of the counts
    width=st.integers(32, 130),
    scale=st.sampled_from([0.25, 0.6, 1.0]),
    method=st.sampled_from(["exact", "fast"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_pure_background_is_removed(height, width, scale, method, seed):
    flat, _ = flatten(pure_background((height, width), seed), scale, method)
    assert flat.dtype == np.float32
    # Counts are rounded to single precision, and few pixels extrapolate that: 1.3e-6 was seen.
    np.testing.assert_allclose(flat, 1, atol=32 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("method", ["exact", "fast"])
def test_an_even_image_becomes_1(method):
    even = np.full((40, 50), 700, np.int32)
    np.testing.assert_allclose(flatten(even, method=method)[0], 1, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(3, 400), scale=st.floats(0.01, 1))
def test_the_sparse_matrix_is_the_rescaling_of_skimage(n, scale):
    assume(round(n * scale) >= 1)
    line = np.random.default_rng(n).normal(size=n)
    np.testing.assert_allclose(_rescaling(n, scale) @ line, rescale(line, scale), atol=1e-6)


@given(n=st.integers(3, 400))
def test_blocks_are_means_of_all_pixels(n):
    means = _block_means(n)
    lengths = 1 / means.max(axis=1).toarray()
    assert (means.sum(axis=0) > 0).all()
    assert means.shape[0] >= 3 and np.ptp(lengths) <= 1.001
    np.testing.assert_allclose(means @ np.ones(n), 1, rtol=1e-6)


@pytest.mark.parametrize("covered", [0.03, 0.1, 0.25])
@pytest.mark.parametrize("electrons_per_px", [3.2, 17, 35])
def test_block_means_are_within_a_fiftieth_of_a_standard_deviation(electrons_per_px, covered):
    """Uneven light, dark discs, and the doses of the published study at 0.02 nm."""
    rng, shape = np.random.default_rng(int(electrons_per_px)), (1024, 896)
    beam = {"illumination_drop": 0.15, "illumination_centre_x": 0.3}
    light = illumination_map(shape, ImagingConditions(dose_e_per_A2=1, **beam))
    y, x = np.indices(shape)
    dark = np.zeros(shape, bool)
    while dark.mean() < covered:
        centre_y, centre_x, radius = rng.uniform((0, 0, 40), (*shape, 100))
        dark |= (y - centre_y) ** 2 + (x - centre_x) ** 2 < radius**2
    pixels = 30 * rng.poisson(electrons_per_px * light * np.where(dark, 0.85, 1))
    exact, fast = flatten(pixels)[0], flatten(pixels, method="fast")[0]
    assert np.sqrt(np.mean((fast - exact) ** 2)) < 0.02 * exact.std()


def test_the_illumination_of_the_camera_is_removed():
    beam = {"illumination_drop": 0.3, "illumination_centre_x": 0.3}
    conditions = ImagingConditions(dose_e_per_A2=1000, **beam)
    even = np.ones((512, 512), dtype=np.float32)
    counts = record(even, conditions, 0.02, np.random.default_rng(0))
    blocks = flatten(counts)[0].reshape(8, 64, 8, 64).mean(axis=(1, 3))
    before = (counts / counts.mean()).reshape(8, 64, 8, 64).mean(axis=(1, 3))
    assert blocks == pytest.approx(1, abs=0.02)  # 5 standard deviations of a block's mean: 0.012
    assert np.ptp(before) > 0.25


def test_the_second_fit_halves_what_particles_do_to_the_background():
    """A tenth of the image 20 % darker, all on the left; known to 0.2 % without particles."""
    shape = (512, 512)
    conditions = ImagingConditions(dose_e_per_A2=1, illumination_drop=0.2)
    beam = illumination_map(shape, conditions)
    y, x = np.indices(shape)
    dark = (y // 64 % 2 == 0) & (x // 64 % 2 == 0) & (x < 200)
    pixels = np.random.default_rng(1).poisson(200 * beam * np.where(dark, 0.8, 1)).astype(float)

    def error(background):
        shares = background / beam
        return (shares / shares.mean()).std()

    once, twice = error(published(pixels, 0.25, fits=1)), error(fit_background(pixels))
    assert 0.09 < dark.mean() < 0.13
    assert twice < 0.5 * once


def test_a_background_that_crosses_zero_is_refused():
    ramp = np.linspace(-50, 100, 64)[None, :] * np.ones((64, 1))
    with pytest.raises(InputError, match="not above 0 everywhere"):
        flatten(ramp)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_pixel_is_refused(value):
    pixels = np.ones((64, 64))
    pixels[3, 3] = value
    with pytest.raises(InputError, match="bad pixels"):
        flatten(pixels)


def test_an_image_too_small_for_its_scale_is_refused():
    with pytest.raises(InputError, match="3 pixels along each edge"):
        flatten(np.ones((9, 64)), 0.25)
