"""Overlap of the contrast transfer functions of two imaging conditions.

A reconstruction (see `hrtem_shift.shift.measure`). The magnitudes of two
unrelated oscillating transfers overlap by (2 / pi)² / (1 / 2) = 0.81, not by 0; `centred`
subtracts that. Signed and wave overlaps fall to about 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import ImagingConditions, Lens
from hrtem_shift.shift.information import Evidence, PhasePower, evidence_of, signal_to_noise
from hrtem_shift.shift.measure import TransferMeasure, sample_band
from hrtem_shift.shift.sampled_transfer import Transferred, transfers

if TYPE_CHECKING:
    import torch

Overlap = Literal["magnitude", "signed", "power", "wave", "containment", "jaccard"]
SharedPart = Literal["containment", "jaccard"]

UNRELATED_MAGNITUDES = 8 / math.pi**2
"""Magnitude overlap of two unrelated rapid oscillations: 0.811."""

OVERLAP_FEATURES: dict[Overlap, Callable[[Transferred], torch.Tensor]] = {
    "magnitude": lambda transferred: transferred.contrast.abs(),
    "signed": lambda transferred: transferred.contrast,
    "power": lambda transferred: transferred.contrast.abs().square(),
    "wave": lambda transferred: transferred.wave,
    "containment": lambda transferred: transferred.contrast.abs(),
    "jaccard": lambda transferred: transferred.contrast.abs(),
}
"""Quantity compared at every frequency."""

Chunks = Iterable[tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]]
"""Weight (q,), and non-negative or complex features of rows (R, q) and columns (C, q)."""


def transfer_overlap(
    train: Sequence[Lens],
    test: Sequence[Lens],
    measure: TransferMeasure,
    kind: Overlap = "magnitude",
    device: torch.device | str = "cpu",
) -> NDArray[np.float64]:
    """Overlap of every training condition with every test condition.

    Parameters
    ----------
    train, test : sequence of Lens, R and C of them
        Conditions.
    measure : TransferMeasure
        Band, weight and noise floor kappa.
    kind : str
        ``magnitude``: (<abs T, abs T'> + kappa) / sqrt((<T, T> + kappa) (<T', T'> + kappa)),
        0 to 1: which frequencies both transfer, whatever their sign. ``signed``: the same of
        T, -1 to 1: contrast reversal counts. ``power``: the same of abs(T)², the overlap of
        Thon rings. ``wave``: abs(<H, H'>)² / (<H, H> <H', H'>), 0 to 1: depends only on the
        difference of round aberrations, which an image does not show. ``containment``:
        integral of w min(abs T, abs T') over that of w abs T', 0 to 1, directed: the share of
        the test's transfer that training has, too. ``jaccard``: integral of the minimum over that
        of the maximum, 0 to 1: a loss of transfer counts.
    device : torch.device or str
        Where to compute.

    Returns
    -------
    array of float64, shape (R, C)
        Never NaN: with kappa = 0, two conditions that transfer nothing overlap by 1, one of
        them with any other by 0, and their containment is 1.

    Notes
    -----
    kappa is a constant feature sqrt(kappa) appended to T, which keeps symmetry, the diagonal
    of 1 and positive semidefiniteness. The last two kinds and wave do not use it.
    """
    lenses = list(dict.fromkeys([*train, *test]))
    rows, columns = _positions(train, lenses), _positions(test, lenses)
    frequencies = sample_band(lenses, measure)

    def chunks() -> Chunks:
        for transferred in transfers(lenses, measure, frequencies, device):
            features = OVERLAP_FEATURES[kind](transferred)
            yield transferred.weight, features[rows], features[columns]

    return overlap_of(chunks(), kind, measure.noise_floor)


def information_overlap(
    train: Sequence[ImagingConditions],
    test: Sequence[ImagingConditions],
    measure: TransferMeasure,
    phase_power: PhasePower,
    kind: SharedPart = "containment",
    evidence: Evidence = "bits",
    pixel_size_nm: float | None = None,
    device: torch.device | str = "cpu",
) -> NDArray[np.float64]:
    """Overlap of what images show at every frequency, instead of abs T: it depends on the dose.

    Parameters
    ----------
    train, test : sequence of ImagingConditions, R and C of them
        Lens, dose and camera.
    measure : TransferMeasure
        Band; the weight is the area.
    phase_power : callable
        See `hrtem_shift.shift.information.PhasePower`.
    kind, device
        ``containment`` or ``jaccard`` as in `transfer_overlap`.
    evidence : str
        Of the signal-to-noise ratio: `hrtem_shift.shift.information.Evidence`.
    pixel_size_nm : float, optional
        As in `hrtem_shift.shift.information.signal_to_noise`.

    Returns
    -------
    array of float64, shape (R, C)
        0 to 1.
    """
    conditions, rows = [*train, *test], len(train)

    def chunks() -> Chunks:
        parts = signal_to_noise(conditions, measure, phase_power, pixel_size_nm, device)
        for weight, passed, _ in parts:
            shown = evidence_of(passed, evidence)
            yield weight, shown[:rows], shown[rows:]

    return overlap_of(chunks(), kind, 0.0)


def overlap_of(chunks: Chunks, kind: Overlap, noise_floor: float) -> NDArray[np.float64]:
    """Overlap of features in chunks of frequencies, (R, C).

    Parameters
    ----------
    chunks : iterable
        See `Chunks`.
    kind : str
        As in `transfer_overlap`.
    noise_floor : float
        kappa.
    """
    if kind in ("containment", "jaccard"):
        return _shared_part(chunks, kind)
    return _cosine(chunks, kind, noise_floor if kind != "wave" else 0.0)


def centred(magnitude_overlap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Magnitude overlap with unrelated conditions at 0 and equal ones at 1; down to -4.3."""
    return (magnitude_overlap - UNRELATED_MAGNITUDES) / (1 - UNRELATED_MAGNITUDES)


def _positions(chosen: Sequence[Lens], lenses: Sequence[Lens]) -> list[int]:
    """Position of each lens in a list without repeats."""
    position = {lens: k for k, lens in enumerate(lenses)}
    return [position[lens] for lens in chosen]


def _cosine(chunks: Chunks, kind: Overlap, noise_floor: float) -> NDArray[np.float64]:
    product, row_norm, column_norm = _totals(
        (
            (rows * weight) @ columns.conj().T,
            rows.abs().square() @ weight,
            columns.abs().square() @ weight,
        )
        for weight, rows, columns in chunks
    )
    norms = np.sqrt(np.multiply.outer(row_norm + noise_floor, column_norm + noise_floor))
    total = (np.abs(product) if kind == "wave" else product.real) + noise_floor
    nothing = np.logical_and.outer(row_norm == 0, column_norm == 0).astype(float)
    cosine = np.divide(total, norms, out=nothing, where=norms > 0).clip(-1, 1)
    return cosine**2 if kind == "wave" else cosine


def _shared_part(chunks: Chunks, kind: Overlap) -> NDArray[np.float64]:
    """From the areas a and b and the area between both: min = (a + b - |a - b|) / 2."""
    import torch

    weighted = ((rows * weight, columns * weight) for weight, rows, columns in chunks)
    between, row, column = _totals(
        (torch.cdist(rows, columns, p=1), rows.sum(dim=1), columns.sum(dim=1))
        for rows, columns in weighted
    )
    both = np.add.outer(row, column)
    shared = (both - between) / 2
    whole = np.broadcast_to(column, both.shape) if kind == "containment" else both - shared
    part: NDArray[np.float64] = np.divide(shared, whole, out=np.ones_like(both), where=whole > 0)
    return part.clip(0, 1)


def _totals(chunks: Iterable[tuple[torch.Tensor, ...]]) -> list[NDArray[np.float64]]:
    """Sum over all chunks of each of their parts."""
    summed = reduce(lambda sums, parts: tuple(map(add, sums, parts)), chunks)
    return [part.cpu().numpy() for part in summed]
