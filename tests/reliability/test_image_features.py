"""Features of images: what moves them, and what does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from hrtem_shift.preparation.image_statistics import roughness
from hrtem_shift.reliability.image_features import (
    BANDS,
    DESCRIPTIONS,
    EDGES,
    IMAGE_FEATURES,
    SKEWNESSES,
    SPECTRUM,
    features_of,
)


def named(patches):
    return dict(zip(IMAGE_FEATURES, features_of(patches), strict=True))


def white(n=40, seed=0, edge=64):
    return np.random.default_rng(seed).normal(size=(n, edge, edge))


def test_white_noise_has_its_known_features():
    result = named(white(edge=192))
    assert 10 ** result["log_roughness"] == pytest.approx(1 / 6, rel=0.02)
    assert result["intensity_p01"] == pytest.approx(-2.326, abs=0.03)
    assert result["intensity_p50"] == pytest.approx(0, abs=0.02)
    share = [10 ** result[name] for name in SPECTRUM]
    area = np.diff(np.square(EDGES)) * 4  # of the disc up to 0.5 cycles/px
    np.testing.assert_allclose(share[12:], area[12:], rtol=0.06)


@pytest.mark.parametrize("band", range(BANDS))
def test_a_wave_is_in_the_ring_of_its_frequency(band):
    edge, k = 384, (EDGES[band] + EDGES[band + 1]) / 2
    wave = np.cos(2 * np.pi * k * np.arange(edge))[None, None] + 1e-3 * white(1, edge=edge)
    result = named(wave)
    assert max(SPECTRUM, key=lambda name: result[name]) == SPECTRUM[band]


@pytest.mark.parametrize("name", SKEWNESSES)
def test_few_electrons_are_skew_and_many_are_not(name):
    rng = np.random.default_rng(2)
    few, many = (rng.poisson(mean, (20, 64, 64)) for mean in (0.6, 60))
    # Beside a wide blur that of a pixel is the Poisson distribution's, 1 / sqrt(mean).
    assert named(few)[name] == pytest.approx(0.6**-0.5, rel=0.1)
    assert abs(named(many)[name]) < 0.2


def test_blur_takes_high_frequencies_away():
    sharp = white()
    blurred = gaussian_filter(sharp, (0, 1, 1))
    before, after = named(sharp), named(blurred / blurred.std())
    assert after["log_roughness"] < before["log_roughness"] - 0.2
    assert after[SPECTRUM[-1]] < before[SPECTRUM[-1]] - 1


@given(st.integers(0, 1000), st.permutations(range(6)))
def test_neither_order_nor_orientation_of_patches_matters(seed, order):
    patches = white(6, seed, 32)
    expected = features_of(patches)
    np.testing.assert_allclose(features_of(patches[order]), expected, atol=1e-5)
    np.testing.assert_allclose(features_of(np.rot90(patches, axes=(1, 2))), expected, atol=1e-5)


def test_a_ring_without_a_frequency_of_its_own_holds_nothing():
    small = named(white(6, edge=32))
    assert [small[name] for name in SPECTRUM[1:5]] == [-12, -12, -12, -12]
    assert np.isfinite(list(small.values())).all()


def test_roughness_is_that_of_the_studies():
    assert 10 ** named(white(5))["log_roughness"] == pytest.approx(np.median(roughness(white(5))))


def test_a_single_number_has_no_features_and_raises_no_warning():
    assert not np.isfinite(features_of(np.zeros((2, 32, 32)))).all()


def test_each_feature_has_words():
    assert set(DESCRIPTIONS) == set(IMAGE_FEATURES)
