"""Numbers of networks, compared with statsmodels, with trials, and with planted spreads."""

import math

import numpy as np
import pytest
from planted_studies import dose_study, size_study
from scipy.stats import t

from hrtem_shift.evaluation.power import MOST, networks_needed, pairs_needed, power_of


@pytest.mark.parametrize(("n", "std"), [(3, 0.01), (5, 0.02), (12, 0.03), (60, 0.05)])
def test_power_is_that_of_statsmodels(n, std):
    power = pytest.importorskip("statsmodels.stats.power").TTestPower()
    expected = power.power(0.02 / std, n, 0.05, alternative="two-sided")
    assert power_of(n, std, 0.02) == pytest.approx(expected, abs=1e-3)  # one tail is left out


def test_a_printed_number():
    """Cohen (1988), table 2.4.1: effect 0.5, two-sided 0.05, power 0.8: 33 or 34 pairs."""
    assert pairs_needed(0.04, 0.02) == pytest.approx(33.5, abs=0.5)


@pytest.mark.parametrize("share_training", [False, True])
def test_the_planned_number_decides_four_times_in_five(share_training):
    """Simulated trials, tested by Student's formula with the variance of `paired_test`."""
    std, rng, trials = 0.03, np.random.default_rng(0), 4000
    n = int(pairs_needed(std, 0.04, share_training=share_training))
    ratio = 1 / (n - 1) if share_training else 0
    common = rng.normal(0, std * math.sqrt(ratio), (trials, 1))  # of folds that share training
    values = 0.04 + common + rng.normal(0, std, (trials, n))
    error = values.std(axis=1, ddof=1) * math.sqrt(1 / n + ratio)
    decided = np.abs(values.mean(axis=1)) / error > t.isf(0.025, n - 1)
    assert decided.mean() == pytest.approx(0.8, abs=0.06)


def test_limits():
    assert pairs_needed(0.0, 0.02) == 2
    assert math.isinf(pairs_needed(5.0, 0.02)) and math.isnan(pairs_needed(math.nan, 0.02))
    assert power_of(MOST, 5.0, 0.02) < 0.8
    assert pairs_needed(0.02, 0.02, share_training=True) > pairs_needed(0.02, 0.02)


def test_every_comparison_of_a_study_has_a_row():
    sizes = networks_needed(size_study().scores, seeds=1, difference=0.02)
    assert len(sizes) == 3 * 3 and (sizes["n"] == 5).all()
    scatter = 0.005 * math.sqrt(2)  # planted
    assert sizes["std"].mean() == pytest.approx(scatter, rel=0.4)
    assert (sizes["networks"] <= sizes["folds"]).all()
    assert (sizes["networks_high"] >= sizes["networks"]).all()


def test_noise_is_paired_with_the_same_networks_without():
    scores = dose_study().scores
    rows = networks_needed(scores, seeds=1, difference=0.02)
    noise = rows[rows["compared"] == "noise"]
    assert set(noise["tested"]) == {"high", "low"} and (noise["n"] == 5).all()
    assert set(noise["second"]) == {
        f"high, {kind}"
        for kind in (
            *("fixed 0.25", "fixed 0.5", "fixed 1", "fixed 2"),
            *("uniform 1", "uniform 2", "thinning 0.09"),
        )
    }
    no_noise = scores[scores["rho"] == 0]
    assert "noise" not in set(networks_needed(no_noise, seeds=1, difference=0.02)["compared"])
