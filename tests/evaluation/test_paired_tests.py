"""Paired tests: hand-computed numbers, SciPy where it has the plain forms, and coverage."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.paired_tests import (
    MOST_SIGN_FLIPS,
    bootstrap_interval,
    paired_differences,
    paired_test,
)

BEFORE = np.array([0.80, 0.82, 0.78, 0.85, 0.81])
AFTER = np.array([0.84, 0.83, 0.85, 0.87, 0.80])
some_differences = st.lists(st.floats(-0.5, 0.5).map(lambda d: round(d, 3)), min_size=2, max_size=8)


def networks(values):
    """Table of {(fold, seed): Dice}."""
    return pd.DataFrame([(*key, v) for key, v in values.items()], columns=["fold", "seed", "dice"])


def differences(first, second):
    return paired_differences(networks(first), networks(second), "dice")


def compare(values, test_to_train=0.25, seed=0):
    return paired_test(values, test_to_train=test_to_train, seed=seed)


def mean_interval(values, seed=0):
    return bootstrap_interval(lambda draws: draws @ values / len(values), len(values), seed)


def test_without_the_correction_it_is_the_paired_t_test_of_scipy():
    outcome, expected = compare(AFTER - BEFORE, test_to_train=0), ttest_rel(AFTER, BEFORE)
    interval = expected.confidence_interval(0.95)
    assert outcome.p_corrected == pytest.approx(expected.pvalue)
    assert (outcome.corrected_low, outcome.corrected_high) == pytest.approx(tuple(interval))
    assert (outcome.low, outcome.high) == pytest.approx(tuple(interval))


def test_the_correction_by_hand():
    """Differences 1, 2, 3, 4, 5 in five folds: mean 3, variance 2.5, factor 1/5 + 1/4."""
    outcome = compare([1, 2, 3, 4, 5])
    error = math.sqrt(2.5 * 0.45)
    assert outcome.difference == 3
    # 2.776445: the 97.5 % quantile of Student's t with 4 degrees of freedom (any table).
    assert outcome.corrected_high - 3 == pytest.approx(2.776445 * error, rel=1e-6)
    assert 3 - outcome.corrected_low == pytest.approx(2.776445 * error, rel=1e-6)
    # Survival of t with 4 degrees: 1/2 - x (1 - x² / 3) 3/4, x = t / sqrt(t² + 4).
    x = (3 / error) / math.sqrt((3 / error) ** 2 + 4)
    assert outcome.p_corrected == pytest.approx(1 - 1.5 * x * (1 - x**2 / 3))


def test_sign_flips_by_hand():
    """Of the 8 sums ±1 ±2 ±4 two are as far out as 7, four as far as 5 = -1 +2 +4."""
    assert compare([1, 2, 4]).p_sign_flip == 2 / 8
    assert compare([-1, 2, 4]).p_sign_flip == 4 / 8


def test_five_folds_of_one_sign_cannot_go_below_one_sixteenth():
    assert compare([0.3, 0.2, 0.25, 0.31, 0.22]).p_sign_flip == 2 / 2**5


def test_too_many_folds_for_all_signs_leave_the_other_tests():
    outcome = compare(np.linspace(-1, 2, MOST_SIGN_FLIPS + 1))
    assert math.isnan(outcome.p_sign_flip)
    assert 0 < outcome.p_corrected < 1


def test_seeds_are_averaged_in_their_fold():
    first = {(0, 1): 0.5, (0, 2): 0.7, (1, 1): 0.6}
    second = {(0, 1): 0.6, (0, 2): 1.0, (1, 1): 0.5}
    assert differences(first, second).to_dict() == pytest.approx({0: 0.2, 1: -0.1})


def test_a_network_without_its_twin_is_left_out_and_a_fold_without_any_is_counted():
    first = {(0, 1): 0.5, (0, 2): 0.1, (1, 1): 0.6, (2, 1): 0.7}
    second = {(0, 1): 0.6, (1, 1): 0.5, (2, 1): math.nan}
    outcome = differences(first, second)
    assert outcome.to_dict() == pytest.approx({0: 0.1, 1: -0.1, 2: math.nan}, nan_ok=True)
    result = compare(outcome)
    assert (result.n, result.missing) == (2, 1)
    assert result.difference == pytest.approx(0)


def test_a_network_that_stands_twice_is_refused():
    table = networks({(0, 1): 0.5, (1, 1): 0.6})
    with pytest.raises(InputError, match="fold 0, seed 1"):
        paired_differences(table, pd.concat([table, table.iloc[:1]]), "dice")


@pytest.mark.parametrize("values", [[], [0.1], [math.nan, 0.1]])
def test_fewer_than_two_folds_have_no_interval(values):
    outcome = compare(values)
    unknown = {"low", "high", "bootstrap_low", "bootstrap_high", "corrected_low"}
    unknown |= {"corrected_high", "p_corrected", "p_sign_flip"}
    assert all(math.isnan(getattr(outcome, name)) for name in unknown)


def test_equal_differences_are_certain_and_none_at_all_is_no_evidence():
    assert compare([0.25] * 4).p_corrected == 0
    assert compare([0.0] * 4).p_corrected == compare([0.0] * 4).p_sign_flip == 1


@settings(max_examples=20, deadline=None)
@given(some_differences)
def test_exchanging_the_conditions_mirrors_the_result(values):
    there, back = compare(values), compare(np.negative(values))
    assert there.difference == pytest.approx(-back.difference)
    assert there.corrected_low == pytest.approx(-back.corrected_high)
    assert there.p_corrected == pytest.approx(back.p_corrected)
    assert there.p_sign_flip == pytest.approx(back.p_sign_flip)


@settings(max_examples=20, deadline=None)
@given(some_differences)
def test_the_correction_only_widens(values):
    outcome = compare(values)
    assert outcome.corrected_low <= outcome.low <= outcome.difference <= outcome.high
    assert outcome.p_corrected >= compare(values, test_to_train=0).p_corrected


def test_the_bootstrap_is_decided_by_its_seed():
    values = AFTER - BEFORE
    assert compare(values, seed=3) == compare(values, seed=3)
    assert mean_interval(np.arange(30.0), seed=3) != mean_interval(np.arange(30.0), seed=4)


def test_the_bootstrap_of_many_folds_is_the_t_interval():
    values = np.random.default_rng(0).normal(0.1, 0.05, size=200)
    outcome = compare(values)
    half = (outcome.high - outcome.low) / 2
    assert outcome.bootstrap_low == pytest.approx(outcome.low, abs=0.05 * half)
    assert outcome.bootstrap_high == pytest.approx(outcome.high, abs=0.05 * half)


def test_the_bootstrap_of_five_folds_covers_the_truth_nearly_as_often_as_it_says():
    """Plain percentiles, the 2.5 and 97.5 % quantiles of the same draws, cover 0.86."""
    samples = np.random.default_rng(1).normal(size=(300, 5))
    intervals = np.array([mean_interval(sample) for sample in samples])
    covered = (intervals[:, 0] < 0) & (intervals[:, 1] > 0)
    assert 0.90 < covered.mean() < 0.98


def test_a_draw_without_a_value_is_left_out():
    low, high = bootstrap_interval(
        lambda draws: np.where(draws[:, 0] > 0, draws @ [0.0, 1.0] / 2, np.nan), 2, 0
    )
    assert (low, high) == (0.0, 0.5)
