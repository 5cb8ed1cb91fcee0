"""Thinned images have the statistics of images that were recorded at the smaller dose."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from disc_patches import disc_patch_set
from scipy import stats

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Camera, ImagingConditions
from hrtem_shift.microscope.detector import record
from hrtem_shift.training.augmentation import add_noise_only, augment
from hrtem_shift.training.counter_rng import kept_share, keys_at, samples_of, stream_of
from hrtem_shift.training.device_patches import to_device
from hrtem_shift.training.recipe import TrainingNoise
from hrtem_shift.training.thinning import LARGEST_VARIANCE, Exposure, thin

IDEAL = Camera()
REAL = Camera(spot_std_px=0.7232, read_noise_e=0.2106, dqe_zero=0.4891)
"""The camera of conf/base."""
PIXEL_nm, EDGE = 0.02, 128


def keys(count):
    places = np.arange(count)
    return keys_at(np.full(count, stream_of(3, "augment")), places, places)


def thinned(counts, kept, camera, mean=None, std=None):
    """Electrons of images (M, p, p) after thinning, back from standardized units."""
    count = len(counts)
    mean = counts.mean() if mean is None else mean
    std = counts.std() if std is None else std
    exposure = Exposure(np.full(count, mean), np.full(count, std), camera)
    x = torch.from_numpy(((counts - mean) / std).astype(np.float32))
    y, scale = thin(x, np.full(count, kept), keys(count), exposure, np.arange(count))
    unit = kept * std / scale[0]  # of the result, in electrons
    return kept * mean + unit * y.numpy().astype(np.float64)


@pytest.mark.parametrize(("dose", "kept"), [(35.0, 0.09), (35.0, 0.7), (3.0, 0.5), (2000.0, 0.4)])
def test_thinned_poisson_counts_are_poisson_counts_of_the_smaller_dose(dose, kept):
    counts = np.random.default_rng(0).poisson(dose, (8, EDGE, EDGE))
    electrons = thinned(counts, kept, IDEAL)
    assert np.allclose(electrons, np.rint(electrons), atol=2e-3 * np.sqrt(dose)) or dose > 100
    expected, size = kept * dose, electrons.size
    assert electrons.mean() == pytest.approx(expected, abs=5 * np.sqrt(expected / size) + 1e-3)
    assert electrons.var() == pytest.approx(expected, rel=0.02)
    if dose < 100:  # the whole distribution, not only two moments
        whole = np.rint(electrons).astype(int)
        assert whole.min() >= 0
        cumulative = np.cumsum(np.bincount(whole.ravel())) / size
        exact = stats.poisson.cdf(np.arange(len(cumulative)), expected)
        assert np.abs(cumulative - exact).max() < 0.006


def test_few_and_many_electrons_are_drawn_alike():
    """At the count where drawing changes, mean and variance are binomial on both sides."""
    for factor in (0.99, 1.01):
        n = round(factor * LARGEST_VARIANCE / 0.25)
        electrons = thinned(np.full((8, EDGE, EDGE), n), 0.5, IDEAL, mean=n, std=1.0)
        assert electrons.mean() == pytest.approx(0.5 * n, abs=0.3)
        assert electrons.var() == pytest.approx(0.25 * n, rel=0.02)


def recorded(intensity, dose, seed):
    conditions = ImagingConditions(dose_e_per_A2=dose, **REAL.model_dump())
    return record(intensity, conditions, PIXEL_nm, np.random.default_rng(seed))


def power_spectrum(images):
    """Mean over images, in eight rings up to the Nyquist frequency."""
    spectrum = (np.abs(np.fft.fft2(images)) ** 2).mean(0) / images[0].size
    q = np.hypot(*np.meshgrid(np.fft.fftfreq(EDGE), np.fft.fftfreq(EDGE)))
    rings = np.digitize(q, np.linspace(0, 0.5, 9)[1:])
    return np.array([spectrum[(rings == k) & (q > 0)].mean() for k in range(8)])


def test_a_thinned_high_dose_image_is_like_one_simulated_at_low_dose():
    """From 884 to 80 e/Å² with the camera of the dose study: to 4 % in each ring."""
    y, x = np.mgrid[:EDGE, :EDGE]
    lattice = np.cos(2 * np.pi * x / 11) + np.cos(2 * np.pi * (x + 2 * y) / 13)
    intensity = 1 + 0.08 * lattice - 0.3 * ((x - 64) ** 2 + (y - 64) ** 2 < 40**2)
    high, low = (
        np.stack([recorded(intensity, dose, [k, int(dose)]) for k in range(60)])
        for dose in (884.0, 80.0)
    )
    electrons = thinned(high.astype(np.float64), 80 / 884, REAL)
    assert electrons.mean() == pytest.approx(low.mean(), rel=0.003)
    assert electrons.std() == pytest.approx(low.std(), rel=0.01)
    np.testing.assert_allclose(power_spectrum(electrons), power_spectrum(low), rtol=0.04)
    outside, inside = np.s_[:, :16, :16], np.s_[:, 48:80, 48:80]  # noise depends on the signal
    for part in (outside, inside):
        noise = [images[part] - images[part].mean(0) for images in (electrons, low)]
        assert noise[0].var() == pytest.approx(noise[1].var(), rel=0.04)
        skewness = [stats.skew(each, axis=None) for each in noise]
        assert 0.3 < skewness[0] / skewness[1] < 0.8  # strengths of spots are not drawn anew


def test_the_result_is_standardized_as_the_thinned_micrograph():
    counts = np.stack([recorded(np.ones((EDGE, EDGE)), 884.0, k) for k in range(30)])
    exposure = Exposure(np.full(30, counts.mean()), np.full(30, counts.std()), REAL)
    x = torch.from_numpy((counts - counts.mean()) / counts.std())
    y, _ = thin(x, np.full(30, 0.2), keys(30), exposure, np.arange(30))
    assert y.mean().item() == pytest.approx(0, abs=0.01)
    assert y.std().item() == pytest.approx(1, abs=0.01)


@pytest.fixture(scope="module")
def patches():
    patch_set = disc_patch_set(n=12)
    names = patch_set.index["micrograph"].unique()
    table = {"micrograph": names, "mean_counts": 35.0, "std_counts": 6.0}
    micrographs = type(patch_set.index)(table)
    return replace(patch_set, micrographs=micrographs)


def samples(places, mode="thinning", rho=0.1):
    noise = TrainingNoise(mode=mode, rho=rho)
    return samples_of(np.array(places), 1, stream=stream_of(9, "augment"), noise=noise)


def run(patches, chosen):
    options = {"rotation_probability": 0.5, "label_rotation": "nearest"}
    return augment(to_device(patches, "cpu", REAL), chosen, **options)


def test_a_sample_is_the_same_alone_and_in_any_batch(patches):
    x, y = run(patches, samples(range(12)))
    for patch in (11, 3, 7):
        alone = run(patches, samples([patch]))
        assert torch.equal(alone[0][0], x[patch]) and torch.equal(alone[1][0], y[patch])


def test_a_network_without_thinning_is_not_changed_by_one_with(patches):
    plain = samples_of(
        np.arange(12), 1, stream=stream_of(9, "augment"), noise=TrainingNoise(rho=0.5)
    )
    with_exposure = add_noise_only(to_device(patches, "cpu", REAL), plain)[0]
    assert torch.equal(with_exposure, add_noise_only(to_device(patches, "cpu"), plain)[0])


def test_mixed_shares_are_log_uniform():
    chosen = samples_of(
        np.arange(4000),
        0,
        stream=stream_of(1, "augment"),
        noise=TrainingNoise(mode="mixed_thinning", rho=0.05),
    )
    share = kept_share(chosen, keys_at(chosen.streams, chosen.passes, chosen.patches))
    assert stats.kstest(np.log(share) / np.log(0.05), "uniform").pvalue > 0.01
    fixed = samples([0, 1])
    assert (kept_share(fixed, keys(2)) == np.float32(0.1)).all()


def test_what_is_not_known_is_said(patches):
    old = replace(patches, micrographs=patches.micrographs.drop(columns="std_counts"))
    with pytest.raises(InputError, match="standard deviation of its counts"):
        to_device(old, "cpu", REAL)
    with pytest.raises(ValueError, match="no exposure"):
        add_noise_only(to_device(patches, "cpu"), samples([0]))
    with pytest.raises(ValueError, match="below 1"):
        TrainingNoise(mode="thinning", rho=1.0)
