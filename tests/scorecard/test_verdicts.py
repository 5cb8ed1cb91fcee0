"""Verdicts: intervals with known answers, and what cannot be decided says why."""

import math

import numpy as np
import pandas as pd
import pytest
from planted_studies import data_sets, flat, scores, square
from scipy.stats import ttest_1samp

from hrtem_shift.scorecard.claims import AllowedRange, Paper, at_least, at_most
from hrtem_shift.scorecard.findings import Findings
from hrtem_shift.scorecard.verdicts import SCORECARD_COLUMNS, interval, judge_claims

SETS = {"a": 4.0, "b": 2.0}


def decide(measure, holds, tables=None, study="some_study"):
    paper = Paper("a paper", "its title")
    given = {"figure": "Fig. 1", "study": "some_study", "statistic": "a number", "holds": holds}
    paper.claim(**given)(measure)
    result = judge_claims(paper.claims, {study: tables or own_and_away()}, seed=0)
    assert list(result) == SCORECARD_COLUMNS and len(result) == 1
    return result.iloc[0]


def own_and_away(same_set=0.9, other_sets=0.8, folds=5):
    return Findings(
        scores(square(SETS, flat(same_set, other_sets)), 0, folds=folds), data_sets("x", SETS)
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.3, "holds"), (0.0, 0.3, "holds"), (-0.1, 0.3, "undecided"), (-0.3, -0.1, "fails")],
)
def test_an_interval_inside_holds_outside_fails_and_across_an_end_is_undecided(low, high, verdict):
    assert at_least(0).verdict(low, high) == verdict
    assert at_most(0).verdict(-high, -low) == verdict


def test_equality_holds_only_within_both_ends():
    assert AllowedRange(-0.02, 0.02).verdict(-0.01, 0.01) == "holds"
    assert AllowedRange(-0.02, 0.02).verdict(-0.03, 0.01) == "undecided"
    assert AllowedRange(-0.02, 0.02).verdict(0.021, 0.03) == "fails"
    assert AllowedRange(-0.02, 0.02).verdict(-1, 1) == "undecided"


def test_ranges_in_words():
    assert [str(at_least(0.1)), str(at_most(-0.5)), str(AllowedRange(-1, 1))] == [
        "≥ 0.1",
        "≤ −0.5",
        "−1 to 1",
    ]


def test_a_claim_is_decided_by_the_interval_of_its_statistic():
    row = decide(lambda study: study.generalization_gap(), at_least(0.05))
    assert row["ours"] == pytest.approx(0.1, abs=0.01)
    assert row["low"] < row["ours"] < row["high"]
    assert (row["verdict"], row["n"], row["drawn"], row["reason"]) == ("holds", 5, "fold", "")
    assert decide(lambda study: study.generalization_gap(), at_least(0.2))["verdict"] == "fails"
    crossed = decide(lambda study: study.generalization_gap(), at_least(row["ours"]))
    assert crossed["verdict"] == "undecided" and "crosses" in crossed["reason"]


def test_a_study_that_was_not_run_decides_nothing():
    row = decide(lambda study: study.own_set(), at_least(0), study="another")
    assert row["verdict"] == "undecided" and row["reason"] == "some_study was not run"
    assert math.isnan(row["ours"]) and row["n"] == 0


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        (lambda s: s.select(variant="flat"), "variant flat"),
        (lambda s: s.select(rho=(1.0, 2.0)), "rho from 1 to 2"),
        (lambda s: s.cell("a", "c"), "trained on a and tested on c"),
        (lambda s: s.cell("a", "a", on_training=True), "on training patches"),
        (lambda s: s.own_set("f1_score"), "no f1_score"),
        (lambda s: s.sorted_descending("dose_e_per_A2"), "does not say dose_e_per_A2 of a"),
        (lambda s: s.sorted_descending("x", at_least=3), "fewer than 3"),
        (lambda s: s.findings.other("cells"), "no cells.csv"),
    ],
)
def test_what_lacks_is_said(measure, text):
    row = decide(measure, at_least(0))
    assert row["verdict"] == "undecided" and text in row["reason"]


def test_a_failed_network_is_not_counted_and_a_failed_cell_says_why():
    tables = own_and_away()
    rows = tables.scores
    lost = (rows["train_set"] == "a") & (rows["test_set"] == "b")
    rows.loc[lost & (rows["fold"] == 2), "hard_dice"] = math.nan
    assert decide(lambda study: study.generalization_gap(), at_least(0), tables)["n"] == 4
    rows.loc[lost, "hard_dice"] = math.nan
    rows["reason"] = np.where(lost, "not tested", "")
    row = decide(lambda study: study.generalization_gap(), at_least(0), tables)
    assert row["verdict"] == "undecided" and "not tested" in row["reason"]


def test_one_fold_has_no_scatter():
    row = decide(lambda study: study.own_set(), at_least(0), own_and_away(folds=1))
    assert row["verdict"] == "undecided" and row["reason"] == "n = 1 has no scatter"
    assert math.isfinite(row["ours"]) and math.isnan(row["low"])


def test_networks_that_have_not_learned_bear_nothing_out():
    """Two sets that are failed alike are no sign that networks generalize; a failure stands."""
    unlearned = own_and_away(same_set=0.3, other_sets=0.3)
    row = decide(lambda study: study.generalization_gap(), at_most(0.05), unlearned)
    assert row["verdict"] == "undecided" and "below 0.5" in row["reason"]
    assert decide(lambda study: study.own_set(), at_least(0.8), unlearned)["verdict"] == "fails"


def test_seeds_are_averaged_in_their_fold():
    table = scores({("a", "a"): 0.9}, 0)
    more = pd.concat([table, table[table["fold"] == 0].assign(seed=1, hard_dice=0.5)])
    row = decide(lambda study: study.own_set(), at_least(0), Findings(more))
    first = (table.loc[0, "hard_dice"] + 0.5) / 2
    assert row["ours"] == pytest.approx(np.mean([first, *table["hard_dice"][1:]]))
    assert row["n"] == 5


def test_an_own_fold_is_unseen_and_training_patches_stand_apart():
    table = pd.concat(
        [scores({("a", "a"): 0.8}, 0), scores({("a", "a"): 0.95}, 1, patches="train")]
    )
    gap = decide(
        lambda s: s.own_set(on_training=True) - s.own_set(), at_least(0.1), Findings(table)
    )
    assert gap["ours"] == pytest.approx(0.15, abs=0.01) and gap["verdict"] == "holds"


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_interval_of_a_mean_of_few_is_that_of_student(n):
    values = np.random.default_rng(n).normal(0.5, 0.1, n)
    result = interval(lambda draws: draws @ values / draws.sum(axis=1), n, seed=0)
    assert result == pytest.approx(tuple(ttest_1samp(values, 0).confidence_interval(0.95)))


@pytest.mark.parametrize("n", [3, 5])
def test_intervals_cover_the_truth_nearly_as_often_as_they_say(n):
    """A bootstrap of three values would cover it in 75 %."""
    samples = np.random.default_rng(3).normal(size=(300, n))
    result = [interval(lambda d, s=s: d @ s / d.sum(axis=1), n, seed=0) for s in samples]
    assert 0.90 < np.mean([low < 0 < high for low, high in result]) < 0.98


def test_the_same_tables_and_seed_give_the_same_scorecard():
    first, again = (decide(lambda study: study.generalization_gap(), at_least(0)) for _ in range(2))
    pd.testing.assert_series_equal(first, again)
