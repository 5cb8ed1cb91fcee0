"""Rank correlations of overlap and scores, with intervals and permutation tests.

Scores are a matrix, rows = trained on, columns = tested on. Rows differ in level (the quality of
training), so that ranks are compared within rows first. Cells of one row or column are not
independent: whole rows and columns are resampled, whole conditions relabelled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, spearmanr

from hrtem_shift.errors import InputError
from hrtem_shift.seeds import generator_at
from hrtem_shift.shift.score_matrix import median_over_networks

RESAMPLES, PERMUTATIONS, SPLITS = 2_000, 999, 100
DIGITS = 9
"""Decimals to which equal values are ties: equal transfers differ by rounding."""
FEWEST_CELLS = 3
"""Least number of cells in a row for a rank correlation."""


class Estimate(NamedTuple):
    """A statistic and its 95 % interval; NaN where undefined."""

    value: float
    low: float
    high: float


def within_rows(similarity: ArrayLike, scores: ArrayLike) -> NDArray[np.float64]:
    """Spearman's correlation of similarity and score in each row.

    Parameters
    ----------
    similarity, scores : array_like, shape (R, C)
        NaN for cells to leave out.

    Returns
    -------
    array of float64, shape (R,)
        NaN for a row with fewer than three cells, or with all cells alike.
    """
    x, y, scored = _cells(similarity, scores)
    return _row_correlations(x, y, scored, np.ones((1, x.shape[1])))[0]


def median_row(correlations: NDArray[np.float64], *, undefined: float = 0.0) -> float:
    """Median over rows; a row without a correlation counts as 0, or not at all with NaN."""
    return float(_medians(np.nan_to_num(correlations, nan=undefined)[None])[0])


def pooled(similarity: ArrayLike, scores: ArrayLike) -> float:
    """Spearman's correlation over all cells, whatever their rows."""
    x, y, scored = _cells(similarity, scores)
    return _spearman(x[scored], y[scored])


def pooled_without_row_effects(similarity: ArrayLike, scores: ArrayLike) -> float:
    """Spearman's correlation over all cells, after subtracting the means of rows."""
    x, y, scored = _cells(similarity, scores)
    x, y = (np.where(scored, values, np.nan) for values in (x, y))
    rows = scored.any(axis=1)
    x, y = (v[rows] - np.nanmean(v[rows], axis=1, keepdims=True) for v in (x, y))
    return _spearman(np.round(x[scored[rows]], DIGITS), np.round(y[scored[rows]], DIGITS))


def two_way_bootstrap(
    similarity: ArrayLike, scores: ArrayLike, *, seed: int, undefined: float = 0.0
) -> Estimate:
    """Median correlation within rows, with rows and columns resampled.

    Parameters
    ----------
    similarity, scores : array_like, shape (R, C)
        As in `within_rows`.
    seed : int
        Root seed. Measures of the same matrix get the same draws from the same seed.
    undefined : float
        As in `median_row`, also of a row whose drawn columns allow no correlation.

    Returns
    -------
    Estimate
        `median_row`, and percentiles over 2,000 draws of rows and, independently, columns.

    References
    ----------
    Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1 (2007) 386.
    """
    draws = bootstrap_medians(similarity, scores, seed=seed, undefined=undefined)
    low, high = np.nanquantile(draws, [0.025, 0.975])
    value = median_row(within_rows(similarity, scores), undefined=undefined)
    return Estimate(value, float(low), float(high))


def bootstrap_medians(
    similarity: ArrayLike, scores: ArrayLike, *, seed: int, undefined: float = 0.0
) -> NDArray[np.float64]:
    """The draws of `two_way_bootstrap`, (2000,)."""
    x, y, scored = _cells(similarity, scores)
    rows, columns = x.shape
    generator = generator_at(seed, "two-way bootstrap", rows, columns)
    counts = generator.multinomial(columns, np.full(columns, 1 / columns), size=RESAMPLES)
    drawn = generator.integers(rows, size=(RESAMPLES, rows))
    correlations = _row_correlations(x, y, scored, counts.astype(float))
    correlations = np.nan_to_num(correlations, nan=undefined)
    return _medians(np.take_along_axis(correlations, drawn, axis=1))


def _medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row without NaN, (B, n) -> (B,); NaN without any value."""
    medians = np.full(len(values), np.nan)
    some = np.isfinite(values).any(axis=1)
    medians[some] = np.nanmedian(values[some], axis=1)
    return medians


class MantelTest(NamedTuple):
    """Mantel test: the share of relabelled conditions that correlate as well.

    Attributes
    ----------
    median : float
        `median_row` of the given labels.
    p : float
        (1 + number of permutations that reach it) / (1 + permutations).
    permutations : int
        Number of random permutations.
    """

    median: float
    p: float
    permutations: int


def mantel_test(
    similarity: NDArray[np.float64],
    scores: ArrayLike,
    train: ArrayLike,
    test: ArrayLike,
    *,
    seed: int,
    permutations: int = PERMUTATIONS,
) -> MantelTest:
    """Permute the labels of conditions, rows and columns together.

    Parameters
    ----------
    similarity : array, shape (N, N)
        Of all conditions.
    scores : array_like, shape (R, C)
        NaN for cells to leave out.
    train, test : array_like of int, shapes (R,) and (C,)
        Condition of each row and column.
    seed : int
        Root seed.
    permutations : int
        Number of random permutations.

    Returns
    -------
    MantelTest

    References
    ----------
    Mantel, Cancer Research 27 (1967) 209.
    """
    rows, columns = np.asarray(train), np.asarray(test)
    _, y, scored = _cells(similarity[np.ix_(rows, columns)], scores)
    generator = generator_at(seed, "mantel", len(similarity))
    order = np.arange(len(similarity))
    labels = np.stack([order, *(generator.permutation(order) for _ in range(permutations))])
    correlations = np.full((len(labels), len(rows)), np.nan)
    for row, cells in enumerate(scored):
        relabelled = similarity[labels[:, rows[row], None], labels[:, columns[cells]]]
        correlations[:, row] = _rank_correlations(relabelled.round(DIGITS), y[row, cells])
    medians = np.median(np.nan_to_num(correlations), axis=1)
    reached = int((medians[1:] >= medians[0] - 1e-12).sum())
    p = (1 + reached) / (1 + permutations)
    return MantelTest(float(medians[0]), p, permutations)


def split_half_ceiling(by_seed: NDArray[np.float64], *, seed: int) -> Estimate:
    """Correlation within rows of two halves of the networks: the ceiling of any measure.

    Parameters
    ----------
    by_seed : array, shape (R, C, S)
        Scores of every network; NaN where there is none.
    seed : int
        Root seed of the splits.

    Returns
    -------
    Estimate
        Mean and central 95 % of 100 random splits. The ceiling of all seeds is somewhat
        higher than that of a half. NaN for fewer than two seeds.
    """
    seeds = by_seed.shape[2]
    if seeds < 2:
        return Estimate(float("nan"), float("nan"), float("nan"))
    generator = generator_at(seed, "split half", seeds)
    medians = []
    for _ in range(SPLITS):
        order = generator.permutation(seeds)
        halves = (median_over_networks(by_seed[:, :, part]) for part in np.array_split(order, 2))
        medians.append(median_row(within_rows(*halves)))
    low, high = np.quantile(medians, [0.025, 0.975])
    return Estimate(float(np.mean(medians)), float(low), float(high))


def _cells(
    similarity: ArrayLike, scores: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Both matrices, rounded for ties, and the cells that have both values."""
    x, y = (np.asarray(v, dtype=np.float64).round(DIGITS) for v in (similarity, scores))
    if x.shape != y.shape or x.ndim != 2:
        raise InputError(
            f"similarity of shape {x.shape}, scores of shape {y.shape}",
            where="relation of scores to shift",
            why="Each score needs the similarity of its two conditions",
            fix="Give both as (training sets, test sets), in the same order",
        )
    return x, y, np.isfinite(x) & np.isfinite(y)


def _row_correlations(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    scored: NDArray[np.bool_],
    counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Spearman's correlation of every row (R, C) for every choice of columns (B, C): (B, R).

    A column that is drawn c times is c ties. A rank is the number of smaller values plus half
    the number of equal ones.
    """
    correlations = np.full((len(counts), len(x)), np.nan)
    for row, cells in enumerate(scored):
        weights = counts[:, cells]
        of_x, of_y = (weights @ _below(values[row, cells]) for values in (x, y))
        correlations[:, row] = _weighted_correlation(of_x, of_y, weights)
    return correlations


def _rank_correlations(
    many: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Spearman's correlation of each row of (P, k) with the same k values, (P,)."""
    ranks = rankdata(many, axis=1)
    same = np.broadcast_to(rankdata(values), ranks.shape)
    return _weighted_correlation(ranks, same, np.ones_like(ranks))


def _below(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[i, j] = 1 where value i is below value j, 1/2 where they are equal, else 0."""
    return np.less.outer(values, values) + 0.5 * np.equal.outer(values, values)


def _weighted_correlation(
    a: NDArray[np.float64], b: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pearson's correlation along the last axis, NaN where a or b is constant."""
    total = weights.sum(axis=1, keepdims=True)
    defined = (total[:, 0] > 0) & ((weights > 0).sum(axis=1) >= FEWEST_CELLS)
    share = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    a, b = (v - (share * v).sum(axis=1, keepdims=True) for v in (a, b))
    together, of_a, of_b = ((share * u * v).sum(axis=1) for u, v in ((a, b), (a, a), (b, b)))
    norm = np.sqrt(of_a * of_b)
    defined &= norm > 1e-9
    return np.divide(together, norm, out=np.full(len(a), np.nan), where=defined)


def _spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    if len(x) < FEWEST_CELLS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(spearmanr(x, y).statistic)
