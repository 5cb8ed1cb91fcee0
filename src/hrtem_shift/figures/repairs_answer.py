"""What mixed batch norms and thinned electrons recover at lower doses, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hrtem_shift.evaluation.repairs import MIXED, THINNING
from hrtem_shift.figures.doses import dose_label
from hrtem_shift.tables import rows_of


def mixed_norms_answer(
    repairs: pd.DataFrame, order: Sequence[str], doses: Mapping[str, float]
) -> list[str]:
    """Change of hard Dice by mixed batch norms, of networks of the highest dose.

    Parameters
    ----------
    repairs : DataFrame
        From `hrtem_shift.evaluation.repairs.repairs`.
    order : sequence of str
        Data sets from the highest dose to the lowest.
    doses : mapping
        Data set to dose [e/Å²].

    Returns
    -------
    list of str
        A paragraph a share: each test set, the lowest dose first. None where none was tested.
    """
    return [
        f"Without any training, batch norms that take {100 * share:g} % of their statistics from "
        f"each test micrograph change hard Dice of the networks of "
        f"{dose_label(order[0], doses)} {_changes(rows, order, doses)}."
        for share, rows in _of_first(repairs, MIXED, order)
    ]


def thinning_answer(
    repairs: pd.DataFrame, order: Sequence[str], doses: Mapping[str, float]
) -> list[str]:
    """Change of hard Dice by training on thinned electrons, of networks of the highest dose.

    Parameters and result as for `mixed_norms_answer`.
    """
    return [
        f"Training with {100 * share:g} % of the electrons of each image, as if the dose had been "
        f"{share * doses[order[0]]:.0f} e/Å², changes hard Dice of the networks of "
        f"{dose_label(order[0], doses)} {_changes(rows, order, doses)}."
        for share, rows in _of_first(repairs, THINNING, order)
    ]


def _of_first(
    repairs: pd.DataFrame, repair: str, order: Sequence[str]
) -> list[tuple[float, pd.DataFrame]]:
    """Rows of the networks of the highest dose with some repair, by its strength."""
    rows = repairs[(repairs["repair"] == repair) & (repairs["train_set"] == order[0])]
    return [(float(strength), part) for strength, part in rows.groupby("strength", sort=False)]  # type: ignore[arg-type]


def _changes(rows: pd.DataFrame, order: Sequence[str], doses: Mapping[str, float]) -> str:
    by_set = {row["test_set"]: row for row in rows_of(rows)}
    tests = [
        f"{_change(by_set[name])} at {dose_label(name, doses)}"
        for name in reversed(order)
        if name in by_set
    ]
    return "; ".join(tests)


def _change(row: Mapping[str, Any]) -> str:
    before, after = row["hard_dice_as_is"], row["hard_dice"]
    if not (math.isfinite(before) and math.isfinite(after)):
        return "by an unknown amount (a test is missing)"
    change, low, high = (f"{row[name]:+.2f}" for name in ("change", "low", "high"))
    pairs = f"n = {row['n']} {row['paired_by']}{'s' if row['n'] != 1 else ''}"
    interval = f", 95 % interval {low} to {high}" if math.isfinite(row["low"]) else ""
    return f"from {before:.2f} to {after:.2f} ({change}{interval}, {pairs})"
