"""Mean and standard deviation of one cell of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation (ddof 1) over n networks; NaN where undefined."""

    mean: float
    std: float
    n: int

    def __str__(self) -> str:
        if not math.isfinite(self.mean):
            return "missing"
        return f"{self.mean:.2f}" + (f" ± {self.std:.2f}" if math.isfinite(self.std) else "")

    @property
    def with_n(self) -> str:
        """``"0.90 ± 0.01 (n = 5)"``, for a sentence."""
        return f"{self} (n = {self.n})" if math.isfinite(self.mean) else "missing"


MISSING = Summary(math.nan, math.nan, 0)


def summarize(values: Sequence[float] | pd.Series | np.ndarray) -> Summary:
    """Mean, standard deviation and number of the finite values.

    Parameters
    ----------
    values : (N,) sequence of float
        One value a network; NaN for a network that failed.

    Returns
    -------
    Summary
        ``std`` is NaN for fewer than two values, both are NaN for none.
    """
    numbers = np.asarray(values, dtype=float)
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return MISSING
    spread = float(finite.std(ddof=1)) if finite.size > 1 else math.nan
    return Summary(float(finite.mean()), spread, int(finite.size))


def summarize_cell(matrix: pd.DataFrame, train_set: str, test_set: str, column: str) -> Summary:
    """`summarize` over the networks trained on one set and tested on another."""
    chosen = (matrix["train_set"] == train_set) & (matrix["test_set"] == test_set)
    return summarize(matrix.loc[chosen, column])
