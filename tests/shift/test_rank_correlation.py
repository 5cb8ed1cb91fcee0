"""Rank correlations against SciPy; relations that are there are found, and noise is not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest, spearmanr

from hrtem_shift.errors import InputError
from hrtem_shift.shift.rank_correlation import (
    bootstrap_medians,
    mantel_test,
    median_row,
    pooled,
    pooled_without_row_effects,
    split_half_ceiling,
    two_way_bootstrap,
    within_rows,
)

matrices = arrays(float, (3, 6), elements=st.integers(-4, 4).map(float))


def similar(conditions=9, seed=0):
    """Similarity of random places on a line."""
    positions = np.random.default_rng(seed).normal(size=conditions)
    return np.exp(-np.abs(np.subtract.outer(positions, positions)))


def scores(similarity, noise, seed=1):
    """Monotone in similarity, with a level for each row and column."""
    rng = np.random.default_rng(seed)
    rows, columns = similarity.shape
    levels = 0.1 * rng.normal(size=(rows, 1)) + 0.02 * rng.normal(size=columns)
    return 0.5 + 0.4 * similarity**2 + levels + noise * rng.normal(size=similarity.shape)


@settings(max_examples=30, deadline=None)
@given(matrices, matrices)
def test_rows_are_those_of_scipy(x, y):
    result = within_rows(x, y)
    for row in range(3):
        if np.ptp(x[row]) == 0 or np.ptp(y[row]) == 0:
            assert math.isnan(result[row])
        else:
            assert result[row] == pytest.approx(spearmanr(x[row], y[row]).statistic)


def test_a_row_without_an_order_counts_as_none():
    assert median_row(np.array([0.9, math.nan, math.nan])) == 0
    assert median_row(within_rows(np.ones((3, 5)), similar()[:3, :5])) == 0


def test_missing_cells_are_left_out():
    x, y = similar(), scores(similar(), 0.1)
    y[2, [1, 4]] = math.nan
    keep = np.isfinite(y[2])
    assert within_rows(x, y)[2] == pytest.approx(spearmanr(x[2, keep], y[2, keep]).statistic)
    y[3, 2:] = math.nan
    assert math.isnan(within_rows(x, y)[3])


def test_equal_values_are_ties_whatever_their_rounding_error():
    x = np.array([[0.1, 0.3, 0.3 + 1e-15, 0.7]])
    y = np.array([[1.0, 3.0, 2.0, 4.0]])
    assert within_rows(x, y)[0] == pytest.approx(spearmanr([1, 2, 2, 3], y[0]).statistic)


def test_row_effects_hide_a_relation_from_the_pool_and_are_taken_away():
    x = similar(30)[:6]
    y = x + 5 * np.arange(6)[:, None]
    assert pooled(x, y) < 0.5
    assert pooled_without_row_effects(x, y) == pytest.approx(1, abs=0.01)
    assert median_row(within_rows(x, y)) == pytest.approx(1)


def test_columns_drawn_twice_are_ties():
    """The bootstrap's draws against Spearman's correlation of really repeated columns."""
    from hrtem_shift.shift.rank_correlation import _cells, _row_correlations

    x, y = similar(7)[:2], scores(similar(7), 0.1)[:2]
    counts = np.array([[2, 0, 1, 3, 1, 0, 0], [1, 1, 1, 1, 1, 1, 1]])
    result = _row_correlations(*_cells(x, y), counts.astype(float))
    for draw, times in zip(result, counts, strict=True):
        columns = np.repeat(np.arange(7), times)
        expected = [spearmanr(x[r, columns], y[r, columns]).statistic for r in range(2)]
        assert draw == pytest.approx(expected)


def test_a_relation_is_found_with_its_interval():
    x = similar(14)
    result = two_way_bootstrap(x, scores(x, 0.02), seed=0)
    assert result.value > 0.9
    assert 0.7 < result.low <= result.value <= result.high <= 1


def test_no_relation_is_found_in_noise():
    x = similar(14)
    y = np.random.default_rng(3).normal(size=x.shape)
    result = two_way_bootstrap(x, y, seed=0)
    assert abs(result.value) < 0.35
    assert result.low < 0 < result.high


def test_draws_are_those_of_their_seed_and_shared_by_measures():
    x = similar(6)
    y = scores(x, 0.1)
    assert np.array_equal(bootstrap_medians(x, y, seed=4), bootstrap_medians(x, y, seed=4))
    # Spearman's correlation knows order alone, and the draws are the same:
    assert np.array_equal(bootstrap_medians(x, y, seed=4), bootstrap_medians(x**3, y, seed=4))


def mantel(similarity, y, seed=0, permutations=199):
    n = len(similarity)
    test = mantel_test(similarity, y, range(n), range(n), seed=seed, permutations=permutations)
    return test.p


def test_relabelled_conditions_do_worse_than_a_relation():
    x = similar()
    assert mantel(x, scores(x, 0.02)) == pytest.approx(1 / 200)


def test_the_p_value_of_noise_is_uniform():
    """Also with levels for rows and columns, which relabelling keeps."""
    result = [
        mantel(similar(8, seed), scores(np.zeros((8, 8)), 0.05, seed), seed, 99)
        for seed in range(40)
    ]
    assert kstest(result, "uniform").pvalue > 0.01
    assert 0.3 < np.mean(result) < 0.7


def test_rows_and_columns_that_are_some_of_the_conditions():
    x = similar(12)
    train, test = [0, 3, 7, 9], [1, 2, 3, 5, 8, 10, 11]
    y = scores(x[np.ix_(train, test)], 0.0)
    result = mantel_test(x, y, train, test, seed=0, permutations=99)
    assert result.median == median_row(within_rows(x[np.ix_(train, test)], y))
    assert result.p < 0.05


def by_seed(noise, seeds=6):
    x = similar(10)
    rng = np.random.default_rng(0)
    return scores(x, 0)[:, :, None] + noise * rng.normal(size=(10, 10, seeds))


def test_the_ceiling_falls_with_the_noise_of_seeds():
    still, noisy, drowned = (split_half_ceiling(by_seed(s), seed=0) for s in (0.0, 0.05, 2.0))
    assert still.value == pytest.approx(1)
    assert 0.6 < noisy.value < 0.999
    assert drowned.value < 0.4
    assert drowned.low < drowned.value < drowned.high


def test_one_seed_has_no_ceiling_and_a_missing_network_is_no_warning():
    assert math.isnan(split_half_ceiling(by_seed(0.1, seeds=1), seed=0).value)
    holes = by_seed(0.05)
    holes[2, 3] = math.nan
    assert split_half_ceiling(holes, seed=0).value > 0.6


def test_matrices_of_different_shapes_are_refused():
    with pytest.raises(InputError, match="same order"):
        within_rows(np.ones((2, 3)), np.ones((3, 2)))
