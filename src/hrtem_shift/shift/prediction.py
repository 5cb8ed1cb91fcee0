"""Prediction of Dice from covariates of pairs of conditions, held out by row and by column.

What is claimed of these predictions was written beforehand: docs/evidence/transfer-claims.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations_with_replacement
from math import isnan

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.seeds import generator_at
from hrtem_shift.shift.isotonic import CellPredictor, held_out
from hrtem_shift.shift.rank_correlation import RESAMPLES

RIDGE = 1e-3
"""Penalty of squared coefficients, a cell."""
MOST_CUBIC = 4
"""Most covariates of a polynomial of degree 3; with more it has degree 2."""
BLOCKS = 5
"""Groups of rows, and of columns, that are held out together."""


def polynomial_predictor(
    covariates: NDArray[np.float64], scores: NDArray[np.float64]
) -> CellPredictor:
    """Ridge regression of scores on all products of standardized covariates, cut to 0 to 1.

    Parameters
    ----------
    covariates : array, shape (R, C, P)
        Of each pair of conditions.
    scores : array, shape (R, C)
        Dice; NaN for cells to leave out.

    Returns
    -------
    callable
        Cells to fit, (R, C) bool -> predictions of all cells, (R, C).
    """
    features = _features(covariates)

    def predict(cells: NDArray[np.bool_]) -> NDArray[np.float64]:
        used = cells & np.isfinite(scores)
        x, y = features[used], scores[used]
        centre, scale = x.mean(axis=0), x.std(axis=0)
        scale = np.where(scale > 1e-12, scale, np.inf)  # a constant says nothing
        x = (x - centre) / scale
        gram = x.T @ x + RIDGE * len(y) * np.eye(x.shape[1])
        b = np.linalg.solve(gram, x.T @ (y - y.mean()))
        fitted: NDArray[np.float64] = ((features - centre) / scale) @ b + y.mean()
        return fitted.clip(0, 1)

    return predict


def predictability(
    models: Mapping[str, NDArray[np.float64]],
    by_network: NDArray[np.float64],
    leave_out: NDArray[np.bool_],
    folds: NDArray[np.int64],
    *,
    baseline: str,
    seed: int,
) -> pd.DataFrame:
    """Held-out R² of models of Dice, beside what the seeds allow.

    Parameters
    ----------
    models : mapping
        Name -> covariates, shape (R, C, P).
    by_network : array, shape (R, C, S)
        Scores of every network.
    leave_out : array of bool, shape (R, C)
        Cells that do not count, such as those of the condition of training.
    folds : array of int, shape (S,)
        Fold of each network.
    baseline : str
        Name of the model to compare with.
    seed : int
        Root seed of intervals and blocks.

    Returns
    -------
    DataFrame
        One row a model and way of holding out (``rows``, ``columns``, ``both``): model, held_out,
        r2, low, high (95 %, rows and columns drawn), gain, gain_low, gain_high (difference to the
        baseline, draw by draw), ceiling (see `seed_ceiling`), share (r2 / ceiling), n_cells.
    """
    y = np.where(leave_out, np.nan, by_network.mean(axis=2))
    ceiling = seed_ceiling(np.where(leave_out[..., None], np.nan, by_network), folds)
    results = {
        name: _held_out_ways(polynomial_predictor(covariates, y), y, seed)
        for name, covariates in models.items()
    }
    counts = _draws(y.shape, seed)
    rows = []
    for name, ways in results.items():
        for way, (predicted, means) in ways.items():
            value, draws = _r_squared(y, predicted, means, counts)
            reference, of_reference = _r_squared(y, *results[baseline][way], counts)
            low, high = np.quantile(draws, [0.025, 0.975])
            gain_low, gain_high = np.quantile(draws - of_reference, [0.025, 0.975])
            rows.append(
                {
                    "model": name,
                    "held_out": way,
                    "r2": value,
                    "low": low,
                    "high": high,
                    "gain": value - reference,
                    "gain_low": gain_low,
                    "gain_high": gain_high,
                    "ceiling": ceiling,
                    "share": value / ceiling if not isnan(ceiling) else float("nan"),
                    "n_cells": int(np.isfinite(y).sum()),
                }
            )
    return pd.DataFrame(rows)


def seed_ceiling(by_network: NDArray[np.float64], folds: NDArray[np.int64]) -> float:
    """Largest R² that the scatter of seeds allows: 1 - v / var(y).

    Parameters
    ----------
    by_network : array, shape (R, C, S)
        Scores; NaN for cells to leave out.
    folds : array of int, shape (S,)
        Fold of each network.

    Returns
    -------
    float
        v is the variance over the networks of one fold (ddof 1), averaged over folds and cells,
        divided by S; y the mean over networks. NaN without two networks of a fold.
    """
    variances = [
        by_network[..., folds == fold].var(axis=-1, ddof=1)
        for fold in np.unique(folds)
        if (folds == fold).sum() > 1
    ]
    if not variances:
        return float("nan")
    noise = float(np.nanmean(variances)) / len(folds)
    return 1 - noise / float(np.nanvar(by_network.mean(axis=-1)))


def _features(covariates: NDArray[np.float64]) -> NDArray[np.float64]:
    """All products of standardized covariates up to the degree, (R, C, K)."""
    x = covariates - covariates.mean(axis=(0, 1))
    spread = x.std(axis=(0, 1))
    x = x / np.where(spread > 1e-12, spread, np.inf)
    number = x.shape[-1]
    degree = 3 if number <= MOST_CUBIC else 2
    terms = [
        np.prod([x[..., k] for k in chosen], axis=0)
        for power in range(1, degree + 1)
        for chosen in combinations_with_replacement(range(number), power)
    ]
    return np.stack(terms, axis=-1)


Held = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Predictions of cells that were held out, and the means of the cells of the fit, (R, C)."""


def _held_out_ways(fit: CellPredictor, y: NDArray[np.float64], seed: int) -> dict[str, Held]:
    return {
        "rows": held_out(y, fit, 0),
        "columns": held_out(y, fit, 1),
        "both": _held_out_blocks(y, fit, seed),
    }


def _held_out_blocks(y: NDArray[np.float64], fit: CellPredictor, seed: int) -> Held:
    """Each block of rows and columns, from the cells that share neither with it."""
    generator = generator_at(seed, "blocks of conditions", *y.shape)
    groups = [generator.permutation(np.arange(n) % BLOCKS) for n in y.shape]
    scored = np.isfinite(y)
    predicted, means = np.full_like(y, np.nan), np.full_like(y, np.nan)
    for row_group in range(BLOCKS):
        for column_group in range(BLOCKS):
            rows, columns = groups[0] == row_group, groups[1] == column_group
            block, kept = np.outer(rows, columns), scored & np.outer(~rows, ~columns)
            if block.any() and kept.any():
                predicted[block] = fit(kept)[block]
                means[block] = y[kept].mean()
    return predicted, means


def _draws(shape: tuple[int, ...], seed: int) -> list[NDArray[np.int64]]:
    """How often each row and each column is drawn, (2000, R) and (2000, C)."""
    generator = generator_at(seed, "held-out errors", *shape)
    return [generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) for n in shape]


def _r_squared(
    y: NDArray[np.float64],
    predicted: NDArray[np.float64],
    means: NDArray[np.float64],
    counts: list[NDArray[np.int64]],
) -> tuple[float, NDArray[np.float64]]:
    """R² of held-out predictions, and its bootstrap draws."""
    both = np.isfinite(y) & np.isfinite(predicted)
    residual, total = (np.where(both, np.square(y - other), 0.0) for other in (predicted, means))
    rows, columns = counts
    drawn = [((rows @ squares) * columns).sum(axis=1) for squares in (residual, total)]
    return 1 - float(residual.sum() / total.sum()), 1 - drawn[0] / drawn[1]
