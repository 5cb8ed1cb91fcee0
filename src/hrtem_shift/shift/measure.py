"""Inner product of transfer functions: the band of spatial frequencies, its weights and nodes.

A study has one: <f, g> = integral of w f conj(g) d²q over a band, where the weight w
integrates to 1. Nodes are equally spaced in q², where rings have equal area and the phase of
defocus is linear.

All formulas of this package are a reconstruction: those of the article whose idea it follows
(Rangel DaCosta and Scott, arXiv 2512.09067) were not available to us.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.aberrations import DEGREE, TERMS, aberration_polynomial
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.microscope.scattering import scattering_factor_nm
from hrtem_shift.parameters import ParameterBlock

LEAST_RADII, LEAST_AZIMUTHS = {True: 2048, False: 512}, 64  # for round lenses, for others
PHASE_STEP_rad = {True: math.pi / 64, False: math.pi / 8}
"""Largest change of chi from node to node, of any of the lenses."""
MOST_FREQUENCIES = 10_000_000
GOLDEN_SECTION = (math.sqrt(5) - 1) / 2
NODES_OF_A_SHELL = 8
"""Least number of nodes in one standard deviation of a Bragg shell."""


class FlatWeight(ParameterBlock):
    """The same weight everywhere in the band."""

    kind: Literal["flat"] = "flat"

    def at(self, q_per_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight an area at frequencies 1/d [1/nm], not normalised."""
        return np.ones_like(q_per_nm)


class FormFactorWeight(ParameterBlock):
    """The square of an element's scattering factor: the power that single atoms scatter."""

    kind: Literal["form_factor"] = "form_factor"
    atomic_number: int = Field(ge=1, le=103)

    def at(self, q_per_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight an area at frequencies 1/d [1/nm], not normalised."""
        return scattering_factor_nm(self.atomic_number, q_per_nm) ** 2


class BraggWeight(ParameterBlock):
    """Gaussian shells at lattice spacings, each with the same share."""

    kind: Literal["bragg"] = "bragg"
    spacings_nm: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1)
    shell_std_per_nm: float = Field(default=0.2, gt=0)  # about 1 / diameter of a 5 nm particle

    def at(self, q_per_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight an area at frequencies 1/d [1/nm], not normalised."""
        distance = np.subtract.outer(q_per_nm, 1 / np.array(self.spacings_nm))
        shells = np.exp(-0.5 * (distance / self.shell_std_per_nm) ** 2)
        weight: NDArray[np.float64] = shells @ np.array(self.spacings_nm)  # over 2 pi q
        return weight


class EmpiricalWeight(ParameterBlock):
    """Any radial spectrum, linear between its points, constant beyond them."""

    kind: Literal["empirical"] = "empirical"
    q_per_nm: tuple[float, ...] = Field(min_length=1)
    power: tuple[Annotated[float, Field(ge=0)], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _paired(self) -> EmpiricalWeight:
        if len(self.q_per_nm) != len(self.power) or np.any(np.diff(self.q_per_nm) <= 0):
            raise ValueError("q_per_nm must rise, with one power a frequency")
        return self

    def at(self, q_per_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight an area at frequencies 1/d [1/nm], not normalised."""
        return np.interp(q_per_nm, self.q_per_nm, self.power)


Weight = Annotated[
    FlatWeight | FormFactorWeight | BraggWeight | EmpiricalWeight, Field(discriminator="kind")
]


class TransferMeasure(ParameterBlock):
    """Measure of all conditions of a study, fixed before any score is known."""

    energy_keV: float = Field(default=300.0, ge=1, le=3000)
    q_min_per_nm: float = Field(default=0.5, ge=0)
    q_max_per_nm: float = Field(default=8.0, gt=0)
    weight: Weight = FlatWeight()
    amplitude_fraction: float = Field(default=0.0, ge=0, le=1)  # Q, share of amplitude contrast
    noise_floor: float = Field(default=1e-3, ge=0)  # kappa, in units of an ideal transfer power

    @model_validator(mode="after")
    def _has_a_band(self) -> TransferMeasure:
        if self.q_min_per_nm >= self.q_max_per_nm:
            raise ValueError(
                f"q_min_per_nm = {self.q_min_per_nm:g} is not below "
                f"q_max_per_nm = {self.q_max_per_nm:g}"
            )
        return self

    @property
    def area_per_nm2(self) -> float:
        """Area of the band, 1/nm²."""
        return math.pi * (self.q_max_per_nm**2 - self.q_min_per_nm**2)


@dataclass(frozen=True)
class Frequencies:
    """Nodes of a band and their weights.

    Attributes
    ----------
    qy_per_nm, qx_per_nm : array, shape (Q,)
        Spatial frequencies 1/d, 1/nm.
    weight : array, shape (Q,)
        Sum 1.
    """

    qy_per_nm: NDArray[np.float64]
    qx_per_nm: NDArray[np.float64]
    weight: NDArray[np.float64]


def check_nyquist(measure: TransferMeasure, pixel_size_nm: float) -> None:
    """Raise InputError for a band that exceeds the Nyquist frequency of the pixels."""
    nyquist_per_nm = 1 / (2 * pixel_size_nm)
    if measure.q_max_per_nm > nyquist_per_nm:
        raise InputError(
            f"{measure.q_max_per_nm:g} 1/nm",
            where="q_max_per_nm",
            why=f"Pixels of {pixel_size_nm:g} nm show nothing beyond {nyquist_per_nm:g} 1/nm",
            fix="Lower q_max_per_nm, or take smaller pixels",
        )


def is_round(lens: Lens) -> bool:
    """Whether transfer depends on abs q alone: no astigmatism, coma or other such aberration."""
    return _symmetries(lens) <= {0}


def _symmetries(lens: Lens) -> set[int]:
    return {m for name, (_, _, m) in TERMS.items() if getattr(lens, name)}


def sample_band(
    lenses: Sequence[Lens], measure: TransferMeasure, *, of_waves: bool = True
) -> Frequencies:
    """Nodes dense enough for all of the lenses.

    Radii suffice for round lenses. Other aberrations need azimuths, over half a turn, or over
    a whole one where chi(-q) differs from chi(q).

    Parameters
    ----------
    lenses : sequence of Lens
        All lenses to compare.
    measure : TransferMeasure
        Band and weight.
    of_waves : bool
        False: half a turn always suffices, since contrast transfer has T(-q) = conj T(q).

    Returns
    -------
    Frequencies
        chi changes by at most pi / 64 from radius to radius (pi / 8 where the lenses are not
        round, also along azimuths); overlaps are then good to 1e-5 (1e-4). At least 2,048
        radii, or 512 by 64 azimuths.

    Raises
    ------
    InputError
        A lens would need more than 10 million nodes, or the weight is 0 in the band.
    """
    symmetries = set().union(*map(_symmetries, lenses))
    are_round = symmetries <= {0}
    turn_rad = 2 * math.pi if of_waves and any(m % 2 for m in symmetries) else math.pi
    least = (LEAST_RADII[are_round], 1 if are_round else LEAST_AZIMUTHS)
    by_radius, by_azimuth = _phase_ranges(lenses, measure, turn_rad, are_round)
    step = PHASE_STEP_rad[are_round]
    radii = max(least[0], math.ceil(by_radius / step), _radii_of_the_weight(measure))
    azimuths = max(least[1], math.ceil(by_azimuth / step))
    if radii * azimuths > MOST_FREQUENCIES:
        raise _too_fine(radii * azimuths)
    q, angle_rad = _polar(measure, radii, azimuths, turn_rad)
    weight = np.broadcast_to(measure.weight.at(q)[:, None], (radii, azimuths)).ravel()
    if not weight.sum() > 0:
        raise InputError(
            f"weight '{measure.weight.kind}' is 0",
            where="weight",
            why=f"It has nothing from {measure.q_min_per_nm:g} to {measure.q_max_per_nm:g} 1/nm",
            fix="Give a weight that is above 0 within the band, or widen the band",
        )
    if not are_round:  # rings are rotated against each other: contrast often reverses along rays
        offset = (np.arange(radii) * GOLDEN_SECTION % 1 - 0.5) * turn_rad / azimuths
        angle_rad = offset[:, None] + angle_rad
    qy, qx = ((q[:, None] * part(angle_rad)).ravel() for part in (np.sin, np.cos))
    return Frequencies(qy, qx, weight / weight.sum())


def _polar(
    measure: TransferMeasure, radii: int, azimuths: int, turn_rad: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Midpoints of rings of equal area, 1/nm, and of sectors, rad; one sector is at 0."""
    low, high = measure.q_min_per_nm**2, measure.q_max_per_nm**2
    q = np.sqrt(low + (high - low) * (np.arange(radii) + 0.5) / radii)
    sectors = (np.arange(azimuths) + 0.5) * turn_rad / azimuths
    return q, sectors if azimuths > 1 else np.zeros(1)


def _phase_ranges(
    lenses: Sequence[Lens], measure: TransferMeasure, turn_rad: float, is_round: bool
) -> tuple[float, float]:
    """Steepest slopes of chi, times the width of the band and times the azimuth range, rad."""
    q, angle_rad = _polar(measure, 65, 1 if is_round else 48, turn_rad)
    y, x = (np.outer(q, part(angle_rad)) for part in (np.sin, np.cos))
    powers_y, powers_x = (
        np.stack([part**k for k in range(DEGREE + 1)], axis=-1) for part in (y, x)
    )
    by_radius = by_azimuth = 0.0
    for lens in lenses:
        c = aberration_polynomial(lens, measure.energy_keV)
        chi = ((powers_y @ c) * powers_x).sum(axis=-1)
        by_radius = max(by_radius, float(np.abs(np.diff(chi, axis=0)).max()) * len(q))
        if not is_round:
            by_azimuth = max(by_azimuth, float(np.abs(np.diff(chi, axis=1)).max()) * len(angle_rad))
    return by_radius, by_azimuth


def _radii_of_the_weight(measure: TransferMeasure) -> int:
    if not isinstance(measure.weight, BraggWeight):
        return 1
    shells_per_nm = [1 / d for d in measure.weight.spacings_nm]
    finest_per_nm2 = 2 * min(shells_per_nm) * measure.weight.shell_std_per_nm / NODES_OF_A_SHELL
    return math.ceil((measure.q_max_per_nm**2 - measure.q_min_per_nm**2) / finest_per_nm2)


def _too_fine(nodes: int) -> InputError:
    return InputError(
        f"{nodes:,} frequencies",
        where="transfer measure",
        why=f"The aberrations vary so fast that more than {MOST_FREQUENCIES:,} are needed",
        fix="Check the units of the aberrations, or lower q_max_per_nm",
    )
