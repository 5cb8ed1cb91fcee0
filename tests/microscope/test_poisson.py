import numpy as np
import pytest
from scipy.stats import chisquare, poisson

from hrtem_shift.microscope.poisson import LARGEST_MEAN, _tabulate, poisson_counts

JUST_BELOW_16 = float(np.nextafter(np.float32(16), np.float32(0)))
MEANS = [0.03, 0.25, 0.7, 1.0, 3.2, JUST_BELOW_16, 16.0, 16.3, 35.4, 99.99, 250.5, 256.0, 257.0]


def draw(mean, seed=0, shape=(512, 512)):
    return poisson_counts(np.full(shape, mean, dtype=np.float32), np.random.default_rng(seed))


def deviation(counts, mean):
    """p of chi-square against scipy's probabilities, with tails in bins of 10 or more."""
    low, high = poisson.ppf([10 / counts.size, 1 - 10 / counts.size], np.float32(mean))
    numbers = np.arange(low, high)
    chances = np.diff([0, *poisson.cdf(numbers, np.float32(mean)), 1])
    edges = [-np.inf, *(numbers + 0.5), np.inf]
    return chisquare(np.histogram(counts, edges)[0], chances * counts.size).pvalue


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("seed", [0, 1])
def test_numbers_are_as_frequent_as_poisson_says(mean, seed):
    """Also where tables change, and on both sides of the largest mean that has one."""
    assert deviation(draw(mean, seed), mean) > 1e-4


@pytest.mark.parametrize("mean", [3.2, 16.05])
def test_the_test_of_frequencies_finds_means_that_are_off_by_a_part_of_a_table(mean):
    assert deviation(draw(mean), mean + 0.2) < 1e-6


@pytest.mark.parametrize("mean", MEANS)
def test_the_variance_is_the_mean(mean):
    counts = draw(mean, seed=2).astype(np.float64)
    assert counts.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / counts.size))
    # The fourth central moment of a Poisson number is 3 mean² + mean.
    spread = np.sqrt((2 * mean**2 + mean) / counts.size)
    assert counts.var() == pytest.approx(mean, abs=5 * spread)


@pytest.mark.parametrize("mean", [0.0, 0.25, 7.75, 64.0, 255.75])
def test_tables_are_the_cumulative_probabilities(mean):
    least, cumulative, guide = int(max(0, mean - 164)), np.empty(350), np.empty(256, np.uint16)
    _tabulate(mean, least, cumulative, guide)
    exact = poisson.cdf(least + np.arange(350), mean)
    np.testing.assert_allclose(cumulative, exact, rtol=0, atol=1e-14)
    assert cumulative[-1] == 1
    np.testing.assert_array_equal(guide, np.searchsorted(cumulative, np.arange(256) / 256, "right"))


def test_each_pixel_has_the_mean_it_was_given():
    ramp = np.tile(np.linspace(0, 40, 512, dtype=np.float32), (4096, 1))
    counts = poisson_counts(ramp, np.random.default_rng(0))
    off = (counts.mean(axis=0, dtype=np.float64) - ramp[0]) / np.sqrt(np.maximum(ramp[0], 1) / 4096)
    assert np.abs(off).max() < 4.5
    assert off.std() == pytest.approx(1, abs=0.15)
    assert counts.dtype == np.float32 and (counts == counts.round()).all()


@pytest.mark.parametrize("mean", [0.2, 16.1])
def test_neighbours_are_independent(mean):
    counts = draw(mean) - np.float32(mean)
    for axis in (0, 1):
        product = (counts * np.roll(counts, 1, axis)).mean(dtype=np.float64)
        assert product / mean == pytest.approx(0, abs=5 / np.sqrt(counts.size))


def test_nothing_expected_is_nothing_counted():
    assert not draw(0.0).any()
    half = np.zeros((64, 64))
    half[:, 32:] = 50
    counts = poisson_counts(half, np.random.default_rng(0))
    assert not counts[:, :32].any() and counts[:, 32:].all()


@pytest.mark.parametrize("mean", [5.3, LARGEST_MEAN + 1])
def test_numbers_depend_on_the_seed_alone(mean):
    np.testing.assert_array_equal(draw(mean, seed=4), draw(mean, seed=4))
    assert (draw(mean, seed=4) != draw(mean, seed=5)).any()


@pytest.mark.parametrize("wrong", [-0.1, np.nan])
def test_means_that_cannot_be_are_refused(wrong):
    expected = np.ones((8, 8), dtype=np.float32)
    expected[3, 4] = wrong
    with pytest.raises(ValueError, match="lam"):
        poisson_counts(expected, np.random.default_rng(0))
