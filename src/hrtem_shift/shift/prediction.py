"""Prediction of Dice from covariates of pairs of conditions, held out by row and by column.

What is claimed of these predictions was written beforehand: docs/evidence/transfer-claims.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.seeds import generator_at
from hrtem_shift.shift.isotonic import CellPredictor, held_out
from hrtem_shift.shift.rank_correlation import RESAMPLES, Estimate

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
    scored = np.isfinite(scores)
    features = _features(covariates, scored)
    y = np.where(scored, scores, 0.0)
    table = np.concatenate([np.ones((*y.shape, 1)), features, y[..., None]], axis=-1)
    of_all = table[scored].T @ table[scored]

    def predict(cells: NDArray[np.bool_]) -> NDArray[np.float64]:
        used, left_out = cells & scored, scored & ~cells
        if left_out.sum() < used.sum():
            moments = of_all - table[left_out].T @ table[left_out]
        else:
            moments = table[used].T @ table[used]
        means = moments[0, 1:] / moments[0, 0]
        covariance = moments[1:, 1:] / moments[0, 0] - np.outer(means, means)
        variance = np.diag(covariance)[:-1]
        varies = variance > 1e-9  # a constant says nothing
        scale = np.where(varies, np.sqrt(np.where(varies, variance, 1.0)), np.inf)
        gram = covariance[:-1, :-1] / np.outer(scale, scale) + RIDGE * np.eye(len(scale))
        b = np.linalg.solve(gram, covariance[:-1, -1] / scale) / scale
        fitted: NDArray[np.float64] = features @ b + (means[-1] - means[:-1] @ b)
        return fitted.clip(0, 1)

    return predict


Held = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Predictions of cells that were held out, and the means of the cells of the fit, (R, C)."""

WAYS = ("rows", "columns", "both")
"""What is held out: each row, each column, and blocks of rows and columns."""


@dataclass(frozen=True, eq=False)
class HeldOutPredictions:
    """Predictions of Dice by several models, each cell held out of the fit.

    Attributes
    ----------
    scores : array, shape (R, C)
        Mean Dice; NaN for cells that do not count.
    held : dict
        Model -> one of `WAYS` -> `Held`.
    ceiling : float
        See `seed_ceiling`.
    draws : list of array, shapes (2000, R) and (2000, C)
        How often each row and each column is drawn for intervals.
    """

    scores: NDArray[np.float64]
    held: dict[str, dict[str, Held]]
    ceiling: float
    draws: list[NDArray[np.int64]]

    def r_squared(self, model: str, way: str) -> Estimate:
        """R² of one model, with its interval."""
        return _estimate(*_r_squared(self.scores, *self.held[model][way], self.draws))

    def gain(self, model: str, reference: str, way: str) -> Estimate:
        """R² of a model minus that of another, draw by draw, without a new fit."""
        (value, drawn), (other, of_other) = (
            _r_squared(self.scores, *self.held[name][way], self.draws)
            for name in (model, reference)
        )
        return _estimate(value - other, drawn - of_other)

    def best(self, models: Iterable[str]) -> str:
        """The model with the largest smaller value of R² by rows and by columns."""
        return max(
            models,
            key=lambda name: min(self.r_squared(name, way).value for way in WAYS[:2]),
        )


def held_out_predictions(
    models: Mapping[str, NDArray[np.float64]],
    by_network: NDArray[np.float64],
    leave_out: NDArray[np.bool_],
    folds: NDArray[np.int64],
    *,
    seed: int,
) -> HeldOutPredictions:
    """Predict each cell from others, by each model and in each way of holding out.

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
    seed : int
        Root seed of intervals and blocks.
    """
    y = np.where(leave_out, np.nan, by_network.mean(axis=2))
    return HeldOutPredictions(
        y,
        {
            name: _held_out_ways(polynomial_predictor(covariates, y), y, seed)
            for name, covariates in models.items()
        },
        seed_ceiling(np.where(leave_out[..., None], np.nan, by_network), folds),
        two_way_draws(y.shape, seed),
    )


def predict_other_rows(
    covariates: NDArray[np.float64], scores: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Predictions of further rows, (M, C), by the fit to all cells of `scores`.

    Parameters
    ----------
    covariates, scores : array, shapes (R, C, P) and (R, C)
        As in `polynomial_predictor`.
    others : array, shape (M, C, P)
        Covariates of the further rows.
    """
    extended = np.concatenate([scores, np.full(others.shape[:2], np.nan)])
    predict = polynomial_predictor(np.concatenate([covariates, others]), extended)
    return predict(np.isfinite(extended))[len(scores) :]


def r_squared_with_interval(
    scores: NDArray[np.float64],
    predicted: NDArray[np.float64],
    means: NDArray[np.float64],
    *,
    seed: int,
) -> Estimate:
    """R² of predictions against means, with rows and columns drawn; all of shape (R, C)."""
    draws = two_way_draws(scores.shape, seed)
    return _estimate(*_r_squared(scores, predicted, means, draws))


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


def _features(covariates: NDArray[np.float64], scored: NDArray[np.bool_]) -> NDArray[np.float64]:
    """All products of covariates, standardized over scored cells, up to the degree, (R, C, K)."""
    x = covariates - covariates[scored].mean(axis=0)
    spread = x[scored].std(axis=0)
    x = x / np.where(spread > 1e-12, spread, np.inf)
    number = x.shape[-1]
    degree = 3 if number <= MOST_CUBIC else 2
    terms = [
        np.prod([x[..., k] for k in chosen], axis=0)
        for power in range(1, degree + 1)
        for chosen in combinations_with_replacement(range(number), power)
    ]
    return np.stack(terms, axis=-1)


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


def two_way_draws(shape: tuple[int, ...], seed: int) -> list[NDArray[np.int64]]:
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


def _estimate(value: float, drawn: NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(value, float(low), float(high))
