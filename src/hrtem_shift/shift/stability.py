"""How far a test may be from the condition of training before Dice is lost, axis by axis.

Defined beforehand in docs/evidence/transfer-claims.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.seeds import generator_at
from hrtem_shift.shift.rank_correlation import DIGITS, RESAMPLES, Estimate

LOSSES = (0.05, 0.15)
"""Losses of Dice whose distances are asked for."""
FEWEST_PAIRS = 6
"""An axis with fewer is listed, and not decided."""


@dataclass(frozen=True)
class Axis:
    """One quantity that a test may change.

    Attributes
    ----------
    name : str
        What is changed, and in which direction.
    unit : str
        Of the distance.
    field : str
        Field of `hrtem_shift.microscope.conditions.ImagingConditions`.
    direction : int
        1 upwards, -1 downwards, 0 both.
    """

    name: str
    unit: str
    field: str
    direction: int = 0

    def distance(self, train: float, test: float) -> float:
        """Distance of two values; negative in the other direction."""
        change = test - train
        if self.field == "dose_e_per_A2":
            change = float(np.log2(test / train))
        return change * self.direction if self.direction else abs(change)


AXES = (
    Axis("defocus, towards underfocus", "nm", "defocus_nm", 1),
    Axis("defocus, towards overfocus", "nm", "defocus_nm", -1),
    Axis("Cs", "mm", "cs_mm"),
    Axis("focal spread", "nm", "focal_spread_std_nm"),
    Axis("illumination angle", "mrad", "illumination_angle_std_mrad"),
    Axis("twofold astigmatism", "nm", "c12_nm"),
    Axis("threefold astigmatism", "nm", "c23_nm"),
    Axis("dose, down", "log2 of the ratio", "dose_e_per_A2", -1),
    Axis("dose, up", "log2 of the ratio", "dose_e_per_A2", 1),
    Axis("scatter in the camera", "px", "scatter_std_px"),
)


def conditions_table(conditions: Mapping[str, ImagingConditions]) -> pd.DataFrame:
    """All fields of all conditions, one row each; what is absent is -1."""
    rows = {name: each.model_dump() for name, each in conditions.items()}
    table: pd.DataFrame = pd.DataFrame.from_dict(rows, orient="index").astype(float).fillna(-1.0)
    return table


def differ_in_alone(conditions: Mapping[str, ImagingConditions], field: str) -> NDArray[np.bool_]:
    """Pairs of conditions that differ in one field alone, (N, N)."""
    table = conditions_table(conditions)
    others = table.drop(columns=field).to_numpy()
    same = (others[:, None] == others[None]).all(axis=-1)
    values = table[field].to_numpy()
    alone: NDArray[np.bool_] = same & np.not_equal.outer(values, values)
    return alone


def losses_along_axes(
    dice: NDArray[np.float64], conditions: Mapping[str, ImagingConditions]
) -> pd.DataFrame:
    """Loss of Dice of all pairs of a training and a test condition that lie on an axis.

    Parameters
    ----------
    dice : array, shape (R, C)
        Mean over networks; the rows are the first R of the columns.
    conditions : mapping
        Name -> condition, of the columns.

    Returns
    -------
    DataFrame
        axis, unit, train_set, test_set, distance, loss (Dice on the own condition minus that on
        the other); in the order of `AXES`.
    """
    names = list(conditions)
    table = conditions_table(conditions)
    rows: list[tuple[Any, ...]] = []
    for axis in AXES:
        values = table[axis.field].to_numpy()
        for i, j in np.argwhere(differ_in_alone(conditions, axis.field)[: len(dice)]):
            distance = round(axis.distance(values[i], values[j]), DIGITS)
            if distance > 0:
                loss = dice[i, i] - dice[i, j]
                rows.append((axis.name, axis.unit, names[i], names[j], distance, loss))
    columns = ["axis", "unit", "train_set", "test_set", "distance", "loss"]
    return pd.DataFrame(rows, columns=columns)


def distances_of_loss(losses: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Distances at which Dice is lost, with 95 % intervals over training conditions.

    Parameters
    ----------
    losses : DataFrame
        From `losses_along_axes`.
    seed : int
        Root seed of the intervals.

    Returns
    -------
    DataFrame
        One row an axis and loss: axis, unit, loss, distance (infinite where the isotonic fit
        never exceeds the loss), low, high, farthest (largest distance of a pair), n_pairs,
        n_train (training conditions, which are drawn 2,000 times). NaN with fewer than
        `FEWEST_PAIRS` pairs.
    """
    rows: list[tuple[Any, ...]] = []
    for axis in AXES:
        pairs = losses[losses["axis"] == axis.name]
        estimates = _estimates(pairs, seed)
        farthest = float(pairs["distance"].max()) if len(pairs) else float("nan")
        n = len(pairs), pairs["train_set"].nunique()
        for loss, estimate in zip(LOSSES, estimates, strict=True):
            rows.append((axis.name, axis.unit, loss, *estimate, farthest, *n))
    columns = ["axis", "unit", "loss", "distance", "low", "high", "farthest", "n_pairs", "n_train"]
    return pd.DataFrame(rows, columns=columns)


def isotonic_loss(pairs: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Isotonic fit of the loss of one axis: distances, and the fitted loss at each."""
    nodes, node = np.unique(pairs["distance"].to_numpy(float), return_inverse=True)
    weights = np.bincount(node)
    means = np.bincount(node, pairs["loss"].to_numpy(float)) / weights
    return nodes, isotonic_regression(means, weights=weights).x


def first_distance(
    distance: NDArray[np.float64], fitted: NDArray[np.float64], loss: float
) -> float:
    """Where a fit first exceeds a loss, linear between its nodes and from no loss at 0."""
    beyond = np.flatnonzero(fitted > loss)
    if not len(beyond):
        return float("inf")
    k = int(beyond[0])
    start, below = (distance[k - 1], fitted[k - 1]) if k else (0.0, 0.0)
    return float(start + (loss - below) / (fitted[k] - below) * (distance[k] - start))


def _estimates(pairs: pd.DataFrame, seed: int) -> list[Estimate]:
    if len(pairs) < FEWEST_PAIRS:
        return [Estimate(float("nan"), float("nan"), float("nan")) for _ in LOSSES]
    fit = isotonic_loss(pairs)
    drawn = _drawn_distances(pairs, seed)
    estimates = []
    for loss, distances in zip(LOSSES, drawn.T, strict=True):
        # No mean of a finite and an infinite distance: an interval ends at one of the draws.
        low, high = np.quantile(distances, [0.025, 0.975], method="inverted_cdf")
        estimates.append(Estimate(first_distance(*fit, loss), float(low), float(high)))
    return estimates


def _drawn_distances(pairs: pd.DataFrame, seed: int) -> NDArray[np.float64]:
    """Distance of each loss in each draw of training conditions, (2000, losses)."""
    nodes, node = np.unique(pairs["distance"].to_numpy(float), return_inverse=True)
    _, row = np.unique(pairs["train_set"].to_numpy(str), return_inverse=True)
    shape = int(row.max()) + 1, len(nodes)
    numbers, sums = np.zeros(shape), np.zeros(shape)
    np.add.at(numbers, (row, node), 1.0)
    np.add.at(sums, (row, node), pairs["loss"].to_numpy(float))
    generator = generator_at(seed, "stability", str(pairs["axis"].iloc[0]), shape[0])
    counts = generator.multinomial(shape[0], np.full(shape[0], 1 / shape[0]), size=RESAMPLES)
    distances = np.empty((RESAMPLES, len(LOSSES)))
    for draw, weights, total in zip(distances, counts @ numbers, counts @ sums, strict=True):
        used = weights > 0
        fitted = isotonic_regression(total[used] / weights[used], weights=weights[used]).x
        draw[:] = [first_distance(nodes[used], fitted, loss) for loss in LOSSES]
    return distances
