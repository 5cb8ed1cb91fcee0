"""Overlap of data sets whose images were recorded under many conditions.

A data set is a distribution over conditions, of which all pairwise overlaps are known. All
formulas are a reconstruction (see `hrtem_shift.shift.measure`).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

MixtureOverlap = Literal["kernel", "mean", "coverage"]


def mixture_overlap(
    overlap: ArrayLike, train: ArrayLike, test: ArrayLike, kind: MixtureOverlap = "kernel"
) -> NDArray[np.float64]:
    """Overlap of every training distribution with every test distribution.

    Parameters
    ----------
    overlap : array_like, shape (N, N)
        Of all conditions, rows = train; for ``kernel`` a cosine of
        `hrtem_shift.shift.overlap.transfer_overlap`.
    train, test : array_like, shapes (R, N) and (C, N)
        Share of each condition in each data set; rows have the sum 1.
    kind : str
        ``kernel``: k(P, P') / sqrt(k(P, P) k(P', P')) with k(P, P') = E E' overlap, 1 for equal
        distributions. ``mean``: E E' overlap. ``coverage``: E' of the largest overlap with a
        condition that training holds; directed, rises as training data are added.

    Returns
    -------
    array of float64, shape (R, C)
    """
    sigma, p, p_test = (np.asarray(each, dtype=np.float64) for each in (overlap, train, test))
    if kind == "coverage":
        held = np.where(p[:, :, None] > 0, sigma[None], -np.inf).max(axis=1)
        best: NDArray[np.float64] = held @ p_test.T
        return best
    mean: NDArray[np.float64] = p @ sigma @ p_test.T
    if kind == "mean":
        return mean
    of_train, of_test = (np.einsum("ri,ij,rj->r", each, sigma, each) for each in (p, p_test))
    return mean / np.sqrt(np.outer(of_train, of_test))


def mean_discrepancy(overlap: ArrayLike, train: ArrayLike, test: ArrayLike) -> NDArray[np.float64]:
    """Squared maximum mean discrepancy k(P, P) + k(P', P') - 2 k(P, P') of data sets, (R, C).

    0 for equal distributions; parameters as for `mixture_overlap`, whose `overlap` is the kernel.

    References
    ----------
    Gretton et al., Journal of Machine Learning Research 13 (2012) 723, equation 1 with the
    distributions known.
    """
    sigma, p, p_test = (np.asarray(each, dtype=np.float64) for each in (overlap, train, test))
    of_train, of_test = (np.einsum("ri,ij,rj->r", each, sigma, each) for each in (p, p_test))
    squared: NDArray[np.float64] = np.add.outer(of_train, of_test) - 2 * (p @ sigma @ p_test.T)
    return squared
