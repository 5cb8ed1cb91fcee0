"""Repairs beside the same networks without: pairs, intervals, and what is not compared."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from hrtem_shift.evaluation.repairs import MIXED, repairs

OPTIONS = {"folds": 5, "seeds": 1, "seed": 0}


def network(fold, seed=0, dice=0.5, test_set="low", **more):
    plain = {"noise_mode": "fixed", "rho": 0.0, "test_rho": 0.0, "norm_share": 0.0}
    cell = {"train_set": "high", "test_set": test_set, "patches": "whole"}
    return {**cell, "fold": fold, "seed": seed, **plain, "hard_dice": dice, **more}


def test_mixed_norms_are_paired_by_fold():
    before, after = np.array([0.5, 0.6, 0.4, 0.55, 0.45]), np.array([0.7, 0.75, 0.65, 0.8, 0.7])
    rows = [network(fold, dice=dice) for fold, dice in enumerate(before)]
    rows += [network(fold, dice=dice, norm_share=0.3) for fold, dice in enumerate(after)]
    rows += [network(0, seed=1, dice=0.1, norm_share=0.3)]  # of the noise axis
    (row,) = repairs(pd.DataFrame(rows), **OPTIONS).to_dict("records")
    assert (row["repair"], row["strength"], row["paired_by"], row["n"]) == (MIXED, 0.3, "fold", 5)
    assert row["hard_dice_as_is"] == pytest.approx(before.mean())
    assert row["hard_dice"] == pytest.approx(after.mean())
    assert row["change"] == pytest.approx((after - before).mean())
    student = ttest_rel(after, before).confidence_interval()
    assert row["low"] < student.low < student.high < row["high"]  # folds share training images


def test_noise_of_a_single_fold_is_paired_by_network():
    before, after = [0.5, 0.3], [0.72, 0.68]
    rows = [network(0, seed, dice) for seed, dice in enumerate(before)]
    rows += [network(0, seed, dice, rho=1.0) for seed, dice in enumerate(after)]
    rows += [network(0, seed, 0.9, rho=1.0, test_rho=1.0) for seed in range(2)]
    rows += [network(3, dice=0.9)]  # without a partner
    (row,) = repairs(pd.DataFrame(rows), **OPTIONS).to_dict("records")
    assert (row["repair"], row["strength"]) == ("fixed noise", 1.0)
    assert (row["paired_by"], row["n"]) == ("network", 2)
    assert row["change"] == pytest.approx(0.3)
    student = ttest_rel(after, before).confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((student.low, student.high))


def test_repairs_of_one_cell_stand_side_by_side():
    rows = [network(fold, test_set=name) for fold in range(2) for name in ("high", "low")]
    more = [{**row, "norm_share": 0.3} for row in rows]
    noisy = [{**row, "rho": 1.0, "noise_mode": "uniform"} for row in rows]
    table = repairs(pd.DataFrame([*rows, *noisy, *more]), **OPTIONS)
    assert list(zip(table["test_set"], table["repair"], strict=True)) == [
        ("high", MIXED),
        ("high", "uniform noise"),
        ("low", MIXED),
        ("low", "uniform noise"),
    ]


def test_without_any_repair_the_table_is_empty():
    assert repairs(pd.DataFrame([network(0)]), **OPTIONS).empty
