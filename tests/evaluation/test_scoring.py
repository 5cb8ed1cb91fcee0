"""Which patches a network is tested on, and tables that never lose a cell."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.evaluation.dice import COUNTS
from hrtem_shift.evaluation.scoring import mean_and_std, plan_tests, tabulate

PLAN = pd.DataFrame(
    {
        "run_id": ["a", "b"],
        "train_set": ["high", "low"],
        "fold": [0, 1],
        "seed": 0,
        "noise_mode": "fixed",
        "rho": 0.0,
    }
)
PRINTS = {"high": "h1", "low": "l1"}


def test_own_set_is_tested_on_the_fold_and_others_whole():
    tests = plan_tests(PLAN, ["high", "low"], PRINTS)
    patches = {(r.run_id, r.test_set): r.patches for r in tests.itertuples()}
    assert patches == {
        ("a", "high"): "fold",
        ("a", "low"): "whole",
        ("b", "high"): "whole",
        ("b", "low"): "fold",
    }


def test_a_changed_test_set_has_another_test_id():
    before = plan_tests(PLAN, ["high"], PRINTS)["test_id"]
    after = plan_tests(PLAN, ["high"], PRINTS | {"high": "h2"})["test_id"]
    assert not set(before) & set(after)


def test_a_missing_score_is_a_row_with_nan():
    tests = plan_tests(PLAN, ["high"], PRINTS)
    key = tests["run_id"][0], tests["test_id"][0]
    table = tabulate(tests, {key: pd.DataFrame([[1, 0, 1, 2]], columns=COUNTS)})
    assert table["hard_dice"][0] == pytest.approx(2 / 3)
    assert np.isnan(table["hard_dice"][1])
    assert table["n_patches"].tolist() == [1, 0]


def test_spread_has_one_degree_of_freedom_less_and_nan_is_never_dropped():
    scores = pd.DataFrame(
        {"set": ["x", "x", "x", "y", "y"], "hard_dice": [0.1, 0.2, 0.6, 0.5, np.nan]}
    )
    table = mean_and_std(scores, ["set"]).set_index("set")
    assert table.loc["x", "hard_dice_mean"] == pytest.approx(0.3)
    assert table.loc["x", "hard_dice_std"] == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1))
    assert np.isnan(table.loc["y", "hard_dice_mean"])
    assert table["n_networks"].tolist() == [3, 1]
