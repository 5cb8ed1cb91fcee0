"""What was repaired or noticed in a batch: the same sentence once, with the images it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

_MOST_NAMES = 5
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True)
class Notice:
    """A sentence, and the images it is about.

    Parameters
    ----------
    what : str
        What was repaired or noticed.
    images : tuple of str
        Names; empty where it is about no single image.
    n_all : int
        Images that it could be about.
    """

    what: str
    images: tuple[str, ...]
    n_all: int

    @property
    def where(self) -> str:
        """Names of the first images, and how many more there are."""
        if len(self.images) == self.n_all > _MOST_NAMES:
            return f"all {self.n_all:,} images"
        more = len(self.images) - _MOST_NAMES
        shown = ", ".join(self.images[:_MOST_NAMES])
        return f"{shown} and {number_of(more, 'other')}" if more > 0 else shown


def number_of(count: int, what: str) -> str:
    """``"1 image"``, ``"2 images"``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def cell_text(row: Mapping[str, Any], column: str) -> str:
    """A cell as text; empty where the column is not there or nothing is in it."""
    value = row.get(column)
    return "" if value is None or pd.isna(value) else str(value)


def merged_notes(rows: Sequence[Mapping[str, Any]], column: str = "notes") -> list[Notice]:
    """Notes of all images; those that differ only in their numbers become one, with a range.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of the summary.
    column : str
        Where the notes are, separated by ``"; "``.

    Returns
    -------
    list of Notice
        In the order of the rows: ``"3 to 40 hot and 0 to 2 dead pixels were repaired"``.
    """
    alike: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        for note in _parts(row, column):
            same = alike.setdefault(_NUMBER.sub("0", note), {})
            same.setdefault(cell_text(row, "image"), []).append(note)
    return [
        Notice(
            _with_ranges([note for each in notes.values() for note in each]),
            tuple(notes),
            len(rows),
        )
        for notes in alike.values()
    ]


def warning_notices(rows: Sequence[Mapping[str, Any]], warnings: Sequence[str]) -> list[Notice]:
    """Warnings that are not among the notes of their image, the same ones together.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of the summary.
    warnings : sequence of str
        ``"path: what"``, with paths as in the summary.

    Returns
    -------
    list of Notice
        In the order of the warnings; one whose path is not in the summary stands whole.
    """
    by_path = {path: row for row in rows for path in _paths(row)}
    where: dict[str, list[str]] = {}
    for line in filter(None, (line.strip() for line in warnings)):
        row, what = _split(line, by_path)
        if row is None or what not in _parts(row, "notes"):
            where.setdefault(what, []).extend([cell_text(row, "image")] if row else [])
    return [Notice(what, tuple(dict.fromkeys(images)), len(rows)) for what, images in where.items()]


def _parts(row: Mapping[str, Any], column: str) -> list[str]:
    return [part for part in cell_text(row, column).split("; ") if part]


def _paths(row: Mapping[str, Any]) -> Iterator[str]:
    """The path, and what it was before an apostrophe kept spreadsheets from reading a formula."""
    path = cell_text(row, "path")
    if path:
        yield path
        yield path.removeprefix("'")


def _split(
    line: str, by_path: Mapping[str, Mapping[str, Any]]
) -> tuple[Mapping[str, Any] | None, str]:
    """Row of the path at the start of a line, and the rest; a path may hold a colon itself."""
    for colon in re.finditer(": ", line):
        row = by_path.get(line[: colon.start()])
        if row is not None:
            return row, line[colon.end() :]
    return None, line


def _with_ranges(notes: Sequence[str]) -> str:
    """The first note, with the smallest and largest of each of its numbers."""
    columns = zip(*(_NUMBER.findall(note) for note in notes), strict=True)
    ranges = iter([_range(numbers) for numbers in columns])
    return _NUMBER.sub(lambda _: next(ranges), notes[0])


def _range(numbers: Sequence[str]) -> str:
    ordered = sorted(numbers, key=lambda number: float(number.replace(",", "")))
    low, high = ordered[0], ordered[-1]
    return low if low == high else f"{low} to {high}"
