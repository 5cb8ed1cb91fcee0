"""Fit of imaging conditions: simulated images get the statistics of real ones.

Only contrast and roughness are fitted (`hrtem_shift.preparation.image_statistics`), never a
network's score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError

ConditionValues = dict[str, float]
Simulate = Callable[[Sequence[ConditionValues]], list[NDArray[np.float64]]]
"""Several sets of conditions -> the statistics of each, in the order of the targets."""

STEP = 0.05
"""Relative step of the numerical derivative; smaller ones are lost in the images' noise."""


@dataclass(frozen=True)
class ConditionFit:
    """Fitted conditions.

    Attributes
    ----------
    values : dict
        Condition -> value.
    statistics : array, shape (S,)
        Of the images simulated with them, in the order of the targets.
    history : DataFrame
        One row an evaluation: the conditions, and the statistics as ``s0``, ``s1`` ...
    """

    values: ConditionValues
    statistics: NDArray[np.float64]
    history: pd.DataFrame


def fit_conditions(
    simulate: Simulate,
    targets: NDArray[np.float64],
    start: ConditionValues,
    bounds: Mapping[str, tuple[float, float]],
    most_steps: int = 8,
) -> ConditionFit:
    """Least squares of log(simulated / real) over the logarithms of the conditions.

    Parameters
    ----------
    simulate : callable
        See `Simulate`; the same conditions must give the same statistics each time.
    targets : array, shape (S,)
        Statistics of the real images, above 0.
    start : dict
        Condition -> initial value.
    bounds : mapping
        Condition -> lowest and highest value, above 0.
    most_steps : int
        Steps of the trust region, each with one derivative.

    Returns
    -------
    ConditionFit

    Raises
    ------
    InputError
        More conditions are free than there are statistics.
    """
    from scipy.optimize import least_squares

    names = list(bounds)
    if len(names) > len(targets):
        raise InputError(
            f"{len(names)} free conditions",
            where="calibration.free",
            why=f"{len(targets)} statistics do not determine so many",
            fix="Free fewer conditions, or give images at more doses",
        )
    low, high = (np.log([bounds[name][end] for name in names]) for end in (0, 1))
    rows: list[dict[str, float]] = []

    def residuals(points: Iterable[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        choices = [dict(zip(names, np.exp(point).tolist(), strict=True)) for point in points]
        simulated = simulate(choices)
        for choice, statistics in zip(choices, simulated, strict=True):
            rows.append(choice | {f"s{k}": value for k, value in enumerate(statistics.tolist())})
        return [np.log(statistics / targets) for statistics in simulated]

    def derivative(point: NDArray[np.float64]) -> NDArray[np.float64]:
        inward = np.where(point + STEP <= high, STEP, -STEP)
        centre, *stepped = residuals([point, *(point + np.diag(inward))])
        return np.stack([(r - centre) / h for r, h in zip(stepped, inward, strict=True)], axis=1)

    begin = np.clip(np.log([start[name] for name in names]), low + 1e-6, high - 1e-6)
    solution = least_squares(
        lambda point: residuals([point])[0],
        begin,
        jac=derivative,
        bounds=(low, high),
        max_nfev=most_steps,
        xtol=3e-3,
        ftol=1e-4,
        gtol=1e-6,
    )
    values = dict(zip(names, np.exp(solution.x).tolist(), strict=True))
    statistics = np.exp(solution.fun) * targets
    return ConditionFit(values, statistics, pd.DataFrame(rows))
