"""Decide the registered claims on transfer and Dice: docs/evidence/transfer-claims.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.shift.claim_rows import UNDEFINED, ClaimRows, Threshold
from hrtem_shift.shift.covariates import Covariates
from hrtem_shift.shift.criteria import LEAST_CORRELATION, structure_control
from hrtem_shift.shift.defocus_series import (
    distance_correlation,
    interpolation_errors,
    median_magnitude,
)
from hrtem_shift.shift.prediction_claims import PREDICTION_COLUMNS, predictability
from hrtem_shift.shift.rank_correlation import (
    FEWEST_CELLS,
    Estimate,
    median_row,
    two_way_bootstrap,
    within_rows,
)
from hrtem_shift.shift.score_matrix import score_matrix
from hrtem_shift.shift.stability import (
    FEWEST_PAIRS,
    differ_in_alone,
    distances_of_loss,
    losses_along_axes,
)

STABLE = {
    "defocus, towards underfocus": 10.0,
    "defocus, towards overfocus": 10.0,
    "Cs": 0.3,
    "dose, down": 1.0,
    "dose, up": 1.0,
}
"""Axis -> distance within which less than `STABLE_LOSS` may be lost."""
STABLE_LOSS = 0.05
LARGEST_ERROR, FALLING = 0.05, -0.5
LEARNED = 0.5
"""Hard Dice under the own condition below which a network has learnt nothing (scorecard)."""
INFORMATION_OF_TRAINING = {
    "power": "train_power",
    "resolved power": "resolved_train_power",
    "bits": "log_train_information",
}


class TransferClaims(NamedTuple):
    """Tables of `decide_transfer_claims`.

    Attributes
    ----------
    claims : DataFrame
        claim, statistic, value, low, high (95 %), threshold, verdict (holds, fails or
        undecided; reported where nothing hangs on it), n, of (what n counts), note,
        claim_verdict (of the claim in all).
    predictions : DataFrame
        train_set, test_set, held_out (row, column, both, or training set for sets of mixed
        conditions), hard_dice (mean over networks), best, baseline (predictions), model (which
        is the best).
    losses, distances : DataFrame
        Pairs along axes, and how far a test may go: `hrtem_shift.shift.stability`.
    """

    claims: pd.DataFrame
    predictions: pd.DataFrame
    losses: pd.DataFrame
    distances: pd.DataFrame


def decide_transfer_claims(
    scores: pd.DataFrame,
    conditions: Mapping[str, ImagingConditions],
    covariates: Covariates,
    trained: int,
    distributions: Sequence[str],
    lattices: Sequence[str],
    *,
    seed: int,
) -> TransferClaims:
    """Decide every claim of a study of conditions.

    Parameters
    ----------
    scores : DataFrame
        Of networks without noise: one row a network and test set.
    conditions : mapping
        Name -> condition, of all tests; the first `trained` of them are trained under.
    covariates : Covariates
        Of those rows and columns, and of further training sets of mixed conditions.
    trained : int
        Number of single training conditions.
    distributions : sequence of str
        The further training sets that a claim is about.
    lattices : sequence of str
        Data sets that differ in their specimen alone; may be empty.
    seed : int
        Root seed of intervals and blocks.
    """
    names = list(conditions)
    measured = score_matrix(scores, covariates.train_sets, names)
    missing = int(scores["hard_dice"].isna().sum())
    if missing:
        return _undecided(f"{missing} of {len(scores)} planned tests have no score", conditions)
    networks = scores[["fold", "seed"]].drop_duplicates().sort_values(["fold", "seed"])
    by_network = measured.by_network[:trained]
    dice = by_network.mean(axis=2)
    unseen = np.where(measured.seen[:trained], np.nan, dice)
    losses = losses_along_axes(dice, conditions)
    distances = distances_of_loss(losses, seed=seed)
    rows = ClaimRows()
    _stability(rows, distances)
    _smoothness(rows, unseen, conditions, seed)
    predictions = predictability(
        rows,
        covariates,
        measured.by_network,
        trained,
        networks["fold"].to_numpy(),
        distributions,
        seed,
    )
    _limits(rows, scores, lattices, seed)
    _information(rows, np.diag(dice), covariates, seed)
    _dose(rows, unseen, covariates, differ_in_alone(conditions, "dose_e_per_A2")[:trained])
    _learnt_nothing(rows, by_network)
    return TransferClaims(rows.table(), predictions, losses, distances)


CLAIMS = (
    "stability",
    "smoothness: neighbours",
    "smoothness: distance",
    "predictability: held-out R²",
    "predictability: better than plain covariates",
    "predictability: better than overlap alone",
    "predictability: mixed training sets",
    "limits",
    *(f"information: {name}" for name in INFORMATION_OF_TRAINING),
    "dose",
)
"""Names of the registered claims."""


def _undecided(why: str, conditions: Mapping[str, ImagingConditions]) -> TransferClaims:
    rows = ClaimRows()
    for claim in CLAIMS:
        rows.add(claim, "not computed", UNDEFINED, 0, "", [], why, verdict="undecided")
    losses = losses_along_axes(np.empty((0, len(conditions))), conditions)
    return TransferClaims(
        rows.table(),
        pd.DataFrame(columns=PREDICTION_COLUMNS),
        losses,
        distances_of_loss(losses, seed=0),
    )


def _learnt_nothing(rows: ClaimRows, by_network: NDArray[np.float64]) -> None:
    own = by_network[np.arange(len(by_network)), np.arange(len(by_network))]
    number = Estimate(float((own < LEARNED).sum()), *UNDEFINED[1:])
    rows.add(
        "networks",
        f"number with a Dice below {LEARNED} under their own condition",
        number,
        own.size,
        "networks",
    )


def _stability(rows: ClaimRows, distances: pd.DataFrame) -> None:
    for axis, unit, loss, value, low, high, farthest, n, _ in distances.itertuples(index=False):
        limit = STABLE.get(axis) if loss == STABLE_LOSS else None
        note = f"up to {farthest:g} {unit} was tested" if np.isinf(value) else ""
        if n < FEWEST_PAIRS:
            note = f"fewer than {FEWEST_PAIRS} pairs"
        rows.add(
            "stability",
            f"{axis}: distance at which {loss:g} is lost ({unit})",
            Estimate(value, low, high),
            n,
            "pairs",
            [] if limit is None else [Threshold("low", ">=", limit)],
            note,
        )


def _smoothness(
    rows: ClaimRows,
    unseen: NDArray[np.float64],
    conditions: Mapping[str, ImagingConditions],
    seed: int,
) -> None:
    claim = "smoothness: neighbours"
    for without_focus in (False, True):
        errors = interpolation_errors(unseen, conditions, without_focus=without_focus)
        n = int(np.isfinite(errors).sum())
        rows.add(
            claim,
            "median error of Dice interpolated between neighbours in defocus"
            + ", without tests in focus" * without_focus,
            median_magnitude(errors, seed=seed),
            n,
            "cells",
            [] if without_focus else [Threshold("high", "<=", LARGEST_ERROR)],
            "" if n else "no three tests in a row differ in defocus alone",
        )
    estimate, n = distance_correlation(unseen, conditions, seed=seed)
    rows.add(
        "smoothness: distance",
        "median correlation of Dice and distance in defocus",
        estimate,
        n,
        "rows",
        [Threshold("high", "<=", FALLING)],
        "" if n else "no row has five tests that differ in defocus alone",
    )


def _limits(rows: ClaimRows, scores: pd.DataFrame, lattices: Sequence[str], seed: int) -> None:
    loss = correlation = UNDEFINED
    n = len(lattices) * (len(lattices) - 1)
    if n:
        dice = score_matrix(scores, lattices, lattices).by_network.mean(axis=2)
        control = structure_control(np.ones_like(dice), dice, seed=seed)
        loss, correlation = control.loss, control.correlation
    note = "" if n else "no other structure was trained on"
    rows.add(
        "limits",
        "Dice on the own structure minus that on others",
        loss,
        n,
        "cells",
        [Threshold("low", ">", 0.0)],
        note,
    )
    rows.add(
        "limits",
        "correlation of any measure with these cells",
        correlation,
        n,
        "cells",
        [Threshold("value", "<", LEAST_CORRELATION), Threshold("low", "<=", 0.0)],
        note or "every measure is the same in all of these cells",
    )


def _information(
    rows: ClaimRows, own: NDArray[np.float64], covariates: Covariates, seed: int
) -> None:
    for name, covariate in INFORMATION_OF_TRAINING.items():
        quantity = covariates.values[covariate][: len(own), 0]
        rows.add(
            f"information: {name}",
            f"correlation of {name} of a condition and Dice under it",
            two_way_bootstrap(quantity[None], own[None], seed=seed),
            len(own),
            "rows",
            [Threshold("value", ">=", LEAST_CORRELATION), Threshold("low", ">", 0.0)],
        )


def _dose(
    rows: ClaimRows,
    unseen: NDArray[np.float64],
    covariates: Covariates,
    dose_alone: NDArray[np.bool_],
) -> None:
    used = dose_alone & np.isfinite(unseen)
    enough = used.sum(axis=1) >= FEWEST_CELLS
    y = np.where(used, unseen, np.nan)[enough]
    for name in ("jaccard", "containment"):
        shared = covariates.values[f"information_{name}"][: len(unseen)][enough]
        value = median_row(within_rows(shared, y)) if enough.any() else float("nan")
        rows.add(
            "dose",
            f"median correlation of Dice and {name} of information",
            Estimate(value, *UNDEFINED[1:]),
            int(enough.sum()),
            "rows",
            [Threshold("value", ">=", LEAST_CORRELATION)],
            "" if enough.any() else "no row has three tests that differ in dose alone",
        )
