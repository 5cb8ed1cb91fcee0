"""Expected hard Dice of a mask without a label, from masks with one.

Gaussian process regression on signals and features (`hrtem_shift.reliability.observation`), whose
variance grows with the distance from the measured micrographs. The interval is conformal, from the
errors on held-out groups of micrographs with a similar expectation. Inputs are replaced by normal
scores of their ranks in the evidence, so that units and long tails do not matter. Rasmussen and
Williams, *Gaussian Processes for Machine Learning* (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.reliability.conformal import COVERAGE, error_quantiles
from hrtem_shift.reliability.image_features import SPECTRUM
from hrtem_shift.reliability.observation import INPUTS
from hrtem_shift.seeds import generator_at

NEAREST_MICROGRAPHS = 150
"""Measured micrographs, nearest in expectation, whose errors make an interval."""

MOST_ROWS = 2200
"""Rows of evidence that a process is fitted to; more take minutes to fit, and seconds to use."""

FEWEST_MICROGRAPHS = 20
"""Least number of measured micrographs for an estimate."""

GROUP_FOLDS = 10
"""Folds of groups for held-out errors."""

LEAST_NOISE = 0.005
"""Least residual variance of Dice: masks of similar images differ by 0.07."""

_PREDICTORS = tuple(name for name in INPUTS if name not in SPECTRUM)
"""All but the power spectrum, whose own length scale the fit makes infinite."""
_FARTHEST = 8.0
"""Limit of the normal scores [standard deviations]."""


class Kernel(ParameterBlock):
    """Fitted kernel of the Gaussian process."""

    inputs: list[str] = Field(min_length=1)
    """Names of the inputs it depends on."""
    length: float = Field(gt=0)
    """Length scale [standard deviations of one input]."""
    variance: float = Field(gt=0)
    noise: float = Field(gt=0)
    """Residual variance of Dice."""


class ExpectedDice(NamedTuple):
    """Expected hard Dice of a mask.

    Attributes
    ----------
    mean, low, high : float
        Hard Dice; it lies between low and high with probability `coverage`.
    coverage : float
    n : int
        Number of measured micrographs.
    explained_variance : float
        Share of the variance of Dice explained by the measured micrographs near this one: 1
        among them, 0 far from all.
    """

    mean: float
    low: float
    high: float
    coverage: float
    n: int
    explained_variance: float


@dataclass(frozen=True, eq=False)
class DiceEstimator:
    """A fitted Gaussian process, ready for images.

    Parameters
    ----------
    kernel : Kernel
    process : Process
        The measured micrographs.
    expected, errors : ndarray, shape (n,)
        Held-out expectations of the measured micrographs, ascending, and true Dice minus them;
        of a micrograph that was measured in several ways (scale, mixed batch norms), in the best.
    """

    kernel: Kernel
    process: Process
    expected: NDArray[np.float64]
    errors: NDArray[np.float64]

    @classmethod
    def of(cls, kernel: Kernel, evidence: pd.DataFrame) -> DiceEstimator:
        """From a fitted kernel and the evidence, with `unseen_expectation` filled in."""
        chosen = best_measured(evidence)
        unseen = chosen["unseen_expectation"].to_numpy(np.float64)
        order = np.argsort(unseen, kind="stable")
        errors = chosen["hard_dice"].to_numpy(np.float64) - unseen
        return cls(kernel, Process.of(kernel, evidence), unseen[order], errors[order])

    def expect(self, inputs: NDArray[np.float64]) -> ExpectedDice:
        """Expected Dice of one image.

        Parameters
        ----------
        inputs : ndarray of float64, shape (len(INPUTS),)
            From `hrtem_shift.reliability.observation.observe`.
        """
        (mean,), (explained,) = self.process.expect(pd.DataFrame([inputs], columns=list(INPUTS)))
        low, high = np.clip(mean + self._error_quantiles(mean), 0, 1)
        n = len(self.expected)
        return ExpectedDice(float(mean), float(low), float(high), COVERAGE, n, float(explained))

    def _error_quantiles(self, mean: float) -> NDArray[np.float64]:
        """Ends of the errors of the micrographs with the nearest expectations."""
        middle = int(np.searchsorted(self.expected, mean))
        first = int(
            np.clip(
                middle - NEAREST_MICROGRAPHS // 2,
                0,
                max(len(self.expected) - NEAREST_MICROGRAPHS, 0),
            )
        )
        return error_quantiles(self.errors[first : first + NEAREST_MICROGRAPHS])


@dataclass(frozen=True, eq=False)
class Process:
    """A Gaussian process conditioned on measured micrographs.

    Parameters
    ----------
    kernel : Kernel
    columns : ndarray, shape (n, d)
        Inputs of the measured micrographs, each column sorted: the scale of `_normal_scores`.
    scores : ndarray, shape (n, d)
        The inputs on that scale.
    weights : ndarray, shape (n,)
        (K + noise I)^-1 (Dice - mean).
    lower : ndarray, shape (n, n)
        Lower Cholesky factor of K + noise I.
    mean : float
        Of the measured Dice.
    """

    kernel: Kernel
    columns: NDArray[np.float64]
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    lower: NDArray[np.float64]
    mean: float

    @classmethod
    def of(cls, kernel: Kernel, evidence: pd.DataFrame) -> Process:
        """Rasmussen and Williams, algorithm 2.1."""
        from scipy.linalg import cho_solve, cholesky

        columns = evidence[kernel.inputs].to_numpy(np.float64)
        ordered = np.sort(columns, axis=0)
        scores = _normal_scores(columns, ordered)
        dice = evidence["hard_dice"].to_numpy(np.float64)
        covariance = _covariance(kernel, scores, scores)
        covariance[np.diag_indices(len(scores))] += kernel.noise
        lower = cholesky(covariance, lower=True, overwrite_a=True, check_finite=False)
        weights = cho_solve((lower, True), dice - dice.mean(), check_finite=False)
        return cls(kernel, ordered, scores, weights, lower, float(dice.mean()))

    def expect(self, table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean from 0 to 1, and explained share of the variance, of each row."""
        from scipy.linalg import solve_triangular

        scores = _normal_scores(table[self.kernel.inputs].to_numpy(np.float64), self.columns)
        cross = _covariance(self.kernel, scores, self.scores)
        half = solve_triangular(self.lower, cross.T, lower=True, check_finite=False)
        explained = np.square(half).sum(axis=0) / self.kernel.variance
        return np.clip(self.mean + cross @ self.weights, 0, 1), explained


def best_measured(evidence: pd.DataFrame) -> pd.DataFrame:
    """Rows of the highest unseen expectation of each micrograph and alteration.

    Of what was measured at several scales, and with mixed batch norms; as `segment` chooses.
    """
    if evidence["scale"].nunique() < 2:
        return evidence
    best = evidence.sort_values("unseen_expectation", ascending=False, kind="stable")
    return best.drop_duplicates(["data_set", "micrograph"]).sort_index()


def thinned(evidence: pd.DataFrame, most: int = MOST_ROWS) -> pd.DataFrame:
    """At most so many rows: the most confident of each image, and a random part of the others.

    A Gaussian process of n rows takes n³ steps, and images are measured at several scales.
    """
    if len(evidence) <= most:
        return evidence
    ordered = evidence.sort_values("soft_dice", ascending=False, kind="stable")
    others = ordered[ordered.duplicated(["data_set", "micrograph"])]
    room = max(most - (len(ordered) - len(others)), 0)
    left_out = others.sample(len(others) - room, random_state=generator_at(0, "thinned"))
    return evidence.drop(left_out.index).reset_index(drop=True)


def fit_estimator(evidence: pd.DataFrame) -> tuple[Kernel | None, pd.DataFrame]:
    """Fit the process to evidence, with held-out expectations.

    Returns
    -------
    Kernel or None
        None where there are fewer than `FEWEST_MICROGRAPHS` measured micrographs.
    DataFrame
        The evidence with a column unseen_expectation; NaN without a kernel.
    """
    if len(evidence) < FEWEST_MICROGRAPHS or evidence["group"].nunique() < 2:
        return None, evidence.assign(unseen_expectation=np.nan)
    kernel = fit_kernel(evidence)
    expected = unseen_expectations(kernel, evidence)
    return kernel, evidence.assign(unseen_expectation=np.round(expected, 4))


def fit_kernel(evidence: pd.DataFrame) -> Kernel:
    """Kernel of the largest marginal likelihood of the evidence.

    Parameters
    ----------
    evidence : DataFrame
        hard_dice and `INPUTS` of every measured micrograph; inputs with missing values, such
        as the agreement of single networks, are left out.

    Notes
    -----
    One length scale for all inputs: one for each input fits the measured micrographs better
    and predicts those of other kinds worse.
    """
    import torch
    from scipy.optimize import minimize
    from scipy.spatial.distance import cdist

    names = [name for name in _PREDICTORS if evidence[name].notna().all()]
    columns = evidence[names].to_numpy(np.float64)
    scores = _normal_scores(columns, np.sort(columns, axis=0))
    distances = torch.from_numpy(3**0.5 * cdist(scores, scores))
    dice = evidence["hard_dice"].to_numpy(np.float64)
    y = torch.from_numpy(dice - dice.mean())

    def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = torch.tensor(logs, requires_grad=True)
        length, variance, noise = theta.exp()
        r = distances / length
        k = variance * (1 + r) * torch.exp(-r) + noise * torch.eye(len(r))
        lower = torch.linalg.cholesky(k)
        half = torch.linalg.solve_triangular(lower, y[:, None], upper=False)
        value = 0.5 * (half**2).sum() + lower.diagonal().log().sum()
        value.backward()
        assert theta.grad is not None
        return float(value.detach()), theta.grad.numpy()

    start = np.log([6.0, max(dice.var(), 1e-3), 2 * LEAST_NOISE])
    bounds = np.log([(0.5, 300.0), (1e-3, 10.0), (LEAST_NOISE, 1.0)])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds.tolist())
    length, variance, noise = np.exp(best.x).tolist()
    return Kernel(inputs=names, length=length, variance=variance, noise=noise)


def unseen_expectations(kernel: Kernel, evidence: pd.DataFrame) -> NDArray[np.float64]:
    """Held-out expected Dice of every measured micrograph, from those of other groups.

    Parameters
    ----------
    evidence : DataFrame
        group, hard_dice and `INPUTS`; groups are left out `GROUP_FOLDS` times.
    """
    number, _ = pd.factorize(evidence["group"])
    fold = number % min(GROUP_FOLDS, max(int(number.max()) + 1, 2))
    expected = np.full(len(evidence), float(evidence["hard_dice"].mean()))
    for left_out in np.unique(fold):
        held_out = fold == left_out
        if not held_out.all():
            process = Process.of(kernel, evidence[~held_out])
            expected[held_out], _ = process.expect(evidence[held_out])
    return expected


def _normal_scores(
    columns: NDArray[np.float64], ordered: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Normal score of each value's rank among the measured ones, linear beyond them."""
    from scipy.special import ndtri

    n = len(ordered)
    scores = np.empty_like(columns)
    for k, (values, measured) in enumerate(zip(columns.T, ordered.T, strict=True)):
        ranks = np.searchsorted(measured, values) + np.searchsorted(measured, values, "right")
        inner = ndtri(np.clip(ranks / (2 * n), 0.5 / n, 1 - 0.5 / n))
        spread = max(float(measured.std()), 1e-9)
        beyond = np.maximum(values - measured[-1], 0) - np.maximum(measured[0] - values, 0)
        scores[:, k] = inner + beyond / spread
    return np.clip(scores, -_FARTHEST, _FARTHEST)


def _covariance(
    kernel: Kernel, here: NDArray[np.float64], there: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Matern covariance of order 3/2 (Rasmussen and Williams, eq. 4.17)."""
    from scipy.spatial.distance import cdist

    r = np.sqrt(3) * cdist(here, there) / kernel.length
    return kernel.variance * (1 + r) * np.exp(-r)
