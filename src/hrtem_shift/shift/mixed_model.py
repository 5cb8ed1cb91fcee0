"""Mixed model of Dice: distribution shift, test difficulty, training quality, residual.

logit Dice_ij = b0 + b1 s + b2 s² + b3 ln(eps_j + kappa) + u_i + v_j + e, with the shift
s = 1 - sigma_ij, the transfer power eps_j of the test condition, and normal effects u of
training conditions and v of test conditions. Variances by restricted maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from hrtem_shift.errors import InputError
from hrtem_shift.shift.isotonic import RSquared, r_squared

SMALLEST_ODDS = 0.005
"""Dice is clipped this far from 0 and 1, where its logit is infinite."""
LARGEST_RATIO = 30.0
"""Upper bound of the ratio of an effect's standard deviation to the residual's."""


class VarianceShares(NamedTuple):
    """Shares of the variance of logit Dice, sum 1."""

    shift: float
    test_difficulty: float
    training_quality: float
    residual: float


@dataclass(frozen=True, eq=False)
class MixedFit:
    """A fitted model.

    Attributes
    ----------
    coefficients : array, shape (P,)
        b, in the order of the covariates.
    row_effects, column_effects : array, shapes (R,) and (C,)
        u and v, shrunk; 0 for rows and columns that were not in the fit.
    row_variance, column_variance, residual_variance : float
    """

    coefficients: NDArray[np.float64]
    row_effects: NDArray[np.float64]
    column_effects: NDArray[np.float64]
    row_variance: float
    column_variance: float
    residual_variance: float

    def predict(self, covariates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predictions (R, C) from covariates (R, C, P)."""
        effects = np.add.outer(self.row_effects, self.column_effects)
        return covariates @ self.coefficients + effects


class ShiftModel(NamedTuple):
    """Result of `shift_model`.

    Attributes
    ----------
    shares : VarianceShares
        Shares of the variance.
    r_squared : RSquared
        Of logit Dice, with the shift.
    without_shift : RSquared
        Of the same model without the shift, for comparison.
    fit : MixedFit
        To all cells; coefficients of 1, s, s², ln(eps + kappa).
    """

    shares: VarianceShares
    r_squared: RSquared
    without_shift: RSquared
    fit: MixedFit


def shift_model(
    similarity: ArrayLike, dice: ArrayLike, test_power: ArrayLike, noise_floor: float = 1e-3
) -> ShiftModel:
    """Fit the model of this module, with R² on held-out rows and columns.

    Parameters
    ----------
    similarity, dice : array_like, shape (R, C)
        NaN for cells to leave out.
    test_power : array_like, shape (C,)
        Transfer power of the test conditions.
    noise_floor : float
        kappa; keeps the logarithm finite for a condition without transfer.

    Returns
    -------
    ShiftModel
    """
    s = 1 - np.asarray(similarity, dtype=np.float64)
    y = logit(dice)
    power = np.broadcast_to(np.log(np.asarray(test_power) + noise_floor), s.shape)
    covariates = np.stack([np.ones_like(s), s, s**2, power], axis=-1)
    fit = mixed_fit(covariates, y)
    finite = np.isfinite(y) & np.isfinite(s)
    by_shift = (covariates[finite][:, 1:3] @ fit.coefficients[1:3]).var()
    by_power = (power[finite] * fit.coefficients[3]).var()
    parts = np.array(
        [by_shift, by_power + fit.column_variance, fit.row_variance, fit.residual_variance]
    )
    return ShiftModel(
        VarianceShares(*(float(part) for part in parts / parts.sum())),
        _r_squared(covariates, y),
        _r_squared(covariates[..., [0, 3]], y),
        fit,
    )


def logit(dice: ArrayLike) -> NDArray[np.float64]:
    """ln(d / (1 - d)) of Dice clipped to 0.005 to 0.995."""
    inside = np.clip(np.asarray(dice, dtype=np.float64), SMALLEST_ODDS, 1 - SMALLEST_ODDS)
    return np.log(inside / (1 - inside))


def mixed_fit(covariates: NDArray[np.float64], values: NDArray[np.float64]) -> MixedFit:
    """Linear model with crossed normal effects of rows and columns.

    Parameters
    ----------
    covariates : array, shape (R, C, P)
        NaN for cells to leave out.
    values : array, shape (R, C)
        NaN for cells to leave out.

    Returns
    -------
    MixedFit

    Raises
    ------
    InputError
        Fewer cells than coefficients and variances.

    References
    ----------
    Bates et al., Journal of Statistical Software 67 (2015) 1, section 3: the profiled
    criterion.
    """
    scored = np.isfinite(values) & np.isfinite(covariates).all(axis=-1)
    if scored.sum() < covariates.shape[-1] + 3:
        raise InputError(
            f"{scored.sum()} cells",
            where="scores",
            why=f"{covariates.shape[-1]} coefficients and 3 variances need more",
            fix="Train or test on more conditions",
        )
    likelihood = _RestrictedLikelihood(covariates, values, scored)
    bounds = [(0.0, LARGEST_RATIO)] * 2
    return likelihood.fit(minimize(likelihood.criterion, (0.5, 0.5), bounds=bounds).x)


class _RestrictedLikelihood:
    """Restricted likelihood as a function of both ratios of standard deviations.

    With L = Z diag(ratio), V = 1 + L L': only the sums of cells over rows and columns enter.
    """

    def __init__(
        self,
        covariates: NDArray[np.float64],
        values: NDArray[np.float64],
        scored: NDArray[np.bool_],
    ) -> None:
        x, y = np.where(scored[..., None], covariates, 0), np.where(scored, values, 0)
        self.shape, self.n, self.p = scored.shape, int(scored.sum()), x.shape[-1]
        self.scale = np.maximum(np.sqrt(np.square(x).sum(axis=(0, 1)) / self.n), 1e-12)
        x = x / self.scale
        by_row, by_column = np.diag(scored.sum(axis=1)), np.diag(scored.sum(axis=0))
        self.zz = np.block([[by_row, scored], [scored.T, by_column]]).astype(float)
        self.zx, self.zy = (np.concatenate([v.sum(axis=1), v.sum(axis=0)]) for v in (x, y))
        # A negligible ridge, so that a covariate may be constant.
        self.xx = np.tensordot(x, x, ((0, 1), (0, 1))) + 1e-10 * self.n * np.eye(self.p)
        self.xy, self.yy = np.tensordot(x, y, ((0, 1), (0, 1))), float(np.square(y).sum())

    def _solved(self, ratios: NDArray[np.float64]) -> tuple[float, float, Any, Any, Any]:
        ratio = np.repeat(ratios, self.shape)
        inner = cho_factor(np.eye(len(ratio)) + ratio[:, None] * self.zz * ratio)
        lx, ly = ratio[:, None] * self.zx, ratio * self.zy
        xvx = self.xx - lx.T @ cho_solve(inner, lx)
        xvy = self.xy - lx.T @ cho_solve(inner, ly)
        outer = cho_factor(xvx)
        b = cho_solve(outer, xvy)
        squares = max(float(self.yy - ly @ cho_solve(inner, ly) - xvy @ b), 1e-12)
        logs = 2 * sum(float(np.log(np.diag(factor[0])).sum()) for factor in (inner, outer))
        effects = ratio * cho_solve(inner, ly - lx @ b)
        return logs, squares, b, effects, ratio

    def criterion(self, ratios: NDArray[np.float64]) -> float:
        """Minus twice the restricted log-likelihood, up to a constant."""
        logs, squares, *_ = self._solved(np.asarray(ratios))
        return logs + (self.n - self.p) * float(np.log(squares))

    def fit(self, ratios: NDArray[np.float64]) -> MixedFit:
        _, squares, b, effects, _ = self._solved(ratios)
        residual = squares / (self.n - self.p)
        rows = self.shape[0]
        of_rows, of_columns = (float(ratio**2 * residual) for ratio in ratios)
        return MixedFit(
            b / self.scale, effects[:rows], effects[rows:], of_rows, of_columns, residual
        )


def _r_squared(covariates: NDArray[np.float64], values: NDArray[np.float64]) -> RSquared:
    def predicted(cells: NDArray[np.bool_]) -> NDArray[np.float64]:
        return mixed_fit(covariates, np.where(cells, values, np.nan)).predict(covariates)

    return r_squared(values, predicted)
