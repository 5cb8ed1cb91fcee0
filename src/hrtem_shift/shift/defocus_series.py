"""How smoothly Dice changes along series of conditions that differ in defocus alone.

Defined beforehand in docs/evidence/transfer-claims.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.seeds import generator_at
from hrtem_shift.shift.rank_correlation import RESAMPLES, Estimate, two_way_bootstrap
from hrtem_shift.shift.stability import conditions_table, differ_in_alone

FEWEST_TESTS = 5
"""Least number of test conditions in a row for a correlation of Dice and distance."""
NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


def interpolation_errors(
    dice: NDArray[np.float64],
    conditions: Mapping[str, ImagingConditions],
    *,
    without_focus: bool = False,
) -> NDArray[np.float64]:
    """Dice minus that interpolated in defocus from both neighbours of a series.

    Parameters
    ----------
    dice : array, shape (R, C)
        NaN for cells to leave out, as if the series lacked them.
    conditions : mapping
        Name -> condition, of the columns.
    without_focus : bool
        Leave out the conditions with a defocus of 0.

    Returns
    -------
    array, shape (R, C)
        NaN for the ends of series, and where there is no series of three.
    """
    table = conditions_table(conditions)
    defocus_nm = table["defocus_nm"].to_numpy()
    _, series = np.unique(table.drop(columns="defocus_nm").to_numpy(), axis=0, return_inverse=True)
    errors = np.full_like(dice, np.nan)
    for number in range(int(series.max()) + 1):
        (members,) = np.nonzero(series.ravel() == number)
        members = members[np.argsort(defocus_nm[members])]
        if without_focus:
            members = members[defocus_nm[members] != 0]
        for y, error in zip(dice, errors, strict=True):
            used = members[np.isfinite(y[members])]
            if len(used) < 3:
                continue
            before, inner, after = used[:-2], used[1:-1], used[2:]
            x = defocus_nm
            share = (x[inner] - x[before]) / (x[after] - x[before])
            error[inner] = y[inner] - (y[before] + share * (y[after] - y[before]))
    return errors


def median_magnitude(errors: NDArray[np.float64], *, seed: int) -> Estimate:
    """Median of abs over the cells, with rows and columns drawn 2,000 times.

    Parameters
    ----------
    errors : array, shape (R, C)
        NaN for cells that do not count. An error belongs to its row and column.
    seed : int
        Root seed.
    """
    scored = np.isfinite(errors)
    if not scored.any():
        return NOTHING
    errors = errors[scored.any(axis=1)][:, scored.any(axis=0)]
    rows, columns = np.nonzero(np.isfinite(errors))
    values = np.abs(errors[rows, columns])
    order = np.argsort(values)
    values, rows, columns = values[order], rows[order], columns[order]
    generator = generator_at(seed, "median error", *errors.shape)
    drawn = [
        generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.int32)
        for n in errors.shape
    ]
    medians = _weighted_medians(values, drawn[0][:, rows] * drawn[1][:, columns])
    low, high = np.nanquantile(medians, [0.025, 0.975])
    return Estimate(float(np.median(values)), float(low), float(high))


def _weighted_medians(
    ascending: NDArray[np.float64], counts: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Median of values that are repeated counts times, (B, n) -> (B,); NaN without any."""
    below = counts.cumsum(axis=1, dtype=np.int64)
    total = below[:, -1]
    middle = [(below > ((total - odd) // 2)[:, None]).argmax(axis=1) for odd in (1, 0)]
    return np.where(total > 0, (ascending[middle[0]] + ascending[middle[1]]) / 2, np.nan)


def distance_correlation(
    dice: NDArray[np.float64], conditions: Mapping[str, ImagingConditions], *, seed: int
) -> tuple[Estimate, int]:
    """Median over rows of Spearman's correlation of Dice and the distance in defocus.

    Parameters
    ----------
    dice : array, shape (R, C)
        NaN for cells to leave out; the rows are the first R of the columns.
    conditions : mapping
        Name -> condition, of the columns.
    seed : int
        Root seed of the interval, over rows and columns.

    Returns
    -------
    estimate : Estimate
        Over tests that differ from the row in defocus alone.
    n_rows : int
        Rows with at least `FEWEST_TESTS` of them. A row without a correlation does not count:
        one in which Dice is constant, or of which a draw has fewer than three tests.
    """
    defocus_nm = conditions_table(conditions)["defocus_nm"].to_numpy()
    distance = np.abs(np.subtract.outer(defocus_nm, defocus_nm))[: len(dice)]
    used = differ_in_alone(conditions, "defocus_nm")[: len(dice)] & np.isfinite(dice)
    used &= used.sum(axis=1, keepdims=True) >= FEWEST_TESTS
    rows, columns = used.any(axis=1), used.any(axis=0)
    if not rows.any():
        return NOTHING, 0
    x, y = (np.where(used, each, np.nan)[rows][:, columns] for each in (distance, dice))
    estimate = two_way_bootstrap(x, y, seed=seed, undefined=float("nan"))
    return estimate, int(rows.sum())
