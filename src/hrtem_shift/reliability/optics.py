"""What a network loses under another lens: read off a measured matrix of many networks.

`measured_relation` makes, of the scores of many networks under many conditions, the Dice to
expect at an overlap of transfers, and how far from it new networks under new conditions were.
`TrainedOptics` is that and the lenses that a package was trained under; `loss_under` answers for
one lens.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap

COVERAGE = 0.9
"""Of intervals."""
NEAREST = 40
"""Measured cells, nearest in overlap, that an interval is read off."""
FEWEST_CELLS = 20
SAME = 0.99
"""Overlap from which a condition counts as one that was trained on."""


class MeasuredRelation(ParameterBlock):
    """Dice to expect at an overlap, and the cells that say so."""

    overlap: tuple[float, ...]  # corners of the isotonic fit, rising
    dice: tuple[float, ...]
    cell_overlap: tuple[float, ...]
    cell_error: tuple[float, ...]  # Dice less its prediction without its row and its column
    rows_held_out: float  # share of squares that the fit explains of networks it has not seen
    n_rows: int
    n_networks: int

    def expected(self, overlap: float) -> float:
        """Dice at an overlap."""
        return float(np.interp(overlap, self.overlap, self.dice))

    def interval(self, overlap: float) -> tuple[float, float]:
        """Where 90 % of new networks under new conditions fall, between 0 and 1.

        Quantiles of the errors of the 40 measured cells that are nearest in overlap.
        """
        distance = np.abs(np.array(self.cell_overlap) - overlap)
        errors = np.sort(np.array(self.cell_error)[np.argsort(distance, kind="stable")[:NEAREST]])
        tail = (1 - COVERAGE) / 2
        # Conformal: as many cells beyond as if the new one were among them.
        beyond = max(0, int(np.floor(tail * (len(errors) + 1))) - 1)
        low, high = self.expected(overlap) + errors[[beyond, len(errors) - 1 - beyond]]
        return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))


class TrainedOptics(ParameterBlock):
    """Lenses of training, and what is known of such networks under others."""

    lenses: tuple[Lens, ...] = Field(min_length=1)
    measure: TransferMeasure
    relation: MeasuredRelation


class LossUnder(NamedTuple):
    """What is known of networks under a lens.

    Attributes
    ----------
    overlap : float
        Largest overlap with a lens of training.
    nearest : int
        Which lens that is.
    loss : float
        Dice that is lost against the lenses of training; infinite below all measured overlaps.
    expected_dice, low, high : float
        Dice of the networks of the study, with a 90 % interval.
    explains : bool
        False where the overlap explained nothing of networks held out, and the lens is none of
        training.
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
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < FEWEST_CELLS or min(known.any(axis=1).sum(), known.any(axis=0).sum()) < 2:
        raise InputError(
            f"{known.sum()} cells with a score",
            where="measured matrix",
            why=f"An interval needs {FEWEST_CELLS}, in several rows and columns",
            fix="Train and test under more conditions",
        )
    fit = isotonic_fit(x, y)
    return MeasuredRelation(
        overlap=tuple(fit.similarity),
        dice=tuple(fit.score),
        cell_overlap=tuple(x[known]),
        cell_error=tuple(_errors(x, y, known)),
        rows_held_out=isotonic_r_squared(x, y).rows_held_out,
        n_rows=int(known.any(axis=1).sum()),
        n_networks=n_networks,
    )


def loss_under(optics: TrainedOptics, lens: Lens) -> LossUnder:
    """Read off what networks lose under a lens."""
    relation = optics.relation
    overlaps = transfer_overlap(optics.lenses, [lens], optics.measure)[:, 0]
    nearest = int(overlaps.argmax())
    overlap = float(overlaps[nearest])
    loss = max(relation.expected(1.0) - relation.expected(overlap), 0.0)
    if overlap < min(relation.cell_overlap):
        loss = float("inf")
    explains = relation.rows_held_out > 0 or overlap >= SAME
    return LossUnder(
        overlap, nearest, loss, relation.expected(overlap), *relation.interval(overlap), explains
    )


def _errors(
    x: NDArray[np.float64], y: NDArray[np.float64], known: NDArray[np.bool_]
) -> list[float]:
    """Dice less what the cells of other rows and columns say, of every known cell."""
    from hrtem_shift.shift.isotonic import isotonic_fit

    errors = []
    for row, column in np.argwhere(known):
        others = known.copy()
        others[row], others[:, column] = False, False
        fit = isotonic_fit(x[others], y[others])
        errors.append(float(y[row, column] - fit.predict(x[row, column])))
    return errors
