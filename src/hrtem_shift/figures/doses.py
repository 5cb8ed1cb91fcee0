"""Doses of data sets, their labels, and their order."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import pandas as pd

from hrtem_shift.errors import InputError

_TRAILING_NUMBER = re.compile(r"(\d+(?:\.\d+)?)$")


def doses_of(inventory: pd.DataFrame) -> dict[str, float]:
    """Dose of each data set: the median over its micrographs.

    Parameters
    ----------
    inventory : DataFrame
        One row a micrograph: data_set, dose_e_per_A2.

    Returns
    -------
    dict
        Data set to dose [e/Å²].

    Raises
    ------
    InputError
        A data set has no dose.
    """
    doses = inventory.get("dose_e_per_A2", pd.Series(math.nan, inventory.index))
    medians = doses.groupby(inventory["data_set"], sort=False).median()
    unknown = medians.index[medians.isna()].tolist()
    if unknown:
        raise InputError(
            f"the dose of {', '.join(map(str, unknown))} is not known",
            where="dose_e_per_A2",
            why="A dose study orders and names its data sets by their doses",
            fix="Fill the column dose_e_per_A2 of the metadata table",
        )
    return {str(name): float(dose) for name, dose in medians.items()}


def dose_of(name: str, doses: Mapping[str, float] | None = None) -> float | None:
    """Dose of a data set, from the mapping or else from the number that ends its name.

    Parameters
    ----------
    name : str
        Data set, such as ``dose_884``.
    doses : mapping, optional
        Data set to dose [e/Å²].

    Returns
    -------
    float or None
        Dose [e/Å²]; None without either.
    """
    if doses is not None and name in doses:
        return float(doses[name])
    match = _TRAILING_NUMBER.search(name)
    return float(match.group(1)) if match else None


def high_to_low(names: Iterable[str], doses: Mapping[str, float] | None = None) -> list[str]:
    """Each name once, from the highest dose to the lowest; names without a dose come last."""
    unique = list(dict.fromkeys(names))
    dose = {name: dose_of(name, doses) for name in unique}
    # sorted() is stable: sets without a dose, or with equal ones, keep the order of the table.
    return sorted(unique, key=lambda name: -(dose[name] or 0.0))


def dose_label(name: str, doses: Mapping[str, float] | None = None) -> str:
    """``"884 e/Å²"``, or the name itself where no dose is known."""
    dose = dose_of(name, doses)
    return name if dose is None else f"{dose:g} e/Å²"
