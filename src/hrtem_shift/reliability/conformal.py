"""Conformal prediction intervals (Vovk et al., Algorithmic Learning in a Random World, 2005)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

COVERAGE = 0.9
"""Probability that a new value lies in its interval."""


def error_quantiles(errors: ArrayLike) -> NDArray[np.float64]:
    """Lower and upper end (2,) of the errors to expect, given (n,) held-out errors.

    Ranks count the new error as one of them, so that few errors make a wide interval.
    """
    ordered = np.sort(np.asarray(errors, dtype=np.float64))
    beyond = max(int(np.floor((1 - COVERAGE) / 2 * (len(ordered) + 1))) - 1, 0)
    return ordered[[beyond, len(ordered) - 1 - beyond]]
