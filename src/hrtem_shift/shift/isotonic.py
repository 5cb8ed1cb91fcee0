"""Isotonic regression of scores on similarity, with R² on held-out rows and columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from hrtem_shift.errors import InputError
from hrtem_shift.shift.rank_correlation import DIGITS
from hrtem_shift.shift.score_matrix import median_over_networks

CellPredictor = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""Cells to fit, (R, C) -> predictions of all cells, (R, C)."""


class RSquared(NamedTuple):
    """Coefficient of determination, 1 at best; below 0 a fit is worse than the mean.

    Attributes
    ----------
    in_sample : float
        Of the cells that were fitted; no evidence by itself.
    rows_held_out, columns_held_out : float
        Of whole rows (columns) left out of the fit, against the mean of the others.
    """

    in_sample: float
    rows_held_out: float
    columns_held_out: float


@dataclass(frozen=True, eq=False)
class IsotonicFit:
    """Scores as a non-decreasing function of similarity.

    Attributes
    ----------
    similarity, score : array, shape (K,)
        Nodes, by ascending similarity; linear between, constant beyond.
    """

    similarity: NDArray[np.float64]
    score: NDArray[np.float64]

    def predict(self, similarity: ArrayLike) -> NDArray[np.float64]:
        """Scores at similarities, of the same shape."""
        return np.interp(np.asarray(similarity, dtype=float), self.similarity, self.score)


def isotonic_fit(similarity: ArrayLike, scores: ArrayLike) -> IsotonicFit:
    """Least squares among all non-decreasing functions.

    Parameters
    ----------
    similarity, scores : array_like, same shape
        NaN for cells to leave out. Equal similarities get the mean of their scores.

    Raises
    ------
    InputError
        No cell has both.
    """
    x, y = (np.asarray(v, dtype=np.float64).ravel() for v in (similarity, scores))
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.any():
        raise InputError(
            "no cell has both a similarity and a score",
            where="scores",
            why="There is nothing to fit",
            fix="Look for networks that failed",
        )
    nodes, node = np.unique(x[finite].round(DIGITS), return_inverse=True)
    weights = np.bincount(node)
    means = np.bincount(node, y[finite]) / weights
    return IsotonicFit(nodes, isotonic_regression(means, weights=weights).x)


def r_squared(scores: ArrayLike, fit: CellPredictor) -> RSquared:
    """R² of a fit, in sample and held out.

    Parameters
    ----------
    scores : array_like, shape (R, C)
        NaN for cells to leave out.
    fit : callable
        See `CellPredictor`; NaN where it has no prediction.
    """
    y = np.asarray(scores, dtype=np.float64)
    scored = np.isfinite(y)
    mean = np.where(scored, np.nanmean(y), np.nan)
    return RSquared(
        _r_squared(y, fit(scored), mean),
        *(_r_squared(y, *held_out(y, fit, axis)) for axis in (0, 1)),
    )


def isotonic_r_squared(similarity: ArrayLike, scores: ArrayLike) -> RSquared:
    """`r_squared` of `isotonic_fit`; similarity and scores of shape (R, C)."""
    x, y = (np.asarray(v, dtype=np.float64) for v in (similarity, scores))
    return r_squared(y, lambda cells: isotonic_fit(x[cells], y[cells]).predict(x))


class Smoothness(NamedTuple):
    """How smoothly scores fall with distribution shift.

    Attributes
    ----------
    residual_std : float
        Standard deviation of cells about the isotonic fit.
    network_std : float
        Standard deviation of a cell's median over networks, root mean square over cells: the
        residual of a perfect fit. NaN for one network a cell.
    largest_step : float
        Largest difference, over all rows, between a test condition and the one that overlaps
        most with it.
    """

    residual_std: float
    network_std: float
    largest_step: float


def smoothness(
    similarity: ArrayLike, by_network: NDArray[np.float64], between_tests: NDArray[np.float64]
) -> Smoothness:
    """Residuals of the isotonic fit, beside the scatter of networks.

    Parameters
    ----------
    similarity : array_like, shape (R, C)
        Of training and test conditions.
    by_network : array, shape (R, C, S)
        Scores of every network, NaN where there is none.
    between_tests : array, shape (C, C)
        Overlap of the test conditions with each other.

    Returns
    -------
    Smoothness
    """
    y = median_over_networks(by_network)
    residual = y - isotonic_fit(similarity, y).predict(similarity)
    n = np.isfinite(by_network).sum(axis=2)
    several = n > 1
    # The median of n normal values scatters by sqrt(pi / 2n) of their standard deviation.
    variances = np.nanvar(by_network[several], axis=1, ddof=1) * math.pi / (2 * n[several])
    nearest = np.where(np.eye(len(between_tests), dtype=bool), -np.inf, between_tests).argmax(
        axis=1
    )
    return Smoothness(
        float(np.nanstd(residual)),
        float(np.sqrt(variances.mean())) if several.any() else float("nan"),
        float(np.nanmax(np.abs(y - y[:, nearest]))),
    )


def held_out(
    y: NDArray[np.float64], fit: CellPredictor, axis: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predictions of each row (axis 0) or column (1) from the others, and the mean of the others.

    Parameters
    ----------
    y : array, shape (R, C)
        Scores; NaN for cells to leave out.
    fit : callable
        See `CellPredictor`.
    axis : int
        0 or 1.

    Returns
    -------
    predicted, means : array, shape (R, C)
        NaN where nothing was left to fit.
    """
    scored = np.isfinite(y)
    predicted, means = np.full_like(y, np.nan), np.full_like(y, np.nan)
    for k in range(y.shape[axis]):
        left_out = np.zeros_like(scored)
        left_out[(slice(None),) * axis + (k,)] = True
        kept = scored & ~left_out
        if kept.any():
            predicted[left_out] = fit(kept)[left_out]
            means[left_out] = y[kept].mean()
    return predicted, means


def _r_squared(
    y: NDArray[np.float64], predicted: NDArray[np.float64], means: NDArray[np.float64]
) -> float:
    both = np.isfinite(y) & np.isfinite(predicted)
    total = float(np.square(y - means)[both].sum())
    residual = float(np.square(y - predicted)[both].sum())
    return 1 - residual / total if total > 0 else float("nan")
