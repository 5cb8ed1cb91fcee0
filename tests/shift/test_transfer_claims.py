"""The registered claims come out as planted, on a small study of conditions."""

import numpy as np
import pytest
from planted_conditions import (
    CONDITIONS,
    LATTICES,
    MIXED,
    TRAINED,
    covariates,
    decided,
    scores,
    verdicts,
)

from hrtem_shift.shift.claim_rows import ClaimRows, Threshold
from hrtem_shift.shift.rank_correlation import Estimate
from hrtem_shift.shift.transfer_claims import CLAIMS, decide_transfer_claims

PREDICTABILITY = [claim for claim in CLAIMS if claim.startswith("predictability")]
JOINT = ("test_power", "train_power", "overlap_magnitude")


@pytest.fixture(scope="module")
def of():
    return covariates()


def transferred(of):
    """Dice by powers of test and training and their overlap, from 0.3 to 0.9."""
    power, training, overlap = (of.values[name] for name in JOINT)
    return 0.1 + 0.6 * power + 0.3 * training + 0.5 * overlap * power


def test_dice_by_the_joint_covariates_is_predicted(of):
    result = decided(transferred(of), of, noise=0.004)
    assert (verdicts(result.claims)[PREDICTABILITY] == "holds").all()
    best = result.predictions
    assert best["model"].iloc[0] in ("joint, magnitude", "transfer")
    assert set(best["held_out"]) == {"row", "column", "both", "training set"}
    assert len(best) == 3 * len(TRAINED) * (len(CONDITIONS) - 1) + len(MIXED) * len(CONDITIONS)
    error, other = (best[name] - best["hard_dice"] for name in ("best", "baseline"))
    assert error.std() < other.std() / 2


@pytest.mark.parametrize("axis", [0, 1])
def test_a_random_number_for_each_row_or_column_is_not_predicted(of, axis):
    shape = [len(of.train_sets), len(of.test_sets)]
    shape[axis] = 1
    level = np.random.default_rng(3).uniform(0.3, 0.9, shape)
    dice = np.broadcast_to(level, (len(of.train_sets), len(of.test_sets)))
    result = decided(dice, of)
    assert verdicts(result.claims)["predictability: held-out R²"] == "fails"
    remains = result.claims[result.claims["claim"] == "what remains"]["value"].to_numpy()
    assert remains[axis] > 0.5 and remains[axis] > remains[1 - axis]
    assert remains[2] >= remains[axis]


@pytest.mark.parametrize(("sign", "verdict"), [(1, "holds"), (-1, "fails")])
def test_dose_is_decided_both_ways(of, sign, verdict):
    shared = of.values["information_jaccard"]
    result = decided(0.6 + sign * 0.3 * (shared - 0.5), of)
    assert verdicts(result.claims)["dose"] == verdict


@pytest.mark.parametrize(("loss", "verdict"), [(0.2, "holds"), (-0.05, "fails")])
def test_a_loss_on_other_structures_is_a_limit(of, loss, verdict):
    flat = np.full((len(of.train_sets), len(of.test_sets)), 0.8)
    result = decided(flat, of, structure_loss=loss)
    assert verdicts(result.claims)["limits"] == verdict


@pytest.mark.parametrize(("sign", "verdict"), [(1, "holds"), (-1, "fails")])
def test_power_of_training_says_what_can_be_learnt(of, sign, verdict):
    power = of.values["train_power"]
    decisions = verdicts(decided(0.5 + sign * power, of, noise=0.002).claims)
    assert decisions["information: power"] == verdict


@pytest.mark.parametrize(
    ("loss_per_nm", "stable", "falls"), [(0.001, "holds", "holds"), (0.02, "fails", "holds")]
)
def test_a_linear_loss_in_defocus_has_its_distance(of, loss_per_nm, stable, falls):
    dice = 0.9 - loss_per_nm * of.values["defocus_difference_nm"]
    result = decided(dice, of, noise=0.002)
    decisions = verdicts(result.claims)
    assert decisions["stability"] == stable
    assert decisions["smoothness: distance"] == falls
    distances = result.distances.set_index(["axis", "loss"])["distance"]
    expected = 0.05 / loss_per_nm
    for side in ("underfocus", "overfocus"):
        measured = distances[f"defocus, towards {side}", 0.05]
        assert measured == pytest.approx(expected, rel=0.15)
    assert distances["dose, down", 0.05] == np.inf


def test_a_planned_network_without_a_score_stops_every_decision(of):
    table = scores(transferred(of), of.train_sets, of.test_sets)
    table.loc[5, "hard_dice"] = np.nan
    result = decide_transfer_claims(
        table, CONDITIONS, of, len(TRAINED), list(MIXED), LATTICES, seed=1
    )
    assert (verdicts(result.claims) == "undecided").all()
    assert set(result.claims["claim"]) == set(CLAIMS)
    assert result.claims["note"].str.startswith("1 of ").all() and result.predictions.empty


def test_without_distributions_and_structures_their_claims_are_undecided(of):
    table = scores(transferred(of), of.train_sets, of.test_sets)
    result = decide_transfer_claims(table, CONDITIONS, of, len(TRAINED), [], [], seed=1)
    decisions = verdicts(result.claims)
    assert decisions[["limits", "predictability: mixed training sets"]].eq("undecided").all()
    assert decisions["predictability: held-out R²"] != "undecided"


def test_one_seed_leaves_predictability_undecided_with_the_reason(of):
    table = scores(transferred(of), of.train_sets, of.test_sets)
    table = table[table["seed"] == 0]
    result = decide_transfer_claims(
        table, CONDITIONS, of, len(TRAINED), list(MIXED), LATTICES, seed=1
    )
    rows = result.claims[result.claims["claim"] == "predictability: held-out R²"]
    assert (rows["claim_verdict"] == "undecided").all()
    undecided = rows[rows["verdict"] == "undecided"]
    assert undecided["note"].str.endswith("R²max needs two networks of a fold").all()
    assert (undecided["threshold"] == "≥ undefined").all() and undecided["value"].gt(0.5).all()


@pytest.mark.parametrize(
    ("estimate", "verdict"),
    [
        (Estimate(12, 11, 14), "holds"),
        (Estimate(12, 9, 14), "undecided"),
        (Estimate(8, 7, 9), "fails"),
        (Estimate(float("nan"), float("nan"), float("nan")), "undecided"),
        (Estimate(float("inf"), 10, float("inf")), "holds"),
    ],
)
def test_a_limit_holds_fails_or_lies_across(estimate, verdict):
    threshold = Threshold("low", ">=", 10)
    assert threshold.verdict(estimate) == verdict and str(threshold) == "low ≥ 10"


def test_a_claim_needs_all_of_its_statistics_and_the_dose_any():
    rows = ClaimRows()
    for claim in ("stability", "dose"):
        rows.add(claim, "first", Estimate(1, 1, 1), 1, "cells", [Threshold("value", ">", 0)])
        rows.add(claim, "second", Estimate(-1, -1, -1), 1, "cells", [Threshold("value", ">", 0)])
    table = rows.table()
    assert verdicts(table).to_dict() == {"stability": "fails", "dose": "holds"}
    assert table["verdict"].tolist() == ["holds", "fails"] * 2
    rows.add("limits", "across", Estimate(1, -1, 2), 1, "cells", [Threshold("low", ">", 0)])
    assert rows.table().iloc[-1]["note"] == "the interval crosses the threshold"
