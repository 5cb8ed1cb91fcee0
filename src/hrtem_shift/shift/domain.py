"""Is an image within what a network was trained for? Read off a measured matrix.

`measured_relation` makes, of the scores of many networks under many conditions, the Dice to
expect at an overlap of transfers, and how far from it new networks under new conditions were.
A `TrainingDomain` is that and what one network was trained on; it is kept beside the network
as JSON (`model_dump_json`, `model_validate_json`). `check_domain` answers for one image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.shift.isotonic import isotonic_explained, isotonic_fit
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap

Domain = Literal["in_range", "borderline", "outside"]

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


class TrainingDomain(ParameterBlock):
    """What a network was trained on, and what is known of such networks elsewhere."""

    lenses: tuple[Lens, ...] = Field(min_length=1)
    pixel_size_nm: tuple[float, float]  # smallest and largest of training
    dose_e_per_A2: tuple[float, float]
    measure: TransferMeasure
    relation: MeasuredRelation


class DomainLimits(ParameterBlock):
    """Where borderline begins and ends: conventions, not measurements."""

    acceptable_loss: float = Field(default=0.05, ge=0)  # of Dice, against the network's home
    largest_loss: float = Field(default=0.15, ge=0)
    dose_factor: float = Field(default=2.0, ge=1)  # beyond the trained range, still borderline
    pixel_size_factor: float = Field(default=1.25, ge=1)


@dataclass(frozen=True)
class DomainCheck:
    """The answer for one image.

    Attributes
    ----------
    domain : str
        ``in_range``, ``borderline`` or ``outside``.
    overlap : float
        Largest overlap with a condition of training; NaN where the lens is not known.
    nearest : int or None
        Which condition that is.
    expected_dice, low, high : float
        With the 90 % interval; NaN where the lens is not known.
    n_cells, n_networks : int
        What they are read off.
    reasons : tuple of str
        Why it is not in range; empty where it is.
    """

    domain: Domain
    overlap: float
    nearest: int | None
    expected_dice: float
    low: float
    high: float
    n_cells: int
    n_networks: int
    reasons: tuple[str, ...]


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
        rows_held_out=isotonic_explained(x, y).rows_held_out,
        n_rows=int(known.any(axis=1).sum()),
        n_networks=n_networks,
    )


def check_domain(
    domain: TrainingDomain,
    lens: Lens | None,
    dose_e_per_A2: float | None,
    pixel_size_nm: float | None,
    limits: DomainLimits | None = None,
) -> DomainCheck:
    """Judge one image: the worst of its transfer, its dose and its pixels.

    Parameters
    ----------
    domain : TrainingDomain
        Of the network.
    lens : Lens or None
        How the image was taken; None where that is not known.
    dose_e_per_A2, pixel_size_nm : float or None
        Of the image as the network gets it; None where not known.
    limits : DomainLimits, optional
        By default its defaults.

    Returns
    -------
    DomainCheck
        What is not known is borderline at best. So is a condition away from training, where
        the overlap explained nothing of networks held out.
    """
    limits = limits or DomainLimits()
    findings = [
        _range("dose", "e/Å²", dose_e_per_A2, domain.dose_e_per_A2, limits.dose_factor),
        _range("pixel size", "nm", pixel_size_nm, domain.pixel_size_nm, limits.pixel_size_factor),
    ]
    relation = domain.relation
    counts = (len(relation.cell_overlap), relation.n_networks)
    if lens is None:
        findings.append(("borderline", "the defocus is not known"))
        values: tuple[float, int | None, float, float, float] = (np.nan, None, *(np.nan,) * 3)
    else:
        overlaps = transfer_overlap(domain.lenses, [lens], domain.measure)[:, 0]
        nearest = int(overlaps.argmax())
        overlap = float(overlaps[nearest])
        findings += _transfer_findings(relation, overlap, limits)
        values = (overlap, nearest, relation.expected(overlap), *relation.interval(overlap))
    worst: Domain = max((found for found, _ in findings), key=_ORDER.index)
    return DomainCheck(worst, *values, *counts, tuple(reason for _, reason in findings if reason))


_ORDER: tuple[Domain, ...] = ("in_range", "borderline", "outside")


def _transfer_findings(
    relation: MeasuredRelation, overlap: float, limits: DomainLimits
) -> list[tuple[Domain, str]]:
    loss = relation.expected(1.0) - relation.expected(overlap)
    found: list[tuple[Domain, str]] = []
    if overlap < min(relation.cell_overlap):
        found.append(("outside", f"an overlap of {overlap:.2f} is less than any measured"))
    if loss > limits.acceptable_loss:
        domain: Domain = "outside" if loss > limits.largest_loss else "borderline"
        found.append((domain, f"its transfer costs {loss:.2f} Dice"))
    if relation.rows_held_out <= 0 and overlap < SAME:
        reason = (
            "overlap explained nothing of networks held out "
            f"(R² = {relation.rows_held_out:.2f})".replace("-", "−")
        )
        found.append(("borderline", reason))
    return found


def _range(
    name: str, unit: str, value: float | None, trained: tuple[float, float], factor: float
) -> tuple[Domain, str]:
    if value is None:
        return "borderline", f"the {name} is not known"
    low, high = trained
    if low <= value <= high:
        return "in_range", ""
    far = value < low / factor or value > high * factor
    said = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return (
        "outside" if far else "borderline",
        f"a {name} of {value:g} {unit} was not trained on ({said} {unit} was)",
    )


def _errors(
    x: NDArray[np.float64], y: NDArray[np.float64], known: NDArray[np.bool_]
) -> list[float]:
    """Dice less what the cells of other rows and columns say, of every known cell."""
    errors = []
    for row, column in np.argwhere(known):
        others = known.copy()
        others[row], others[:, column] = False, False
        fit = isotonic_fit(x[others], y[others])
        errors.append(float(y[row, column] - fit.at(x[row, column])))
    return errors
