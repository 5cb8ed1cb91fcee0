"""Likeness: how far a micrograph is from those that networks were trained on and measured with.

Distances are Mahalanobis': standard deviations of the trained set along its own axes. What is
far is not set by hand but by the trained set: so far as all but 2.5 % of its own micrographs are
from the rest of them.
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

USUAL = 0.975
"""Part of the trained set's own micrographs that are usual."""


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
    usual : float
        Distance that `USUAL` of the trained set's micrographs keep to, each measured without
        itself.
    reach : float
        Distance to the `NEIGHBOURS`-th measured micrograph that as many of them keep to.
    """

    known: NDArray[np.float64]
    measured: NDArray[np.float64]
    dice: NDArray[np.float64]
    usual: float
    reach: float

    @classmethod
    def of(cls, evidence: pd.DataFrame) -> Likeness | None:
        """From the evidence of a package; None where it has fewer than `FEWEST` micrographs."""
        held_out = evidence["held_out"].to_numpy(bool)
        measured = evidence[list(FEATURES)].to_numpy(np.float64)
        known = measured[held_out]
        if len(known) < FEWEST:
            return None
        alone = [_distance(row, np.delete(known, k, 0)) for k, row in enumerate(known)]
        others = np.sort(_distances(known, known, measured), axis=1)[:, 1:]  # first is itself
        usual, reach = (
            float(np.quantile(values, USUAL, method="higher"))
            for values in (alone, others[:, :NEIGHBOURS][:, -1])
        )
        return cls(known, measured, evidence["hard_dice"].to_numpy(np.float64), usual, reach)

    def distance(self, features: NDArray[np.float64]) -> float:
        """How many times as far a micrograph is as the trained set's usual ones."""
        return _distance(features, self.known) / self.usual

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

    Correlations are shrunk by d / (n + d): so many are not known from n micrographs.
    """
    n, d = known.shape
    scale = np.maximum(known.std(0, ddof=1), 1e-9)
    scores = (known - known.mean(0)) / scale
    correlation = scores.T @ scores / (n - 1)
    np.fill_diagonal(correlation, 1.0)  # also of a feature that never varies
    shrunk = correlation + d / (n + d) * (np.eye(d) - correlation)
    values, axes = np.linalg.eigh(shrunk)
    return (axes / np.sqrt(values)) / scale[:, None]
