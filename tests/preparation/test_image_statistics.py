"""Promise: the published study's contrast and roughness, with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from hrtem_shift.preparation.image_statistics import contrast, roughness, set_contrast


def white_noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@given(height=st.integers(1, 20), width=st.integers(1, 20), seed=st.integers(0, 99))
def test_roughness_is_the_published_formula(height, width, seed):
    image = white_noise((height, width), seed) + 0.5
    power = np.abs(np.fft.fft2(image)) ** 2
    squared_k = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.fftfreq(width)[None, :] ** 2
    expected = (power * squared_k).sum() / power.sum()
    assert roughness(image[None])[0] == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_white_noise_has_one_sixth():
    """Two axes, each with the mean square 1/12 of a uniform frequency within ± 1/2."""
    values = roughness(white_noise((40, 128, 128)).astype(np.float32))
    assert values.mean() == pytest.approx(1 / 6, abs=0.0006)
    assert values.dtype == np.float64


@pytest.mark.parametrize(("rows", "columns"), [(1, 0), (0, 7), (12, 5), (32, 0), (0, 32)])
def test_a_wave_has_its_squared_frequency(rows, columns):
    y, x = np.indices((64, 64))
    wave = np.cos(2 * np.pi * (rows * y + columns * x) / 64)
    assert roughness(wave[None])[0] == pytest.approx((rows**2 + columns**2) / 64**2, rel=1e-9)


@pytest.mark.parametrize("std_px", [1.0, 1.5, 2.5])
def test_blurred_noise_tells_the_blur(std_px):
    """Power exp(-4 pi² SD² k²) has the mean square 1 / (4 pi² SD²), 0.0253 at 1 px."""
    noise = [gaussian_filter(image, std_px, mode="wrap") for image in white_noise((16, 256, 256))]
    expected = 1 / (4 * np.pi**2 * std_px**2)
    assert roughness(np.array(noise)).mean() == pytest.approx(expected, rel=0.03)


def test_the_level_of_a_patch_counts_as_frequency_zero():
    noise = white_noise((1, 256, 256))
    assert roughness(noise + 1)[0] == pytest.approx(roughness(noise)[0] / 2, rel=0.02)
    assert roughness(3 * noise)[0] == pytest.approx(roughness(noise)[0], rel=1e-9)


def test_patches_are_measured_one_by_one():
    images = white_noise((3, 32, 32))
    images[1] = 0
    values = roughness(images)
    assert np.isnan(values[1])
    assert values[2] == roughness(images[2:])[0]


def test_contrast_is_background_minus_particle_of_each_patch():
    images, masks = white_noise((4, 16, 16)), np.zeros((4, 16, 16), bool)
    masks[:, :4] = True
    masks[2], masks[3] = False, True
    images[1] -= 0.75 * masks[1]
    images[0, :4], images[0, 4:] = -0.5, 0.25
    values = contrast(images, masks)
    assert values[0] == 0.75  # dark particles are positive
    assert values[1] == np.median(images[1, 4:]) - np.median(images[1, :4])
    assert np.isnan(values[2:]).all()
    np.testing.assert_array_equal(contrast(images, masks.astype(np.uint8)), values)


def test_the_contrast_of_a_set_weighs_patches_by_their_pixels():
    images, masks = np.zeros((2, 10, 10)), np.zeros((2, 10, 10), bool)
    masks[0, :1], masks[1, :4] = True, True
    images[0, :1], images[1, :4] = -1.0, -0.2
    assert contrast(images, masks).mean() == pytest.approx(0.6)
    assert set_contrast(images, masks) == 0.2
    assert np.isnan(set_contrast(images, np.zeros_like(masks)))


def test_added_noise_lowers_contrast_as_published():
    """x <- (x + rho noise) / sqrt(1 + rho²) divides the contrast of a set by the same root."""
    masks = np.zeros((8, 128, 128), bool)
    masks[:, 30:90, 30:90] = True
    images = white_noise(masks.shape) - 0.5758 * masks
    noised = (images + 2.2 * white_noise(masks.shape, seed=1)) / np.sqrt(1 + 2.2**2)
    assert set_contrast(images, masks) == pytest.approx(0.5758, abs=0.03)
    assert set_contrast(noised, masks) == pytest.approx(0.2386, abs=0.03)
