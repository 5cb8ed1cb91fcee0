"""Display names of data sets: their value on the axis of a study, or their name."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from hrtem_shift.tables import rows_of

AXES = {
    "dose_e_per_A2": ("dose", "e/Å²"),
    "pixel_size_nm": ("pixel size", "nm"),
    "diameter_nm": ("diameter", "nm"),
}
"""Column -> what it is, and its unit."""


def display_names(
    data_sets: pd.DataFrame, axis: str | None = None, given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Label of each data set, in the order of the table.

    Parameters
    ----------
    data_sets : DataFrame
        data_set and, if asked for, the column `axis`.
    axis : str, optional
        One of `AXES`; sets are then called by their value, ``0.026 nm``.
    given : mapping, optional
        Labels that are stated; they come first.

    Returns
    -------
    dict
        Data set -> label; the name itself without a value, or where two labels would be equal.
    """
    labels = {row["data_set"]: _label(row, axis, given or {}) for row in rows_of(data_sets)}
    called = list(labels.values())
    return {name: label if called.count(label) == 1 else name for name, label in labels.items()}


def _label(row: Mapping[str, object], axis: str | None, given: Mapping[str, str]) -> str:
    name = str(row["data_set"])
    if name in given:
        return given[name]
    value = row.get(axis, math.nan) if axis else math.nan
    if axis is None or not isinstance(value, float) or math.isnan(value):
        return name
    return f"{value:.3g} {AXES[axis][1]}"
