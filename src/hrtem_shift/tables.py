"""Rows of tables, and a check of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hrtem_shift.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as dictionaries by column name."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def require_columns(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Raise InputError for a table that lacks columns or rows."""
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise InputError(
            f"lacks the column(s) {', '.join(absent)}; it has {', '.join(map(str, table.columns))}",
            where=name,
            why="The figure needs these columns",
            fix="Pass the table that the study writes, with its column names unchanged",
        )
    if table.empty:
        raise InputError(
            "has no rows",
            where=name,
            why="There is nothing to draw",
            fix="Look in the log for networks that failed, then run the study again",
        )
