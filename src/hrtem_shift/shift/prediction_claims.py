"""Decide the registered claims on the prediction of Dice: docs/evidence/transfer-claims.md."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.shift.claim_rows import UNDEFINED, ClaimRows, Threshold
from hrtem_shift.shift.covariates import BASELINE, CLAIMED, JOINT, MODELS, OVERLAP_ALONE, Covariates
from hrtem_shift.shift.prediction import (
    WAYS,
    HeldOutPredictions,
    held_out_predictions,
    predict_other_rows,
    r_squared_with_interval,
    seed_ceiling,
)
from hrtem_shift.shift.rank_correlation import Estimate

SHARE_OF_CEILING = 0.8
BEST_MODEL, NO_CEILING = "the best model", "; R²max needs two networks of a fold"
EFFECT_STEPS = 50
"""Alternations between numbers for rows and for columns."""
PREDICTION_COLUMNS = ["train_set", "test_set", "held_out", "hard_dice", "best", "baseline", "model"]


def predictability(
    rows: ClaimRows,
    covariates: Covariates,
    by_network: NDArray[np.float64],
    trained: int,
    folds: NDArray[np.int64],
    distributions: Sequence[str],
    seed: int,
) -> pd.DataFrame:
    """Add the rows of all claims on prediction, and predict every cell.

    Parameters
    ----------
    rows : ClaimRows
        Table to add to.
    covariates : Covariates
        Of R training sets, the first `trained` of them single conditions, and C tests.
    by_network : array, shape (R, C, S)
        Scores of every network.
    trained : int
        Number of single training conditions.
    folds : array of int, shape (S,)
        Fold of each network.
    distributions : sequence of str
        Training sets of mixed conditions that a claim is about.
    seed : int
        Root seed of intervals and blocks.

    Returns
    -------
    DataFrame
        `PREDICTION_COLUMNS`, one row a cell and way of holding it out.
    """
    tests = np.array(covariates.test_sets)
    trains = np.array(covariates.train_sets)
    singles, seen = slice(trained), trains[:trained, None] == tests
    held = held_out_predictions(
        {name: covariates.of(name)[singles] for name in MODELS},
        by_network[singles],
        seen,
        folds,
        seed=seed,
    )
    best, best_joint = held.best(CLAIMED), held.best(JOINT)
    _variance_explained(rows, held, best)
    _gains(rows, held, "predictability: better than plain covariates", best, BASELINE)
    _gains(rows, held, "predictability: better than overlap alone", best_joint, OVERLAP_ALONE)
    mixed = {
        name: predict_other_rows(
            covariates.of(name)[singles], held.scores, covariates.of(name)[trained:]
        )
        for name in (best, BASELINE)
    }
    chosen = np.isin(trains[trained:], list(distributions))
    others = by_network[trained:]
    mean = float(np.nanmean(held.scores))
    _mixed_sets(rows, others[chosen], mixed[best][chosen], mean, folds, best, seed)
    _what_remains(rows, held, best)
    grids = {
        way: [held.scores, held.held[best][way][0], held.held[BASELINE][way][0]] for way in WAYS
    }
    tables = [_cells(trains[singles], tests, _HELD[way], *grids[way]) for way in WAYS]
    tables.append(
        _cells(trains[trained:], tests, "training set", others.mean(axis=2), *mixed.values())
    )
    return pd.concat(tables, ignore_index=True).assign(model=best)[PREDICTION_COLUMNS]


_HELD = {"rows": "row", "columns": "column", "both": "both"}


def _cells(
    trains: NDArray[np.str_], tests: NDArray[np.str_], held_out: str, *grids: NDArray[np.float64]
) -> pd.DataFrame:
    scored = np.isfinite(grids[0])
    row, column = np.nonzero(scored)
    table = pd.DataFrame({"train_set": trains[row], "test_set": tests[column]})
    for name, grid in zip(("hard_dice", "best", "baseline"), grids, strict=True):
        table[name] = grid[scored]
    return table.assign(held_out=held_out)


def _variance_explained(rows: ClaimRows, held: HeldOutPredictions, best: str) -> None:
    claim = "predictability: held-out R²"
    n = int(np.isfinite(held.scores).sum())
    ceiling = held.ceiling
    rows.add(claim, "R²max, what seeds allow", Estimate(ceiling, *UNDEFINED[1:]), n, "cells")
    for model in MODELS:
        for way in WAYS:
            decides = model == best and way != "both"
            rows.add(
                claim,
                f"R² of {model}, {_left_out(way)} held out",
                held.r_squared(model, way),
                n,
                "cells",
                [Threshold("value", ">=", SHARE_OF_CEILING * ceiling)] if decides else [],
                BEST_MODEL + (NO_CEILING if isnan(ceiling) else "") if model == best else "",
            )


def _left_out(way: str) -> str:
    return "rows and columns" if way == "both" else way


def _gains(
    rows: ClaimRows, held: HeldOutPredictions, claim: str, model: str, reference: str
) -> None:
    for way in WAYS:
        rows.add(
            claim,
            f"R² of {model} minus that of {reference}, {_left_out(way)} held out",
            held.gain(model, reference, way),
            int(np.isfinite(held.scores).sum()),
            "cells",
            [] if way == "both" else [Threshold("low", ">", 0.0)],
        )


def _mixed_sets(
    rows: ClaimRows,
    by_network: NDArray[np.float64],
    predicted: NDArray[np.float64],
    mean: float,
    folds: NDArray[np.int64],
    model: str,
    seed: int,
) -> None:
    estimate, ceiling = UNDEFINED, float("nan")
    if len(predicted):
        dice = by_network.mean(axis=2)
        means = np.full_like(dice, mean)
        estimate = r_squared_with_interval(dice, predicted, means, seed=seed)
        ceiling = seed_ceiling(by_network, folds)
    claim = "predictability: mixed training sets"
    rows.add(
        claim,
        f"R² of {model}, fitted to single conditions",
        estimate,
        predicted.size,
        "cells",
        [Threshold("value", ">=", SHARE_OF_CEILING * ceiling)],
        "" if len(predicted) else "no network was trained on a distribution of conditions",
    )
    rows.add(
        claim, "R²max of these cells", Estimate(ceiling, *UNDEFINED[1:]), predicted.size, "cells"
    )


def _what_remains(rows: ClaimRows, held: HeldOutPredictions, best: str) -> None:
    """Shares of the variance of Dice that numbers of rows and columns would add to the best."""
    errors = held.scores - held.held[best]["both"][0]
    total = float(np.nansum(np.square(held.scores - np.nanmean(held.scores))))
    mean_error = np.nanmean(errors)
    for what, axes in (
        ("test difficulty (a number for each column)", (0,)),
        ("training quality (a number for each row)", (1,)),
        ("both", (0, 1)),
    ):
        left = errors - mean_error
        for _ in range(EFFECT_STEPS if len(axes) > 1 else 1):
            for axis in axes:
                counted = np.isfinite(left).sum(axis=axis, keepdims=True)
                sums = np.nansum(left, axis=axis, keepdims=True)
                left = left - sums / np.maximum(counted, 1)
        explained = np.nansum(np.square(errors - mean_error)) - np.nansum(np.square(left))
        rows.add(
            "what remains",
            f"share of variance beside {best}: {what}",
            Estimate(float(explained) / total, *UNDEFINED[1:]),
            int(np.isfinite(errors).sum()),
            "cells",
        )
