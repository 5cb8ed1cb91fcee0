"""Likeness: how far a micrograph is from those that networks were trained on and measured with.

Distances are Mahalanobis': standard deviations of the trained set along its own axes. What is
far is not set by hand but by the trained set's own micrographs, each measured without those of
its group: images of one scene are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.segmentation.features import FEATURES

FEWEST = 8
"""Micrographs of the trained set from which their scatter means something."""

NEIGHBOURS = 19
"""The next of the same kind falls between the least and the greatest of 19 in 18 of 20 cases."""

USUAL = 0.95
"""Part of the trained set's own micrographs that are usual, in all comparisons at once."""


class Expectation(NamedTuple):
    """Hard Dice of the measured micrographs that are most like an image.

    Attributes
    ----------
    mean, low, high : float
        Over them; an image like them falls between low and high with probability `coverage`.
    coverage : float
        (n - 1) / (n + 1).
    n : int
        How many.
    """

    mean: float
    low: float
    high: float
    coverage: float
    n: int


@dataclass(frozen=True, eq=False)
class Likeness:
    """Distances from a trained set.

    Parameters
    ----------
    known : ndarray, shape (n, d)
        Features of the trained set's micrographs.
    measured : ndarray, shape (m, d)
        Features of all micrographs with a measured Dice.
    dice : ndarray, shape (m,)
        Their hard Dice.
    own_distances : ndarray, shape (n,)
        Distance of each of the trained set's micrographs from those of other groups.
    reach : float
        Distance to the `NEIGHBOURS`-th measured micrograph that `USUAL` of them keep to.
    """

    known: NDArray[np.float64]
    measured: NDArray[np.float64]
    dice: NDArray[np.float64]
    own_distances: NDArray[np.float64]
    reach: float

    @classmethod
    def of(cls, evidence: pd.DataFrame) -> Likeness | None:
        """From the evidence of a package.

        None where it has fewer than `FEWEST` micrographs, or any group has all but so few.
        """
        held_out = evidence["held_out"].to_numpy(bool)
        measured = evidence[list(FEATURES)].to_numpy(np.float64)
        known = measured[held_out]
        group = evidence.loc[held_out, "group"].to_numpy()
        apart = {one: known[group != one] for one in np.unique(group)}
        if len(known) < FEWEST or min(map(len, apart.values())) < FEWEST - 1:
            return None
        alone = [_distance(row, apart[one]) for row, one in zip(known, group, strict=True)]
        others = np.sort(_distances(known, known, measured), axis=1)[:, 1:]  # first is itself
        reach = float(np.quantile(others[:, :NEIGHBOURS][:, -1], USUAL, method="higher"))
        dice = evidence["hard_dice"].to_numpy(np.float64)
        return cls(known, measured, dice, np.array(alone), reach)

    def distance(self, features: NDArray[np.float64]) -> float:
        """How far a micrograph is from the trained set."""
        return _distance(features, self.known)

    def oddest(self, features: NDArray[np.float64]) -> tuple[str, float, float, float]:
        """Feature that is farthest from the trained set: name, value, and 95 % of the set."""
        off = np.abs(features - self.known.mean(0)) / np.maximum(self.known.std(0, ddof=1), 1e-9)
        k = int(np.argmax(off))
        low, high = np.quantile(self.known[:, k], [0.025, 0.975])
        return FEATURES[k], float(features[k]), float(low), float(high)

    def expected_dice(self, features: NDArray[np.float64], within: float) -> Expectation | None:
        """Dice of the measured micrographs that are most like an image.

        Parameters
        ----------
        features : ndarray, shape (d,)
            Of the image.
        within : float
            How many times `reach` the farthest of them may be away.

        Returns
        -------
        Expectation or None
            None where nothing like the image was measured.
        """
        distances = _distances(features[None], self.known, self.measured)[0]
        nearest = np.argsort(distances, kind="stable")[:NEIGHBOURS]
        if distances[nearest[-1]] > within * self.reach:
            return None
        dice, n = self.dice[nearest], len(nearest)
        low, high = float(dice.min()), float(dice.max())
        return Expectation(float(dice.mean()), low, high, (n - 1) / (n + 1), n)


def usual_limits(*comparisons: NDArray[np.float64]) -> list[float]:
    """Limits that `USUAL` of the trained set's micrographs keep in all comparisons at once.

    Parameters
    ----------
    *comparisons : ndarray, shape (n,)
        How far each of the n micrographs is from the rest, in one comparison each.

    Returns
    -------
    list of float
        One a comparison; each leaves out as many micrographs as the others. A new micrograph
        of the same kind goes beyond none of them about as often as `USUAL`, however many they
        are.
    """
    values = np.column_stack(comparisons)
    n = len(values)
    nearer = np.array([np.searchsorted(np.sort(v), v, side="right") for v in values.T]) / n
    share = float(np.quantile(nearer.max(axis=0), USUAL, method="higher"))
    return [float(np.sort(v)[round(share * n) - 1]) for v in values.T]


def _distance(features: NDArray[np.float64], known: NDArray[np.float64]) -> float:
    """Mahalanobis distance of one micrograph from the mean of others."""
    off = (features - known.mean(0)) @ _whitening(known)
    return float(np.linalg.norm(off))


def _distances(
    features: NDArray[np.float64], known: NDArray[np.float64], measured: NDArray[np.float64]
) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    whitening = _whitening(known)
    return cdist(features @ whitening, measured @ whitening)


def _whitening(known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix that makes the scatter of a set round, of radius 1.

    Correlations are shrunk by as much as they scatter by chance (Schaefer and Strimmer, Stat.
    Appl. Genet. Mol. Biol. 4, 32, 2005).
    """
    n, d = known.shape
    scale = np.maximum(known.std(0, ddof=1), 1e-9)
    scores = (known - known.mean(0)) / scale
    correlation = scores.T @ scores / (n - 1)
    np.fill_diagonal(correlation, 1.0)  # also of a feature that never varies
    squares = np.square(correlation[~np.eye(d, dtype=bool)])
    by_chance = np.square(1 - squares).sum() / (n - 1)
    shrinkage = min(by_chance / max(squares.sum(), 1e-9), 1.0)
    shrunk = correlation + shrinkage * (np.eye(d) - correlation)
    values, axes = np.linalg.eigh(shrunk)
    return (axes / np.sqrt(values)) / scale[:, None]
