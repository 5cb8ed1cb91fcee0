"""Resampling keeps places and intensities, folds nothing back, and goes back where it came from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.preparation.resampling import (
    mapped_back,
    resampled,
    resampled_micrograph,
    resampling_factor,
)


def blob(side, width):
    """A Gaussian in the middle of the field, its width a part of the field."""
    t = (np.arange(side) + 0.5) / side - 0.45
    return np.exp(-0.5 * (t[:, None] ** 2 + t**2) / width**2).astype(np.float32)


@pytest.mark.parametrize("side", [32, 48, 96, 192])
def test_a_smooth_image_is_the_same_on_every_grid(side):
    found = resampled(blob(64, 0.12), side / 64)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, blob(side, 0.12), atol=0.04)


def test_frequencies_that_the_new_grid_lacks_are_not_folded_back():
    x = np.arange(256)
    wave = np.cos(2 * np.pi * 0.4 * x) * np.ones((256, 1))
    kept = np.cos(2 * np.pi * 0.02 * x) * np.ones((256, 1))
    assert resampled(wave.astype(np.float32), 0.25).std() < 0.02
    assert resampled(kept.astype(np.float32), 0.25).std() > 0.6


@given(st.floats(0.2, 4))
def test_the_mean_is_kept(factor):
    image = blob(48, 0.1) + 3
    assert resampled(image, factor).mean() == pytest.approx(image.mean(), rel=0.01)


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.05, 3))
def test_any_image_goes_there_and_back(height, width, factor):
    image = np.random.default_rng(height).uniform(size=(height, width)).astype(np.float32)
    there = resampled(image, factor)
    assert there.shape == (max(round(height * factor), 1), max(round(width * factor), 1))
    back = mapped_back(there, image.shape)
    assert back.shape == image.shape
    assert there.min() - 1e-6 <= back.min() <= back.max() <= there.max() + 1e-6


def test_the_same_grid_is_left_alone():
    image = blob(16, 0.2)
    assert mapped_back(image, image.shape) is image


def test_a_micrograph_is_resampled_with_its_label_and_its_pixel_size():
    disc = blob(64, 0.12) > 0.5
    finer = resampled_micrograph(Micrograph("a", blob(64, 0.12), 0.05, disc, {"dose": 3}), 2.0)
    assert finer.pixel_size_nm == 0.025
    assert finer.pixels.shape == finer.mask.shape == (128, 128)
    assert finer.mask.mean() == pytest.approx(disc.mean(), rel=0.03)
    assert (finer.pixels[finer.mask] > 0.45).all()
    assert finer.metadata == {"dose": 3}


def test_the_grid_is_left_where_the_calibration_is_no_better():
    assert resampling_factor(0.059, None) == resampling_factor(0.0505, 0.05) == 1
    assert resampling_factor(0.06, 0.05) == pytest.approx(1.2)
    one = Micrograph("a", blob(64, 0.12), 0.05, blob(64, 0.12) > 0.5)
    assert resampled_micrograph(one, 1.0) is one
