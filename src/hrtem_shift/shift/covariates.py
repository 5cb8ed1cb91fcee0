"""Covariates of every training set and test condition, from which Dice may be predicted.

Quantities and models are those of docs/evidence/transfer-claims.md. A training set is one
condition or the conditions of all of its images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.shift.information import PhasePower, transfer_information
from hrtem_shift.shift.measure import TransferMeasure, is_round
from hrtem_shift.shift.overlap import Overlap, information_overlaps, transfer_overlaps
from hrtem_shift.shift.resolution import as_resolved
from hrtem_shift.shift.transfer import transfer_power

RECEPTIVE_FIELD_px = 185
"""What the network sees around a pixel."""
LEAST_INFORMATION = 1e-3
"""Share of the largest information at which its logarithm is cut: in focus it is 0."""

DEFOCUS = ("defocus_difference_nm", "defocus_magnitude_difference_nm")
DOSE = ("log2_dose_ratio", "log2_test_dose")
LOOKS = ("test_contrast", "test_roughness", "train_contrast", "train_roughness")
POWERS = ("test_power", "train_power")
RESOLVED_POWERS = ("resolved_test_power", "resolved_train_power")
INFORMATION = (
    "log_test_information",
    "log_train_information",
    "information_jaccard",
    "information_containment",
)

BASELINE, OVERLAP_ALONE = "baseline", "overlap alone"
JOINT = {
    "joint, magnitude": (*POWERS, "overlap_magnitude"),
    "joint, signed": (*POWERS, "overlap_signed"),
    "joint, power": (*POWERS, "overlap_power"),
    "joint, resolved": (*RESOLVED_POWERS, "resolved_overlap_signed"),
    "joint, resolved magnitude": (*RESOLVED_POWERS, "resolved_overlap_magnitude"),
}
"""Power of the test, power of the training, and their overlap."""
TRANSFER = (*JOINT["joint, resolved"], *JOINT["joint, magnitude"], *INFORMATION)
CLAIMED = {**JOINT, "dose-aware": INFORMATION, "transfer": TRANSFER}
"""Models of which one must predict Dice for the claim to hold."""
MODELS: dict[str, tuple[str, ...]] = {
    "defocus": DEFOCUS,
    "dose": DOSE,
    "image statistics": LOOKS,
    BASELINE: (*DEFOCUS, *DOSE, *LOOKS),
    OVERLAP_ALONE: ("overlap_magnitude",),
    **CLAIMED,
    "transfer and baseline": (*TRANSFER, *DEFOCUS, *DOSE, *LOOKS),
}
"""All registered models: name -> covariates."""


@dataclass(frozen=True, eq=False)
class Covariates:
    """Covariates of all pairs.

    Attributes
    ----------
    train_sets, test_sets : tuple of str
        Rows, those of single conditions first, and columns.
    values : dict
        Name -> array, shape (R, C).
    """

    train_sets: tuple[str, ...]
    test_sets: tuple[str, ...]
    values: dict[str, NDArray[np.float64]]

    def of(self, model: str) -> NDArray[np.float64]:
        """Covariates of one of `MODELS`, (R, C, P)."""
        return np.stack([self.values[name] for name in MODELS[model]], axis=-1)


def build_covariates(
    conditions: Mapping[str, ImagingConditions],
    trained: int,
    mixed: Mapping[str, Sequence[ImagingConditions]],
    looks: pd.DataFrame,
    measure: TransferMeasure,
    phase_power: PhasePower,
    pixel_size_nm: float,
) -> Covariates:
    """All covariates of all pairs of a training set and a test condition.

    Parameters
    ----------
    conditions : mapping
        Name -> condition, of all columns; the first `trained` of them are rows, too.
    trained : int
        Conditions that networks were trained under.
    mixed : mapping
        Name -> conditions of all images, of training sets of several conditions: further rows.
    looks : DataFrame
        contrast and roughness of the images; its index has all rows and columns.
    measure : TransferMeasure
        Band, weight and noise floor.
    phase_power : callable
        Of the specimen: `hrtem_shift.shift.information.PhasePower`.
    pixel_size_nm : float
        Of the camera.

    Returns
    -------
    Covariates

    Notes
    -----
    Of a set of several conditions: the mean of power, of information, of the shared parts of
    information and of the plain differences, and the ``kernel`` overlap of
    `hrtem_shift.shift.mixtures.mixture_overlap`.
    """
    tests = list(conditions.values())
    sets = {name: [conditions[name]] for name in list(conditions)[:trained]} | dict(mixed)
    lenses = list(dict.fromkeys(each for members in sets.values() for each in members))
    place = {lens: k for k, lens in enumerate(lenses)}
    shares = np.zeros((len(sets), len(lenses)))
    for row, members in zip(shares, sets.values(), strict=True):
        np.add.at(row, [place[each] for each in members], 1 / len(members))
    resolved = [
        as_resolved(some, RECEPTIVE_FIELD_px * pixel_size_nm, measure.energy_keV)
        for some in (lenses, tests)
    ]
    of_resolved = _transfer(resolved[0], resolved[1], shares, measure, ("magnitude", "signed"))
    values = {
        **_plain_differences(lenses, tests, shares),
        **_looks(looks, list(sets), list(conditions)),
        **_transfer(lenses, tests, shares, measure),
        **{f"resolved_{name}": matrix for name, matrix in of_resolved.items()},
        **_information(lenses, tests, shares, measure, phase_power, pixel_size_nm),
    }
    return Covariates(tuple(sets), tuple(conditions), values)


def _plain_differences(
    lenses: Sequence[ImagingConditions],
    tests: Sequence[ImagingConditions],
    shares: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    defocus_nm = [np.array([each.defocus_nm for each in some]) for some in (lenses, tests)]
    dose = [np.log2([each.dose_e_per_A2 for each in some]) for some in (lenses, tests)]
    return {
        "defocus_difference_nm": shares @ np.abs(np.subtract.outer(*defocus_nm)),
        "defocus_magnitude_difference_nm": shares
        @ np.abs(np.subtract.outer(*(np.abs(each) for each in defocus_nm))),
        "log2_dose_ratio": shares @ -np.subtract.outer(*dose),
        "log2_test_dose": np.tile(dose[1], (len(shares), 1)),
    }


def _looks(
    looks: pd.DataFrame, rows: list[str], columns: list[str]
) -> dict[str, NDArray[np.float64]]:
    shape = (len(rows), len(columns))
    values = {}
    for name in ("contrast", "roughness"):
        of_rows, of_columns = (looks.loc[each, name].to_numpy(float) for each in (rows, columns))
        values[f"test_{name}"] = np.broadcast_to(of_columns, shape)
        values[f"train_{name}"] = np.broadcast_to(of_rows[:, None], shape)
    return values


def _transfer(
    lenses: Sequence[ImagingConditions],
    tests: Sequence[ImagingConditions],
    shares: NDArray[np.float64],
    measure: TransferMeasure,
    kinds: Sequence[Overlap] = ("magnitude", "signed", "power"),
) -> dict[str, NDArray[np.float64]]:
    """Power of test and training, and the overlap of each kind."""
    of_tests, of_lenses = (
        _each(some, lambda these: transfer_power(these, measure)) for some in (tests, lenses)
    )
    shape = (len(shares), len(tests))
    values = {
        "test_power": np.broadcast_to(of_tests, shape),
        "train_power": np.broadcast_to((shares @ of_lenses)[:, None], shape),
    }
    overlaps = transfer_overlaps(lenses, tests, measure, kinds)
    own = {kind: np.ones(len(shares)) for kind in kinds}
    for row, share in enumerate(shares):
        members = np.flatnonzero(share)
        if len(members) > 1:
            several = [lenses[int(k)] for k in members]
            for kind, within in transfer_overlaps(several, several, measure, kinds).items():
                own[kind][row] = share[members] @ within @ share[members]
    for kind, overlap in overlaps.items():
        values[f"overlap_{kind}"] = shares @ overlap / np.sqrt(own[kind])[:, None]
    return values


def _information(
    lenses: Sequence[ImagingConditions],
    tests: Sequence[ImagingConditions],
    shares: NDArray[np.float64],
    measure: TransferMeasure,
    phase_power: PhasePower,
    pixel_size_nm: float,
) -> dict[str, NDArray[np.float64]]:
    """Logarithm of the information of test and training, and the shared parts."""

    def bits_per_A2(some: Sequence[ImagingConditions]) -> NDArray[np.float64]:
        table = transfer_information(some, measure, phase_power, pixel_size_nm)
        return table["bits_per_A2"].to_numpy()

    of_tests, of_lenses = (_each(some, bits_per_A2) for some in (tests, lenses))
    of_sets = shares @ of_lenses
    least = LEAST_INFORMATION * max(of_tests.max(), of_sets.max())
    shape = (len(shares), len(tests))
    shared = information_overlaps(lenses, tests, measure, phase_power, pixel_size_nm=pixel_size_nm)
    return {
        "log_test_information": np.broadcast_to(np.log(of_tests.clip(least)), shape),
        "log_train_information": np.broadcast_to(np.log(of_sets.clip(least))[:, None], shape),
        **{f"information_{kind}": shares @ matrix for kind, matrix in shared.items()},
    }


def _each(
    conditions: Sequence[ImagingConditions],
    of: Callable[[Sequence[ImagingConditions]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """A quantity of each condition; round lenses by themselves, which need radii alone."""
    values = np.empty(len(conditions))
    for flag in (True, False):
        chosen = [k for k, each in enumerate(conditions) if is_round(each) == flag]
        if chosen:
            values[chosen] = of([conditions[k] for k in chosen])
    return values
