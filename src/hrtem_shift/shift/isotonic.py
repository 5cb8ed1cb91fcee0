"""The score that a similarity stands for: a fit that never falls, judged on cells held out."""

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

Fit = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""Cells to learn from, (R, C) -> predictions of all cells, (R, C)."""


class Explained(NamedTuple):
    """Share of the squares that a fit takes away, 1 at best; below 0 it is worse than a mean.

    Attributes
    ----------
    in_sample : float
        Of the cells that it was fitted to: no evidence.
    rows_held_out, columns_held_out : float
        Of whole rows (columns) that were not in the fit, against the mean of those that were.
    """

    in_sample: float
    rows_held_out: float
    columns_held_out: float


@dataclass(frozen=True, eq=False)
class IsotonicFit:
    """Scores that never fall with similarity.

    Attributes
    ----------
    similarity, score : array, shape (K,)
        Corners, by rising similarity; linear between, constant beyond.
    """

    similarity: NDArray[np.float64]
    score: NDArray[np.float64]

    def at(self, similarity: ArrayLike) -> NDArray[np.float64]:
        """Scores at similarities, of the same shape."""
        return np.interp(np.asarray(similarity, dtype=float), self.similarity, self.score)


def isotonic_fit(similarity: ArrayLike, scores: ArrayLike) -> IsotonicFit:
    """Least squares among all functions that never fall.

    Parameters
    ----------
    similarity, scores : array_like, same shape
        NaN for cells that do not count. Equal similarities count as one, with the mean score.

    Raises
    ------
    InputError
        No cell is known.
    """
    x, y = (np.asarray(v, dtype=np.float64).ravel() for v in (similarity, scores))
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        raise InputError(
            "no cell has both a similarity and a score",
            where="scores",
            why="There is nothing to fit",
            fix="Look for networks that failed",
        )
    corners, place = np.unique(x[known].round(DIGITS), return_inverse=True)
    weights = np.bincount(place)
    means = np.bincount(place, y[known]) / weights
    return IsotonicFit(corners, isotonic_regression(means, weights=weights).x)


def explained(scores: ArrayLike, fit: Fit) -> Explained:
    """How much a fit explains, in sample and held out.

    Parameters
    ----------
    scores : array_like, shape (R, C)
        NaN for cells that do not count.
    fit : callable
        See `Fit`; NaN in the predictions where it has none.
    """
    y = np.asarray(scores, dtype=np.float64)
    known = np.isfinite(y)
    everything = np.where(known, np.nanmean(y), np.nan)
    return Explained(
        _share(y, fit(known), everything),
        *(_share(y, *_held_out(y, fit, axis)) for axis in (0, 1)),
    )


def isotonic_explained(similarity: ArrayLike, scores: ArrayLike) -> Explained:
    """`explained` by `isotonic_fit`, shapes (R, C)."""
    x, y = (np.asarray(v, dtype=np.float64) for v in (similarity, scores))
    return explained(y, lambda known: isotonic_fit(x[known], y[known]).at(x))


class Smoothness(NamedTuple):
    """Whether scores fall smoothly with shift.

    Attributes
    ----------
    residual_std : float
        Standard deviation of cells about the isotonic fit.
    network_std : float
        Standard deviation of a cell's median over networks, root mean square over cells: what
        would be left of a perfect fit. NaN for one network a cell.
    largest_step : float
        Between a test condition and that which overlaps most with it, over all rows.
    """

    residual_std: float
    network_std: float
    largest_step: float


def smoothness(
    similarity: ArrayLike, by_network: NDArray[np.float64], between_tests: NDArray[np.float64]
) -> Smoothness:
    """How smoothly scores fall.

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
    residual = y - isotonic_fit(similarity, y).at(similarity)
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


def _held_out(
    y: NDArray[np.float64], fit: Fit, axis: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predictions of each row (column) from the others, and the mean of the others."""
    known = np.isfinite(y)
    predicted, means = np.full_like(y, np.nan), np.full_like(y, np.nan)
    for place in range(y.shape[axis]):
        left_out = np.zeros_like(known)
        left_out[(slice(None),) * axis + (place,)] = True
        kept = known & ~left_out
        if kept.any():
            predicted[left_out] = fit(kept)[left_out]
            means[left_out] = y[kept].mean()
    return predicted, means


def _share(
    y: NDArray[np.float64], predicted: NDArray[np.float64], means: NDArray[np.float64]
) -> float:
    there = np.isfinite(y) & np.isfinite(predicted)
    total = float(np.square(y - means)[there].sum())
    left = float(np.square(y - predicted)[there].sum())
    return 1 - left / total if total > 0 else float("nan")
