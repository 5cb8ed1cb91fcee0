"""Data sets as selections of micrographs by columns of the metadata table.

A parameter file maps a column to what is wanted; a row must meet every condition:

    {material: Au, dose_e_per_A2: {value: 423, tolerance: 6}, session: [2021-08-26, 2021-10-06]}
"""

from __future__ import annotations

import math
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.metadata_table import Row
from hrtem_shift.parameters import ParameterBlock, nearest


def _alternatives(given: Any) -> tuple[Any, ...]:
    values = given if isinstance(given, list | tuple) else [given]
    alternatives = tuple(_alternative(value) for value in values)
    if len({type(value) for value in alternatives}) > 1:
        raise ValueError("one list holds text and numbers; a column holds one or the other")
    return alternatives


def _alternative(given: Any) -> float | str:
    if isinstance(given, date):  # what YAML makes of 2021-08-26
        return given.isoformat()
    if isinstance(given, str):
        return given.strip()
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    raise ValueError(
        "text, a number or a date is wanted; a word with a meaning in YAML needs quotes"
    )


class Wanted(ParameterBlock):
    """Wanted values of a column; ``423`` and ``[Au, Ag]`` are short for a block with this value.

    Attributes
    ----------
    value : text, number, date, or list of these
        Any of them is accepted. Dates are compared as text, 2021-08-26.
    tolerance : float
        How far a number may be from the wanted one, in the unit of the column.
    """

    value: Annotated[tuple[float | str, ...], BeforeValidator(_alternatives), Field(min_length=1)]
    tolerance: float = Field(default=1e-5, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, given: Any) -> Any:
        return given if isinstance(given, dict) else {"value": given}

    @property
    def is_number(self) -> bool:
        """Whether numbers are wanted, so that text in their place is a fault."""
        return isinstance(self.value[0], float)

    def is_met_by(self, cell: str) -> bool:
        """Whether a cell equals one of the wanted values; an empty cell is not a number."""
        number = _number(cell)
        return any(
            cell == value if isinstance(value, str) else abs(number - value) <= self.tolerance
            for value in self.value
        )


Selection = dict[str, Wanted]
"""Column -> wanted values; without any, every row is selected."""


def select(rows: list[Row], conditions: Selection, *, where: str) -> list[Row]:
    """Rows that meet every condition, in their order.

    Parameters
    ----------
    rows : list of dict
        One a micrograph, as `read_metadata` gives them.
    conditions : dict
        Column -> what is wanted of it.
    where : str
        What to name in the error, such as the data set.

    Raises
    ------
    InputErrors
        Columns that are not there, and columns of text where numbers are wanted; or no row
        meets all conditions.
    """
    faults = [_fault_of(rows, column, wanted, where) for column, wanted in conditions.items()]
    if any(faults):
        raise InputErrors(where, [fault for fault in faults if fault])
    kept = [
        row
        for row in rows
        if all(wanted.is_met_by(row[column]) for column, wanted in conditions.items())
    ]
    if not kept:
        raise InputErrors(where, [_nothing_selected(rows, conditions, where)])
    return kept


def _fault_of(rows: list[Row], column: str, wanted: Wanted, where: str) -> InputError | None:
    for number, row in enumerate(rows, start=1):
        if column not in row:
            return InputError(
                f"there is no column {column!r}{nearest(column, row)}",
                where=where,
                why="A selection names columns of the metadata table",
                fix="Correct the name, or add the column to the table",
            )
        cell = row[column]
        if wanted.is_number and cell and math.isnan(_number(cell)):
            return InputError(
                f"column {column!r} is {cell!r} in row {number}",
                where=where,
                why=f"It is compared with {wanted.value[0]:g}, so it must hold numbers",
                fix="Correct the table, or quote the wanted value to compare it as text",
            )
    return None


def _nothing_selected(rows: list[Row], conditions: Selection, where: str) -> InputError:
    alone = {
        column: sum(wanted.is_met_by(row[column]) for row in rows)
        for column, wanted in conditions.items()
    }
    counts = ", ".join(f"{column} keeps {count}" for column, count in alone.items())
    return InputError(
        f"none of {len(rows)} rows is selected{f'; alone, {counts}' if counts else ''}",
        where=where,
        why="A data set without micrographs can neither train nor test a network",
        fix="Loosen the conditions, beginning with the one that keeps the fewest",
    )


def _number(cell: str) -> float:
    """NaN where the cell is not a number."""
    try:
        return float(cell)
    except ValueError:
        return math.nan
