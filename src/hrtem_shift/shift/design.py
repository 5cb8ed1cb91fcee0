"""Experimental design: the mixture of training conditions that covers a target best.

Directed coverage, the mean over the target of the best overlap with a training condition, is
monotone and submodular (facility location). Greedy choice therefore reaches at least
1 - 1/e = 63 % of the optimum (Nemhauser, Wolsey and Fisher, Mathematical Programming 14 (1978)
265), and usually far more: `Proposal.best_possible` is an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError


@dataclass(frozen=True, eq=False)
class Mixture:
    """Images to make under each candidate condition.

    Attributes
    ----------
    images : array of int, shape (N,)
        Their number; 0 for conditions left out.
    coverage : float
        Directed coverage of the target.
    """

    images: NDArray[np.int64]
    coverage: float

    @property
    def shares(self) -> NDArray[np.float64]:
        """Shares of the conditions, sum 1."""
        return self.images / self.images.sum()


@dataclass(frozen=True, eq=False)
class Proposal:
    """A mixture and, for comparison, the uniform one of as many conditions.

    Attributes
    ----------
    proposed : Mixture
        By greedy choice; images in proportion to the part of the target that each covers.
    uniform : Mixture
        As many conditions, spread evenly over the list of candidates, images alike.
    best_possible : float
        Upper bound of the coverage of so many conditions.
    """

    proposed: Mixture
    uniform: Mixture
    best_possible: float


def propose_mixture(
    overlap: ArrayLike, target: ArrayLike, images: int, least_images: int
) -> Proposal:
    """Choose conditions to train on.

    Parameters
    ----------
    overlap : array_like, shape (N, M)
        Of N candidate conditions with M of the target, 0 to 1.
    target : array_like, shape (M,)
        Share of each condition of the target, sum 1.
    images : int
        Budget.
    least_images : int
        Least number of images a condition. It limits the number of conditions to images /
        least_images; without it, more conditions would always be better.

    Returns
    -------
    Proposal

    Raises
    ------
    InputError
        The budget is below `least_images`, or overlaps or shares are invalid.
    """
    sigma, shares = np.asarray(overlap, dtype=np.float64), np.asarray(target, dtype=np.float64)
    _check(sigma, shares, images, least_images)
    number = min(len(sigma), images // least_images)
    chosen, best_possible = _greedy(sigma, shares, number)
    even = np.unique(np.linspace(0, len(sigma) - 1, number).round().astype(int))
    nearest = sigma[chosen].argmax(axis=0)
    covered = np.array([shares[nearest == k].sum() for k in range(len(chosen))])
    return Proposal(
        _mixture(sigma, shares, chosen, images, least_images, covered),
        _mixture(sigma, shares, even, images, least_images, np.full(len(even), 1 / len(even))),
        best_possible,
    )


def _greedy(
    sigma: NDArray[np.float64], shares: NDArray[np.float64], number: int
) -> tuple[NDArray[np.intp], float]:
    """Conditions in the order of choice, and an upper bound of the coverage of so many."""
    covered = np.zeros(sigma.shape[1])
    chosen: list[int] = []
    bound = np.inf
    for _ in range(number):
        gains = np.maximum(sigma - covered, 0) @ shares
        # The gain that remains is at most the sum of the largest single gains.
        bound = min(bound, float(covered @ shares + np.sort(gains)[-number:].sum()))
        chosen.append(int(gains.argmax()))
        covered = np.maximum(covered, sigma[chosen[-1]])
    gains = np.maximum(sigma - covered, 0) @ shares
    bound = min(bound, float(covered @ shares + np.sort(gains)[-number:].sum()))
    unique = list(dict.fromkeys(chosen))  # once all is covered, the first is chosen again
    return np.array(unique), bound


def _mixture(
    sigma: NDArray[np.float64],
    shares: NDArray[np.float64],
    chosen: NDArray[np.intp],
    images: int,
    least_images: int,
    parts: NDArray[np.float64],
) -> Mixture:
    """The least number of images for each condition, the rest by largest remainders."""
    exact = (images - least_images * len(chosen)) * parts / parts.sum()
    given = np.floor(exact).astype(np.int64)
    missing = images - least_images * len(chosen) - int(given.sum())
    given[np.argsort(given - exact, kind="stable")[:missing]] += 1
    numbers = np.zeros(len(sigma), dtype=np.int64)
    numbers[chosen] = given + least_images
    return Mixture(numbers, float(sigma[chosen].max(axis=0) @ shares))


def _check(
    sigma: NDArray[np.float64], shares: NDArray[np.float64], images: int, least_images: int
) -> None:
    if sigma.ndim != 2 or shares.shape != sigma.shape[1:] or not np.isclose(shares.sum(), 1):
        raise InputError(
            f"overlaps of shape {sigma.shape}, shares of shape {shares.shape}, sum "
            f"{shares.sum():g}",
            where="target",
            why="A target is a share for each column of the overlaps, sum 1",
            fix="Divide the shares by their sum",
        )
    if sigma.min() < 0 or shares.min() < 0:
        raise InputError(
            f"{min(sigma.min(), shares.min()):g}",
            where="overlap and target",
            why="Coverage needs overlaps and shares of 0 or more",
            fix="Use another kind of overlap than signed",
        )
    if not 1 <= least_images <= images:
        raise InputError(
            f"{images} images, at least {least_images} a condition",
            where="budget",
            why="It is too small for one condition",
            fix="Raise the budget, or lower least_images",
        )
