"""The report of a study: one self-contained HTML page without scripts."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hrtem_shift.figures.page import render_page

_CSS_PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class FigureBlock:
    """A figure with its title and caption."""

    title: str
    png: bytes
    caption: str

    kind = "figure"

    @property
    def source(self) -> str:
        """The picture as a ``data:`` address."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"

    @property
    def width(self) -> int:
        """Width on a screen [CSS pixel] at which letters have the size they have on paper."""
        inches = int.from_bytes(self.png[16:20], "big") / _dots_per_inch(self.png)
        return round(inches * _CSS_PIXELS_PER_INCH)


@dataclass(frozen=True, eq=False)
class TableBlock:
    """A table with its title, caption, and the name under which a reader can save it."""

    title: str
    table: pd.DataFrame
    caption: str
    csv_name: str

    kind = "table"

    @property
    def source(self) -> str:
        """The table with all its digits, as CSV in a ``data:`` address."""
        text = self.table.to_csv(index=False, lineterminator="\n")
        return f"data:text/csv;base64,{base64.b64encode(text.encode('utf-8')).decode('ascii')}"

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Name of each column, and whether it holds numbers."""
        return [(str(name), _is_number(self.table[name])) for name in self.table.columns]

    @property
    def rows(self) -> list[list[str]]:
        """Cells as text, rounded for reading."""
        columns = [_texts(self.table[name]) for name in self.table.columns]
        return [list(row) for row in zip(*columns, strict=True)]


def figure_png(figure: Figure, dpi: float = 150) -> bytes:
    """Draw a figure as PNG, with the same bytes for the same figure.

    Parameters
    ----------
    figure : Figure
        Any figure; the screen's backend is neither used nor changed.
    dpi : float
        Dots per inch.

    Returns
    -------
    bytes
        A PNG on white, without date or program name.
    """
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(
        stream, format="png", dpi=dpi, facecolor="white", metadata={"Software": None}
    )
    return stream.getvalue()


def render_report(
    *,
    title: str,
    question: str,
    answer: Sequence[str],
    what_was_run: Sequence[tuple[str, str]],
    blocks: Sequence[FigureBlock | TableBlock],
    limits: Sequence[str],
    command: str,
    versions: Mapping[str, str],
) -> str:
    """Write a study as one HTML page.

    Parameters
    ----------
    title, question : str
        Title and question of the study.
    answer : sequence of str
        Sentences, the most important first.
    what_was_run : sequence of (str, str)
        Name and value, such as ``("networks", "15")``.
    blocks : sequence of FigureBlock or TableBlock
        Evidence, in the order of the page.
    limits : sequence of str
        What the study does not show.
    command : str
        The command that makes the page again.
    versions : mapping
        Program to version.

    Returns
    -------
    str
        HTML. It holds no time stamp: the same input gives the same page. All texts are
        escaped, and a content security policy forbids any load from outside.
    """
    return render_page(
        "report.html",
        title=title,
        question=question,
        answer=answer,
        what_was_run=what_was_run,
        blocks=blocks,
        limits=limits,
        command=command,
        versions=versions,
    )


def _dots_per_inch(png: bytes) -> float:
    start = png.find(b"pHYs")
    if start < 0:
        return _CSS_PIXELS_PER_INCH
    return int.from_bytes(png[start + 4 : start + 8], "big") * 0.0254


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _texts(column: pd.Series) -> list[str]:
    return [_text(value, whole=_is_whole(column)) for value in column]


def _is_whole(column: pd.Series) -> bool:
    return _is_number(column) and bool((column.dropna() % 1 == 0).all())


def _text(value: Any, *, whole: bool) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "missing"
    if whole:
        return f"{value:.0f}"
    if isinstance(value, float):
        return f"{value:.3f}" if 1e-3 <= abs(value) < 1e3 or value == 0 else f"{value:.6g}"
    return str(value)
