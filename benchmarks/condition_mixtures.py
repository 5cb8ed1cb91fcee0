"""Similarity of data sets whose images are taken under several conditions.

A reconstruction (see `hrtem_shift.shift.measure`). All conditions stand in one list of N; a data
set is a row of a mixture, shape (M, N): the share of its images under each condition, sum 1.
Transfers are never averaged before they are compared: the mean of T over a wide range of defocus
acts as one more envelope and destroys what images show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import TransferMeasure, sample_band
from hrtem_shift.shift.overlap import OVERLAP_FEATURES, Chunks, Overlap, overlap_of
from hrtem_shift.shift.sampled_transfer import transfers

if TYPE_CHECKING:
    import torch


def mixtures(rows: ArrayLike, conditions: int) -> NDArray[np.float64]:
    """Check mixtures and give them as an array, (M, N).

    Raises
    ------
    InputError
        A row has another length than the list of conditions, a negative share, or another
        sum than 1.
    """
    table = np.atleast_2d(np.asarray(rows, dtype=np.float64))
    if table.shape[1] == conditions and (table >= 0).all() and np.allclose(table.sum(axis=1), 1):
        return table
    raise InputError(
        f"rows of shape {table.shape}, sums from {table.sum(axis=1).min():g} to "
        f"{table.sum(axis=1).max():g}",
        where="mixture",
        why=f"A data set is a share for each of the {conditions} conditions, in sum 1",
        fix="Divide the numbers of images by their sum",
    )


def jittered(lens: Lens, defocus_std_nm: float, nodes: int = 15) -> tuple[list[Lens], list[float]]:
    """Conditions of a set whose defocus scatters: Gauss-Hermite lenses and their shares.

    Parameters
    ----------
    lens : Lens
        The middle.
    defocus_std_nm : float
        Standard deviation from image to image, nm.
    nodes : int
        Their number; 15 suffice while the phase of defocus scatters by up to 1.5 rad.
    """
    positions, weights = np.polynomial.hermite_e.hermegauss(nodes)
    defoci_nm = lens.defocus_nm + defocus_std_nm * positions
    lenses = [lens.model_copy(update={"defocus_nm": float(defocus)}) for defocus in defoci_nm]
    return lenses, [float(share) for share in weights / weights.sum()]


def mean_pairwise(
    train: ArrayLike, test: ArrayLike, overlap: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean overlap of a condition drawn from each set; below 1 for a set with itself.

    Parameters
    ----------
    train, test : array_like, shape (R, N) and (C, N)
        Mixtures of the same N conditions.
    overlap : array, shape (N, N)
        From `hrtem_shift.shift.overlap.transfer_overlap` of the conditions with themselves.

    Returns
    -------
    array of float64, shape (R, C)
    """
    return mixtures(train, len(overlap)) @ overlap @ mixtures(test, len(overlap)).T


def kernel_cosine(
    train: ArrayLike, test: ArrayLike, overlap: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Cosine k(P, P') / sqrt(k(P, P) k(P', P')) of `mean_pairwise`: 1 for a set with itself."""
    own = [_with_itself(rows, overlap) for rows in (train, test)]
    return mean_pairwise(train, test, overlap) / np.sqrt(np.multiply.outer(*own))


def profile_overlap(
    train: ArrayLike,
    test: ArrayLike,
    lenses: Sequence[Lens],
    measure: TransferMeasure,
    kind: Overlap = "magnitude",
    device: torch.device | str = "cpu",
) -> NDArray[np.float64]:
    """Overlap of the root-mean-square transfers sqrt(E[T²]) of data sets.

    Parameters
    ----------
    train, test : array_like, shape (R, N) and (C, N)
        Mixtures.
    lenses : sequence of Lens, N of them
        The conditions.
    measure, kind, device
        As in `hrtem_shift.shift.overlap.transfer_overlap`; not signed, not wave.

    Returns
    -------
    array of float64, shape (R, C)

    Raises
    ------
    InputError
        A root mean square has neither sign nor phase.
    """
    import torch

    if kind in ("signed", "wave"):
        raise InputError(
            f"'{kind}'",
            where="kind",
            why="A root mean square has neither sign nor phase",
            fix=f"Choose one of {', '.join(sorted(set(OVERLAP_FEATURES) - {'signed', 'wave'}))}",
        )
    rows, columns = (
        torch.from_numpy(mixtures(sets, len(lenses))).to(device) for sets in (train, test)
    )

    def chunks() -> Chunks:
        for part in transfers(lenses, measure, sample_band(lenses, measure), device):
            squares = part.contrast.abs().square()
            power = 1.0 if kind == "power" else 0.5
            yield part.weight, (rows @ squares) ** power, (columns @ squares) ** power

    return overlap_of(chunks(), kind, measure.noise_floor)


def _with_itself(rows: ArrayLike, overlap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean overlap of two conditions drawn from the same set, (M,)."""
    sets = mixtures(rows, len(overlap))
    return np.einsum("mi,ij,mj->m", sets, overlap, sets)
