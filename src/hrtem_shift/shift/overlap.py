"""Overlap of the contrast transfer functions of two imaging conditions.

A reconstruction (see `hrtem_shift.shift.measure`). The magnitudes of two
unrelated oscillating transfers overlap by (2 / pi)² / (1 / 2) = 0.81, not by 0; `centred`
subtracts that. Signed and wave overlaps fall to about 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import ImagingConditions, Lens
from hrtem_shift.shift.information import Evidence, PhasePower, evidence_of, signal_to_noise
from hrtem_shift.shift.measure import TransferMeasure, is_round, sample_band
from hrtem_shift.shift.sampled_transfer import Transferred, transfers

if TYPE_CHECKING:
    import torch

Overlap = Literal["magnitude", "signed", "power", "wave", "containment", "jaccard"]
SharedPart = Literal["containment", "jaccard"]

UNRELATED_MAGNITUDES = 8 / math.pi**2
"""Magnitude overlap of two unrelated rapid oscillations: 0.811."""

AREAS_AT_ONCE = 2048
"""Frequencies whose minima of all pairs are taken at once, so that they stay in the cache."""

OVERLAP_FEATURES: dict[Overlap, Callable[[Transferred], torch.Tensor]] = {
    "magnitude": lambda transferred: transferred.magnitude,
    "signed": lambda transferred: transferred.contrast,
    "power": lambda transferred: transferred.magnitude.square(),
    "wave": lambda transferred: transferred.wave,
    "containment": lambda transferred: transferred.magnitude,
    "jaccard": lambda transferred: transferred.magnitude,
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
    return transfer_overlaps(train, test, measure, [kind], device)[kind]


def transfer_overlaps(
    train: Sequence[Lens],
    test: Sequence[Lens],
    measure: TransferMeasure,
    kinds: Sequence[Overlap] = tuple(OVERLAP_FEATURES),
    device: torch.device | str = "cpu",
) -> dict[Overlap, NDArray[np.float64]]:
    """`transfer_overlap` of several kinds, by name; transfers are computed once for all."""
    overlaps: dict[Overlap, NDArray[np.float64]] = {
        kind: np.empty((len(train), len(test))) for kind in kinds
    }
    for rows, columns in blocks_of_equal_symmetry(train, test):
        chosen = [train[k] for k in rows], [test[k] for k in columns]
        lenses = list(dict.fromkeys([*chosen[0], *chosen[1]]))
        places = [_positions(each, lenses) for each in chosen]
        sums: dict[str, Totals] = {}
        frequencies = sample_band(lenses, measure, of_waves="wave" in kinds)
        for part in transfers(lenses, measure, frequencies, device):
            new: dict[str, Totals] = {}
            for kind in kinds:
                if _name(kind) not in new:
                    features = OVERLAP_FEATURES[kind](part)
                    new[_name(kind)] = _sums_of(kind)(
                        part.weight, *(features[place] for place in places)
                    )
            sums = {name: _add(sums[name], each) if sums else each for name, each in new.items()}
        for kind in kinds:
            block = _overlap_from(sums[_name(kind)], kind, measure.noise_floor)
            overlaps[kind][np.ix_(rows, columns)] = block
    return overlaps


def blocks_of_equal_symmetry(
    train: Sequence[Lens], test: Sequence[Lens]
) -> Iterator[tuple[list[int], list[int]]]:
    """Rows and columns of the blocks of a matrix: those of round lenses need radii alone."""
    (round_rows, other_rows), (round_columns, other_columns) = (
        [[k for k, lens in enumerate(each) if is_round(lens) == flag] for flag in (True, False)]
        for each in (train, test)
    )
    for rows, columns in (
        (round_rows, round_columns),
        (round_rows, other_columns),
        (other_rows, [*round_columns, *other_columns]),
    ):
        if rows and columns:
            yield rows, columns


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
    kinds = [kind]
    return information_overlaps(
        train, test, measure, phase_power, kinds, evidence, pixel_size_nm, device
    )[kind]


def information_overlaps(
    train: Sequence[ImagingConditions],
    test: Sequence[ImagingConditions],
    measure: TransferMeasure,
    phase_power: PhasePower,
    kinds: Sequence[SharedPart] = ("containment", "jaccard"),
    evidence: Evidence = "bits",
    pixel_size_nm: float | None = None,
    device: torch.device | str = "cpu",
) -> dict[SharedPart, NDArray[np.float64]]:
    """`information_overlap` of several kinds, by name; information is computed once for all."""
    overlaps: dict[SharedPart, NDArray[np.float64]] = {
        kind: np.empty((len(train), len(test))) for kind in kinds
    }
    for rows, columns in blocks_of_equal_symmetry(train, test):
        conditions = [*(train[k] for k in rows), *(test[k] for k in columns)]
        ratios = signal_to_noise(conditions, measure, phase_power, pixel_size_nm, device)
        shown = ((weight, evidence_of(passed, evidence)) for weight, passed, _ in ratios)
        sums = reduce(
            _add, (_shared_sums(w, bits[: len(rows)], bits[len(rows) :]) for w, bits in shown)
        )
        for kind in kinds:
            overlaps[kind][np.ix_(rows, columns)] = _shared_part(sums, kind)
    return overlaps


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
    sums = reduce(_add, (_sums_of(kind)(*chunk) for chunk in chunks))
    return _overlap_from(sums, kind, noise_floor)


def centred(magnitude_overlap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Magnitude overlap with unrelated conditions at 0 and equal ones at 1; down to -4.3."""
    return (magnitude_overlap - UNRELATED_MAGNITUDES) / (1 - UNRELATED_MAGNITUDES)


def _positions(chosen: Sequence[Lens], lenses: Sequence[Lens]) -> list[int]:
    """Position of each lens in a list without repeats."""
    position = {lens: k for k, lens in enumerate(lenses)}
    return [position[lens] for lens in chosen]


Totals = tuple["torch.Tensor", ...]


def _cosine_sums(weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> Totals:
    """Inner products of rows and columns, and squared norms of each."""
    norms = (
        each.abs().square() if each.is_complex() else each.square() for each in (rows, columns)
    )
    row_norm, column_norm = (each @ weight for each in norms)
    return (rows * weight) @ columns.conj().T, row_norm, column_norm


def _real_sums(weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> Totals:
    """The same with the real parts of inner products: twice as many real features."""
    import torch

    if rows.is_complex():
        weight = weight.repeat_interleave(2)
        rows, columns = (torch.view_as_real(each).flatten(1) for each in (rows, columns))
    return _cosine_sums(weight, rows, columns)


def _cosine(sums: Totals, kind: Overlap, noise_floor: float) -> NDArray[np.float64]:
    product, row_norm, column_norm = (each.cpu().numpy() for each in sums)
    noise_floor = 0.0 if kind == "wave" else noise_floor
    norms = np.sqrt(np.multiply.outer(row_norm + noise_floor, column_norm + noise_floor))
    total = (np.abs(product) if kind == "wave" else product) + noise_floor
    nothing = np.logical_and.outer(row_norm == 0, column_norm == 0).astype(float)
    cosine = np.divide(total, norms, out=nothing, where=norms > 0).clip(-1, 1)
    return cosine**2 if kind == "wave" else cosine


def _shared_sums(weight: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> Totals:
    """Areas below the minimum of each row and column, and below each."""
    import torch

    shared = rows.new_zeros(len(rows), len(columns))
    parts = (each.split(AREAS_AT_ONCE, dim=-1) for each in (weight, rows, columns))
    for some_weight, some_rows, some_columns in zip(*parts, strict=True):
        some_columns = some_columns.contiguous()
        for k, row in enumerate(some_rows):
            shared[k] += torch.minimum(row, some_columns) @ some_weight
    return shared, rows @ weight, columns @ weight


def _shared_part(sums: Totals, kind: Overlap, noise_floor: float = 0.0) -> NDArray[np.float64]:
    shared, row, column = (each.cpu().numpy() for each in sums)
    whole = np.add.outer(row, column) - shared
    if kind == "containment":
        whole = np.broadcast_to(column, shared.shape)
    part: NDArray[np.float64] = np.divide(shared, whole, out=np.ones_like(shared), where=whole > 0)
    return part.clip(0, 1)


def _name(kind: Overlap) -> str:
    """Kinds of one name have the same sums."""
    return "shared" if kind in ("containment", "jaccard") else kind


def _sums_of(kind: Overlap) -> Callable[..., Totals]:
    """What is summed over frequencies for a kind."""
    if _name(kind) == "shared":
        return _shared_sums
    return _cosine_sums if kind == "wave" else _real_sums


def _overlap_from(sums: Totals, kind: Overlap, noise_floor: float) -> NDArray[np.float64]:
    """The overlap of a kind, from its sums."""
    of = _shared_part if _name(kind) == "shared" else _cosine
    return of(sums, kind, noise_floor)


def _add(sums: Totals, others: Totals) -> Totals:
    return tuple(map(add, sums, others))
