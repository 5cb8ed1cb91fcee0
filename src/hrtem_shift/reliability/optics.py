"""Expected loss of Dice under another lens, from a measured matrix of many networks.

`measured_relation` fits the Dice to expect at an overlap of transfers, with its error for new
networks under new conditions. `TrainedOptics` adds the lenses that a package was trained under;
`loss_under` evaluates it for one lens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.reliability.conformal import error_quantiles
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap

NEAREST_CELLS = 40
"""Measured cells, nearest in overlap, whose errors make an interval."""
LEAST_CELLS = 20
TRAINED_OVERLAP = 0.99
"""Overlap from which a condition counts as trained on."""


class MeasuredRelation(ParameterBlock):
    """Dice to expect at an overlap, and the measured cells behind it."""

    overlap: tuple[float, ...]  # nodes of the isotonic fit, ascending
    dice: tuple[float, ...]
    cell_overlap: tuple[float, ...]
    cell_error: tuple[float, ...]  # Dice minus its prediction without its row and its column
    rows_held_out: float  # R² of the fit on held-out networks
    n_rows: int
    n_networks: int

    def expected(self, overlap: float) -> float:
        """Dice at an overlap."""
        return float(np.interp(overlap, self.overlap, self.dice))

    def interval(self, overlap: float) -> tuple[float, float]:
        """90 % interval of new networks under new conditions, between 0 and 1.

        From the errors of the 40 measured cells nearest in overlap.
        """
        distance = np.abs(np.array(self.cell_overlap) - overlap)
        nearest = np.argsort(distance, kind="stable")[:NEAREST_CELLS]
        low, high = self.expected(overlap) + error_quantiles(np.array(self.cell_error)[nearest])
        return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))


class TrainedOptics(ParameterBlock):
    """Lenses of training, and the measured relation of Dice to overlap."""

    lenses: tuple[Lens, ...] = Field(min_length=1)
    measure: TransferMeasure
    relation: MeasuredRelation


class LossUnder(NamedTuple):
    """Expected loss of networks under a lens.

    Attributes
    ----------
    overlap : float
        Largest overlap with a lens of training.
    nearest : int
        Index of that lens.
    loss : float
        Loss of Dice against the lenses of training; infinite below all measured overlaps.
    expected_dice, low, high : float
        Dice of the networks of the study, with a 90 % interval.
    explains : bool
        False where overlap explained nothing of held-out networks, unless the lens was trained
        on.
    """

    overlap: float
    nearest: int
    loss: float
    expected_dice: float
    low: float
    high: float
    explains: bool


def measured_relation(overlap: ArrayLike, scores: ArrayLike, n_networks: int) -> MeasuredRelation:
    """Relation of Dice to overlap, with errors of cells held out with their row and column.

    Parameters
    ----------
    overlap, scores : array_like, shape (R, C)
        Training by test conditions, those trained on included; scores are medians over
        networks, NaN where there is none.
    n_networks : int
        Networks behind the scores.

    Returns
    -------
    MeasuredRelation

    Raises
    ------
    InputError
        Fewer than 20 cells, or fewer than two rows or columns.
    """
    from hrtem_shift.shift.isotonic import isotonic_fit, isotonic_r_squared

    x, y = (np.asarray(v, dtype=np.float64) for v in (overlap, scores))
    scored = np.isfinite(x) & np.isfinite(y)
    if scored.sum() < LEAST_CELLS or min(scored.any(axis=1).sum(), scored.any(axis=0).sum()) < 2:
        raise InputError(
            f"{scored.sum()} cells with a score",
            where="measured matrix",
            why=f"An interval needs {LEAST_CELLS}, in several rows and columns",
            fix="Train and test under more conditions",
        )
    fit = isotonic_fit(x, y)
    return MeasuredRelation(
        overlap=tuple(fit.similarity),
        dice=tuple(fit.score),
        cell_overlap=tuple(x[scored]),
        cell_error=tuple(_errors(x, y, scored)),
        rows_held_out=isotonic_r_squared(x, y).rows_held_out,
        n_rows=int(scored.any(axis=1).sum()),
        n_networks=n_networks,
    )


def loss_under(optics: TrainedOptics, lens: Lens) -> LossUnder:
    """Expected loss of networks under a lens."""
    relation = optics.relation
    overlaps = transfer_overlap(optics.lenses, [lens], optics.measure)[:, 0]
    nearest = int(overlaps.argmax())
    overlap = float(overlaps[nearest])
    loss = max(relation.expected(1.0) - relation.expected(overlap), 0.0)
    if overlap < min(relation.cell_overlap):
        loss = float("inf")
    explains = relation.rows_held_out > 0 or overlap >= TRAINED_OVERLAP
    return LossUnder(
        overlap, nearest, loss, relation.expected(overlap), *relation.interval(overlap), explains
    )


def _errors(
    x: NDArray[np.float64], y: NDArray[np.float64], scored: NDArray[np.bool_]
) -> list[float]:
    """Dice minus its prediction from other rows and columns, of every scored cell."""
    from hrtem_shift.shift.isotonic import isotonic_fit

    errors = []
    for row, column in np.argwhere(scored):
        others = scored.copy()
        others[row], others[:, column] = False, False
        fit = isotonic_fit(x[others], y[others])
        errors.append(float(y[row, column] - fit.predict(x[row, column])))
    return errors
