"""Data sets as distributions over imaging conditions, and how far one is from another.

A reconstruction (see `hrtem_shift.shift.measure`). All conditions of a study stand in one list
of N; a data set is a row of a mixture, shape (M, N): the share of its images under each
condition, sum 1. Transfers are never averaged before they are compared: the mean of T over a
wide range of defocus acts as one more envelope and destroys what images show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import csr_array, eye_array, kron, vstack

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.aberrations import aberration_phase, temporal_envelope
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import TransferMeasure, sample_band
from hrtem_shift.shift.overlap import FEATURES, Chunks, Overlap, overlap_distance, overlap_of
from hrtem_shift.shift.sampled_transfer import transfers

if TYPE_CHECKING:
    import pandas as pd
    import torch

MOST_ATOMS = 500
"""Conditions of a set up to which a Wasserstein distance is solved exactly in seconds."""


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


def jittered_power(
    q_per_nm: NDArray[np.floating], lens: Lens, defocus_std_nm: float, energy_keV: float
) -> NDArray[np.float64]:
    """Mean of T² of a round lens whose defocus scatters: the closed form of a profile.

    E[T²] = E_t² [1 - cos(2 chi) exp(-2 (pi lambda v q²)²)] / 2, without illumination angle.

    Parameters
    ----------
    q_per_nm : array
        Spatial frequencies 1/d, 1/nm.
    lens : Lens
        Defocus, Cs and focal spread are used.
    defocus_std_nm : float
        v, standard deviation from image to image, nm.
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    array of float64, same shape
    """
    chi = aberration_phase(
        q_per_nm, defocus_nm=lens.defocus_nm, cs_mm=lens.cs_mm, energy_keV=energy_keV
    )
    within, between = (
        temporal_envelope(q_per_nm, focal_spread_std_nm=std_nm, energy_keV=energy_keV)
        for std_nm in (lens.focal_spread_std_nm, defocus_std_nm)
    )
    return 0.5 * within**2 * (1 - np.cos(2 * chi) * between**4)


def power_of_sets(rows: ArrayLike, power: NDArray[np.float64]) -> pd.DataFrame:
    """Transfer power of data sets.

    Parameters
    ----------
    rows : array_like, shape (M, N)
        Mixtures.
    power : array, shape (N,)
        From `hrtem_shift.shift.transfer.transfer_power`.

    Returns
    -------
    DataFrame
        One row a set: mean, least, and tenth_percentile (the power that a tenth of the
        images do not exceed).
    """
    import pandas as pd

    sets = mixtures(rows, len(power))
    order = np.argsort(power)
    reached = np.cumsum(sets[:, order], axis=1) >= 0.1 - 1e-12
    least = np.where(sets > 0, power, np.inf).min(axis=1)
    tenth = power[order][reached.argmax(axis=1)]
    return pd.DataFrame({"mean": sets @ power, "least": least, "tenth_percentile": tenth})


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


def directed_coverage(
    train: ArrayLike, test: ArrayLike, overlap: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean over the test set of the best overlap with any condition of training.

    It does not fall when training data are added, and is not symmetric. How often a
    condition was trained on does not count.

    Parameters
    ----------
    train, test, overlap
        As in `mean_pairwise`; rows of the overlap train, columns test.

    Returns
    -------
    array of float64, shape (R, C)
    """
    seen = mixtures(train, len(overlap)) > 0
    best = np.stack([overlap[support].max(axis=0) for support in seen])
    return best @ mixtures(test, len(overlap)).T


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
            fix=f"Choose one of {', '.join(sorted(set(FEATURES) - {'signed', 'wave'}))}",
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


def discrepancy_kernel(
    overlap: NDArray[np.float64], width: float | None = None
) -> NDArray[np.float64]:
    """Kernel exp(-(1 - sigma) / h), which tells any two distributions apart.

    Kernels linear in T compare no more than mean transfers.

    Parameters
    ----------
    overlap : array, shape (N, N)
        sigma of a positive semidefinite kind.
    width : float, optional
        h; by default the median of 1 - sigma over all pairs of different conditions.

    Returns
    -------
    array of float64, shape (N, N)
    """
    distance = 1 - overlap
    if width is None:
        apart = distance[np.triu_indices_from(distance, k=1)]
        apart = apart[apart > 1e-12]
        width = float(np.median(apart)) if len(apart) else 1.0
    return np.exp(-distance / width)


def squared_discrepancy(
    train: ArrayLike, test: ArrayLike, kernel: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared maximum mean discrepancy k(P, P) + k(P', P') - 2 k(P, P') of known mixtures.

    Gretton et al., Journal of Machine Learning Research 13 (2012) 723.

    Parameters
    ----------
    train, test : array_like, shape (R, N) and (C, N)
        Mixtures, known exactly: none of them is a sample.
    kernel : array, shape (N, N)
        From `discrepancy_kernel`.

    Returns
    -------
    array of float64, shape (R, C)
        0 for equal mixtures.
    """
    own = [_with_itself(rows, kernel) for rows in (train, test)]
    return np.add.outer(*own) - 2 * mean_pairwise(train, test, kernel)


def unbiased_squared_discrepancy(
    first: Sequence[int], second: Sequence[int], kernel: NDArray[np.float64]
) -> float:
    """Estimate of the same from two samples; it may be below 0.

    Parameters
    ----------
    first, second : sequence of int, at least two each
        Conditions of the images of two sets, as places in the list.
    kernel : array, shape (N, N)
        From `discrepancy_kernel`.
    """
    a, b = np.asarray(first), np.asarray(second)
    within = sum(
        (kernel[np.ix_(x, x)].sum() - kernel[x, x].sum()) / (len(x) * (len(x) - 1)) for x in (a, b)
    )
    return float(within - 2 * kernel[np.ix_(a, b)].mean())


def wasserstein(first: ArrayLike, second: ArrayLike, overlap: NDArray[np.float64]) -> float:
    """Least mean distance sqrt(2 - 2 sigma) over which one set is moved into the other.

    Solved exactly: as an assignment where both sets have equally many images under
    conditions of equal shares, else as a linear programme.

    Parameters
    ----------
    first, second : array_like, shape (N,)
        Mixtures.
    overlap : array, shape (N, N)
        sigma, symmetric.

    Returns
    -------
    float
        0 for equal sets; up to sqrt(2), or 2 for signed overlaps.

    Raises
    ------
    InputError
        A set has more than 500 conditions.
    """
    p, r = (mixtures(sets, len(overlap))[0] for sets in (first, second))
    sources, targets = np.flatnonzero(p), np.flatnonzero(r)
    if max(len(sources), len(targets)) > MOST_ATOMS:
        raise InputError(
            f"{max(len(sources), len(targets)):,} conditions in a set",
            where="mixture",
            why=f"A Wasserstein distance is solved exactly for up to {MOST_ATOMS}",
            fix="Group similar conditions, or take kernel_cosine",
        )
    cost = overlap_distance(overlap[np.ix_(sources, targets)])
    if len(sources) == len(targets) and np.ptp(p[sources]) == np.ptp(r[targets]) == 0:
        return float(cost[linear_sum_assignment(cost)].mean())
    return _transported(p[sources], r[targets], cost)


def _with_itself(rows: ArrayLike, overlap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean overlap of two conditions drawn from the same set, (M,)."""
    sets = mixtures(rows, len(overlap))
    return np.einsum("mi,ij,mj->m", sets, overlap, sets)


def _transported(
    supply: NDArray[np.float64], demand: NDArray[np.float64], cost: NDArray[np.float64]
) -> float:
    n, m = cost.shape
    leaving = kron(eye_array(n), csr_array(np.ones((1, m))))
    arriving = kron(csr_array(np.ones((1, n))), eye_array(m))
    marginals = np.concatenate([supply, demand * supply.sum() / demand.sum()])
    solved = linprog(cost.ravel(), A_eq=vstack([leaving, arriving]), b_eq=marginals)
    if not solved.success:
        raise RuntimeError(f"transport of {n} to {m} conditions: {solved.message}")
    return max(0.0, float(solved.fun))
