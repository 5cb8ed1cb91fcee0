"""Expected hard Dice of a mask whose truth nobody knows, read off masks whose truth is known.

A Gaussian process over signals and features (`hrtem_shift.reliability.observation`): near what was
measured it follows the measurements, far from all of them it says that it does not know. The
interval is conformal: it holds the errors of the process on groups of micrographs that it was not
fitted to, of those with an expectation like this one's.

Rasmussen and Williams, *Gaussian Processes for Machine Learning* (2006), eqs. 2.25, 2.26, 5.8; Vovk
et al., *Algorithmic Learning in a Random World* (2005), conformal prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.reliability.image_features import BANDS, FEATURES, SPECTRUM
from hrtem_shift.reliability.observation import INPUTS

COVERAGE = 0.9
"""Of the intervals."""

NEAREST = 150
"""Measured micrographs, nearest in expectation, whose errors make an interval."""

FEWEST = 20
"""Measured micrographs below which nothing is expected of an image."""

FOLDS = 10
"""Groups are left out a tenth at a time when errors are measured."""

_WIDE_BANDS = np.array_split(np.arange(BANDS), 8)
"""Neighbouring rings of the power spectrum are averaged: their sum tells, not each."""
_PLAIN = tuple(name for name in INPUTS if name not in SPECTRUM)
_FARTHEST = 8.0
"""Inputs are standard deviations of the evidence, at most so many."""


class Kernel(ParameterBlock):
    """Fitted shape of the process: how fast expected Dice may change with each input."""

    inputs: list[str] = Field(min_length=1)
    """Names, in the order of lengths; ``power_k`` are wide bands of the spectrum."""
    lengths: list[float] = Field(min_length=1)
    """Change of an input over which Dice may change [its standard deviations]."""
    variance: float = Field(gt=0)
    noise: float = Field(gt=0)
    """Variance of Dice that the inputs do not tell."""


class ExpectedDice(NamedTuple):
    """What to expect of a mask.

    Attributes
    ----------
    mean, low, high : float
        Hard Dice; it lies between low and high with probability `coverage`.
    coverage : float
    n : int
        Measured micrographs behind it.
    known : float
        Part of the variance of Dice that the measured micrographs near this one explain: 1 among
        them, 0 far from all.
    """

    mean: float
    low: float
    high: float
    coverage: float
    n: int
    known: float


@dataclass(frozen=True, eq=False)
class DiceEstimator:
    """A fitted Gaussian process, ready for images.

    Parameters
    ----------
    kernel : Kernel
    inputs : ndarray, shape (n, d)
        Standardized inputs of the measured micrographs.
    weights : ndarray, shape (n,)
        (K + noise I)^-1 (Dice - mean).
    inverse : ndarray, shape (n, n)
        Inverse of the lower Cholesky factor of K + noise I.
    centre, scale : ndarray, shape (d,)
        What was subtracted from the inputs, and what they were divided by.
    mean : float
        Of the measured Dice.
    expected, errors : ndarray, shape (m,)
        Expectations of micrographs without their own group, sorted, and true Dice less them.
    """

    kernel: Kernel
    inputs: NDArray[np.float64]
    weights: NDArray[np.float64]
    inverse: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    mean: float
    expected: NDArray[np.float64]
    errors: NDArray[np.float64]

    @classmethod
    def of(cls, kernel: Kernel, evidence: pd.DataFrame) -> DiceEstimator:
        """From a fitted kernel and the evidence, with `unseen_expectation` filled in."""
        process = _Process.of(kernel, evidence)
        unseen = evidence["unseen_expectation"].to_numpy(np.float64)
        order = np.argsort(unseen, kind="stable")
        errors = evidence["hard_dice"].to_numpy(np.float64) - unseen
        return cls(kernel, *process, expected=unseen[order], errors=errors[order])

    def expect(self, inputs: NDArray[np.float64]) -> ExpectedDice:
        """Expected Dice of one image.

        Parameters
        ----------
        inputs : ndarray of float64, shape (len(INPUTS),)
            From `hrtem_shift.reliability.observation.observe`.
        """
        process = _Process(
            self.inputs, self.weights, self.inverse, self.centre, self.scale, self.mean
        )
        table = pd.DataFrame([inputs], columns=list(INPUTS))
        means, known = process.expect(self.kernel, _columns(table, self.kernel.inputs))
        mean = float(np.clip(means[0], 0, 1))
        low, high = np.clip(mean + self._error_quantiles(mean), 0, 1)
        return ExpectedDice(
            mean, float(low), float(high), COVERAGE, len(self.inputs), float(known[0])
        )

    def _error_quantiles(self, mean: float) -> NDArray[np.float64]:
        """Conformal: as many errors beyond each end as if the new one were among them."""
        middle = int(np.searchsorted(self.expected, mean))
        first = int(np.clip(middle - NEAREST // 2, 0, max(len(self.expected) - NEAREST, 0)))
        errors = np.sort(self.errors[first : first + NEAREST])
        beyond = max(int(np.floor((1 - COVERAGE) / 2 * (len(errors) + 1))) - 1, 0)
        return errors[[beyond, len(errors) - 1 - beyond]]


class _Process(NamedTuple):
    """Evidence and what follows of it, for one kernel."""

    inputs: NDArray[np.float64]
    weights: NDArray[np.float64]
    inverse: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    mean: float

    @classmethod
    def of(cls, kernel: Kernel, evidence: pd.DataFrame) -> _Process:
        from scipy.linalg import cholesky, solve_triangular

        columns = _columns(evidence, kernel.inputs)
        centre, scale = columns.mean(axis=0), np.maximum(columns.std(axis=0), 1e-9)
        inputs = np.clip((columns - centre) / scale, -_FARTHEST, _FARTHEST)
        dice = evidence["hard_dice"].to_numpy(np.float64)
        covariance = _covariance(kernel, inputs, inputs)
        covariance[np.diag_indices(len(inputs))] += kernel.noise
        lower = cholesky(covariance, lower=True)
        inverse = solve_triangular(lower, np.eye(len(lower)), lower=True)
        weights = inverse.T @ (inverse @ (dice - dice.mean()))
        return cls(inputs, weights, inverse, centre, scale, float(dice.mean()))

    def expect(
        self, kernel: Kernel, columns: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean, and the part of the variance that is explained, of each row."""
        inputs = np.clip((columns - self.centre) / self.scale, -_FARTHEST, _FARTHEST)
        cross = _covariance(kernel, inputs, self.inputs)
        explained = np.square(cross @ self.inverse.T).sum(axis=1) / kernel.variance
        return self.mean + cross @ self.weights, explained


def fit_estimator(evidence: pd.DataFrame) -> tuple[Kernel | None, pd.DataFrame]:
    """Fit the process to evidence, and measure how well it expects what it was not fitted to.

    Returns
    -------
    Kernel or None
        None where there are fewer than `FEWEST` measured micrographs.
    DataFrame
        The evidence with a column unseen_expectation; NaN without a kernel.
    """
    if len(evidence) < FEWEST or evidence["group"].nunique() < 2:
        return None, evidence.assign(unseen_expectation=np.nan)
    kernel = fit_kernel(evidence)
    expected = unseen_expectations(kernel, evidence)
    return kernel, evidence.assign(unseen_expectation=np.round(expected, 4))


def fit_kernel(evidence: pd.DataFrame) -> Kernel:
    """Kernel of the largest marginal likelihood of the evidence.

    Parameters
    ----------
    evidence : DataFrame
        hard_dice and `INPUTS` of every measured micrograph; inputs that are not known of all,
        such as the agreement of single networks, are left out.
    """
    import torch
    from scipy.optimize import minimize

    names = [name for name in _PLAIN if evidence[name].notna().all()]
    names += [f"power_{k}" for k in range(len(_WIDE_BANDS))]
    columns = _columns(evidence, names)
    z = (columns - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-9)
    x = torch.from_numpy(np.clip(z, -_FARTHEST, _FARTHEST))
    dice = evidence["hard_dice"].to_numpy(np.float64)
    y = torch.from_numpy(dice - dice.mean())

    def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        theta = torch.tensor(logs, requires_grad=True)
        scaled = x / theta[:-2].exp()
        squares = (scaled**2).sum(1)
        r = torch.clamp(squares[:, None] + squares - 2 * scaled @ scaled.T, min=1e-12).sqrt()
        k = theta[-2].exp() * (1 + 3**0.5 * r) * torch.exp(-(3**0.5) * r)
        lower = torch.linalg.cholesky(k + (theta[-1].exp() + 1e-8) * torch.eye(len(x)))
        half = torch.linalg.solve_triangular(lower, y[:, None], upper=False)
        # A weak preference for long lengths: an input matters only where the evidence says so.
        prior = (torch.clamp(theta[:-2] - np.log(30.0), min=0) ** 2).sum()
        value = 0.5 * (half**2).sum() + lower.diagonal().log().sum() + prior
        value.backward()
        assert theta.grad is not None
        return float(value.detach()), theta.grad.numpy()

    start = np.log([*[6.0] * len(names), max(dice.var(), 1e-4), max(dice.var(), 1e-4) / 20])
    bounds = [(np.log(0.3), np.log(300.0))] * len(names)
    bounds += [(np.log(1e-3), np.log(10.0)), (np.log(1e-3), np.log(1.0))]
    best = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 80}
    )
    *lengths, variance, noise = np.exp(best.x).tolist()
    return Kernel(inputs=names, lengths=lengths, variance=variance, noise=noise)


def unseen_expectations(kernel: Kernel, evidence: pd.DataFrame) -> NDArray[np.float64]:
    """Expected Dice of every measured micrograph from those of other groups.

    Parameters
    ----------
    evidence : DataFrame
        group, hard_dice and `INPUTS`; groups are left out `FOLDS` times.
    """
    number, _ = pd.factorize(evidence["group"])
    fold = number % min(FOLDS, max(int(number.max()) + 1, 2))
    expected = np.full(len(evidence), float(evidence["hard_dice"].mean()))
    for left_out in np.unique(fold):
        here = fold == left_out
        if here.all():
            continue
        process = _Process.of(kernel, evidence[~here])
        means, _ = process.expect(kernel, _columns(evidence[here], kernel.inputs))
        expected[here] = np.clip(means, 0, 1)
    return expected


def _columns(table: pd.DataFrame, names: list[str]) -> NDArray[np.float64]:
    """Inputs by name; intensities and skewness on a scale that tames the far ones."""
    spectrum = table[list(SPECTRUM)].to_numpy(np.float64)
    columns = {f"power_{k}": spectrum[:, band].mean(1) for k, band in enumerate(_WIDE_BANDS)}
    for name in _PLAIN:
        values = table[name].to_numpy(np.float64)
        columns[name] = np.arcsinh(values) if name in FEATURES else values
    return np.column_stack([columns[name] for name in names])


def _covariance(
    kernel: Kernel, here: NDArray[np.float64], there: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Matern covariance of order 3/2 (Rasmussen and Williams, eq. 4.17)."""
    from scipy.spatial.distance import cdist

    lengths = np.array(kernel.lengths)
    r = np.sqrt(3) * cdist(here / lengths, there / lengths)
    return kernel.variance * (1 + r) * np.exp(-r)
