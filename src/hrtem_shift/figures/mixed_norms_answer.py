"""What mixed batch norms recover at lower doses, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hrtem_shift.evaluation.repairs import MIXED
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
    mixed = repairs[(repairs["repair"] == MIXED) & (repairs["train_set"] == order[0])]
    return [
        _paragraph(share, rows, order, doses)
        for share, rows in mixed.groupby("strength", sort=False)
    ]


def _paragraph(
    share: Any, rows: pd.DataFrame, order: Sequence[str], doses: Mapping[str, float]
) -> str:
    by_set = {row["test_set"]: row for row in rows_of(rows)}
    tests = [
        f"{_change(by_set[name])} at {dose_label(name, doses)}"
        for name in reversed(order)
        if name in by_set
    ]
    return (
        f"Without any training, batch norms that take {100 * share:g} % of their statistics from "
        f"each test micrograph change hard Dice of the networks of "
        f"{dose_label(order[0], doses)} {'; '.join(tests)}."
    )


def _change(row: Mapping[str, Any]) -> str:
    before, after = row["hard_dice_as_is"], row["hard_dice"]
    if not (math.isfinite(before) and math.isfinite(after)):
        return "by an unknown amount (a test is missing)"
    change, low, high = (f"{row[name]:+.2f}" for name in ("change", "low", "high"))
    pairs = f"n = {row['n']} {row['paired_by']}{'s' if row['n'] != 1 else ''}"
    interval = f", 95 % interval {low} to {high}" if math.isfinite(row["low"]) else ""
    return f"from {before:.2f} to {after:.2f} ({change}{interval}, {pairs})"
