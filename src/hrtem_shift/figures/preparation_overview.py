"""Preparation of all micrographs: exposure, x-rays, illumination, particles, patches kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from hrtem_shift.figures.colours import BLUE, INK, PALE, QUIET
from hrtem_shift.tables import require_columns

MOST_POINTS = 60
"""Data sets of more micrographs are drawn as a box, with points only outside of it."""

_BOX_percentiles = (1, 25, 50, 75, 99)
_DECADES = 20.0
"""Counts are drawn on decades when the largest is so many times the lowest median of a set."""
_GOLDEN = (5**0.5 - 1) / 2  # its multiples, modulo 1, never cluster


@dataclass(frozen=True)
class _Panel:
    column: str
    title: str
    label: str
    covers: tuple[float, ...]  # values that the axis shows in any case
    left_out: str = "not known"


_EXPOSURE = _Panel("mean_counts", "exposure", "mean [counts]", ())
_XRAYS = _Panel("xrays_px", "x-rays", "struck [pixels]", (0, 4), "not looked for")
_KEPT = _Panel("kept_percent", "patches kept", "of those cut [%]", (0, 100))
_PANELS = (
    _EXPOSURE,
    _XRAYS,
    _Panel("uneven_percent", "uneven light", "1 − lowest / highest [%]", (0, 1), "not fitted"),
    _Panel("particle_percent", "particles", "part of the area [%]", (0, 1)),
    _KEPT,
)
_NUMBERS = [
    "mean_counts",
    "xrays_px",
    "light_low_counts",
    "light_high_counts",
    "particle_fraction",
    "patches",
    "patches_kept",
]


def preparation_overview_figure(table: pd.DataFrame) -> Figure:
    """Draw what preparation found in each micrograph, data set by data set.

    Parameters
    ----------
    table : DataFrame
        One row a micrograph: ``data_set, micrograph, mean_counts, xrays_px,
        light_low_counts, light_high_counts, particle_fraction, patches, patches_kept``.
        NaN or None where a step was left out.

    Returns
    -------
    Figure
        A row a data set, in the order of the table, and a panel a quantity: mean counts,
        x-ray pixels, how far the darkest illumination is below the brightest, particles,
        patches kept. Each micrograph is a point; where there are more than `MOST_POINTS`, a
        line runs from the 1st to the 99th percentile, a bar spans the middle half, and only
        the others are points. Beside each row stands the median of its micrographs (with the
        standard deviation of the exposures in percent), or how many patches of the set were
        kept. A step that was left out says so.

    Raises
    ------
    InputError
        A column is missing, or the table is empty.
    """
    require_columns(table, ["data_set", "micrograph", *_NUMBERS], "preparation")
    sets = dict(list(_in_percent(table).groupby("data_set", sort=False)))
    figure = Figure(
        figsize=(9.7, 1.3 + 0.5 * len(sets)), layout=ConstrainedLayoutEngine(w_pad=0.07)
    )
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    axes[0].set_yticks(range(len(sets)), [_set_label(name, rows) for name, rows in sets.items()])
    axes[0].set_ylim(len(sets) - 0.5, -0.5)
    for ax, panel in zip(axes, _PANELS, strict=True):
        _draw_panel(ax, panel, list(sets.values()))
    figure.supxlabel(_key(sets), fontsize=8.5, color=QUIET)
    return figure


def number(value: float) -> str:
    """Three digits for reading, or all before the point: ``0.123``, ``12.3``, ``12,345``."""
    return f"{value:.3g}" if abs(value) < 99.95 else f"{value:,.0f}"


def _in_percent(table: pd.DataFrame) -> pd.DataFrame:
    numbers = table[_NUMBERS].astype(float)
    return numbers.assign(
        data_set=table["data_set"],
        uneven_percent=100 * (1 - numbers["light_low_counts"] / numbers["light_high_counts"]),
        particle_percent=100 * numbers["particle_fraction"],
        kept_percent=100 * numbers["patches_kept"] / numbers["patches"],
    )


def _set_label(name: Any, rows: pd.DataFrame) -> str:
    return f"{name}\n{len(rows):,} micrograph{'' if len(rows) == 1 else 's'}"


def _key(sets: dict[Any, pd.DataFrame]) -> str:
    sizes = [len(rows) for rows in sets.values()]
    marks = ["point: a micrograph"] if min(sizes) <= MOST_POINTS else []
    if max(sizes) > MOST_POINTS:
        marks.append("bar: middle half, line: 1st to 99th percentile, points: micrographs beyond")
    beside = "black: median; exposure: ± standard deviation within the set; patches: sum of the set"
    return f"{'; '.join(marks)}\n{beside}"


def _draw_panel(ax: Any, panel: _Panel, sets: list[pd.DataFrame]) -> None:
    _frame(ax, panel)
    measured = [rows[panel.column].dropna().to_numpy() for rows in sets]
    if not any(values.size for values in measured):
        ax.spines["bottom"].set_visible(False)
        ax.set_xticks([])
        _mark_left_out(ax, panel, (len(sets) - 1) / 2)
        return
    _scale(ax, panel, [values for values in measured if values.size])
    for y, (rows, values) in enumerate(zip(sets, measured, strict=True)):
        if y % 2:
            ax.axhspan(y - 0.5, y + 0.5, color="#f4f4f4", linewidth=0)
        if values.size:
            _draw_set(ax, y, values)
            beside = {"transform": ax.get_yaxis_transform(), "va": "center", "color": INK}
            ax.text(1.03, y, _beside(panel, rows), fontsize=8, **beside)
        else:
            _mark_left_out(ax, panel, y)


def _frame(ax: Any, panel: _Panel) -> None:
    ax.set_title(panel.title, loc="left", fontsize=9.5, color=INK)
    ax.tick_params(axis="y", length=0, labelsize=8)
    ax.tick_params(axis="x", labelsize=7.5, colors=QUIET)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(PALE)


def _mark_left_out(ax: Any, panel: _Panel, y: float) -> None:
    ax.text(
        0.5, y, panel.left_out, transform=ax.get_yaxis_transform(), ha="center", va="center",
        fontsize=8.5, color=QUIET,
    )  # fmt: skip


def _scale(ax: Any, panel: _Panel, measured: list[NDArray[np.float64]]) -> None:
    ax.set_xlabel(panel.label, fontsize=8, color=QUIET)
    ax.margins(x=0.07)
    ax.plot(panel.covers, [0] * len(panel.covers), linestyle="none")  # unseen, widens the axis
    largest = max(values.max() for values in measured)
    lowest_median = min(np.median(values) for values in measured)
    if panel in (_EXPOSURE, _XRAYS) and largest > _DECADES * max(lowest_median, 1):
        ax.set_xscale("symlog", linthresh=1)
        ax.xaxis.get_major_locator().set_params(numticks=4)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(_tick))


def _tick(value: float, _: int) -> str:
    return f"{value:g}" if abs(value) < 1000 else f"{value / 1000:g}k"


def _beside(panel: _Panel, rows: pd.DataFrame) -> str:
    if panel is _KEPT:
        return f"{rows['patches_kept'].sum():,.0f}\nof {rows['patches'].sum():,.0f}"
    values = rows[panel.column].dropna()
    if panel is _EXPOSURE and len(values) > 1:
        return f"{number(values.median())}\n± {100 * values.std() / values.mean():.1f} %"
    return number(values.median())


def _draw_set(ax: Any, y: int, values: NDArray[np.float64]) -> None:
    low, first, median, third, high = np.percentile(values, _BOX_percentiles)
    points = values
    if values.size > MOST_POINTS:
        points = values[(values < low) | (values > high)]
        ax.plot([low, high], [y] * 2, color=BLUE, linewidth=1)
        ax.plot([first, third], [y] * 2, color=BLUE, linewidth=9, solid_capstyle="butt")
    heights = y + 0.56 * ((np.arange(points.size) * _GOLDEN + 0.5) % 1 - 0.5)
    ax.plot(points, heights, "o", color=BLUE, markersize=3.5, markeredgewidth=0, alpha=0.55)
    ax.plot([median] * 2, [y - 0.33, y + 0.33], color=INK, linewidth=1.6)
