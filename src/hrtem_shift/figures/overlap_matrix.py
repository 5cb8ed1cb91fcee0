"""The overlap of transfers beside the scores that it is meant to predict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hrtem_shift.figures.axes import colour_bar
from hrtem_shift.figures.cells import condition_names, grid, networks_of
from hrtem_shift.figures.colours import INK, QUIET, text_on

_MOST_WITH_NUMBERS = 13
_MOST_NAMES = 40


def overlap_matrix_figure(
    cells: pd.DataFrame,
    labels: Mapping[str, str] | None = None,
    overlap_name: str = "Overlap of transfers (reconstruction)",
) -> Figure:
    """Draw both matrices side by side, in the same order.

    Parameters
    ----------
    cells : DataFrame
        See `hrtem_shift.figures.cells.condition_names`; rows and columns come in its order.
    labels : mapping, optional
        Set to the name that a reader sees; by default its own.
    overlap_name : str
        Title of the left panel.

    Returns
    -------
    Figure
        Rows = trained on, columns = tested on; numbers in cells for up to 13 columns;
        outlined where the condition is that of training.

    Raises
    ------
    InputError
        A column is missing, or the table is empty.
    """
    train, test = condition_names(cells)
    names = [[str((labels or {}).get(name, name)) for name in both] for both in (train, test)]
    height_in = 1.7 + 0.07 * max(map(len, names[1])) + max(1.2, min(0.42 * len(train), 7))
    figure = Figure(figsize=(10.4, height_in), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    panels = (("overlap", overlap_name, "viridis"), ("hard_dice", "Hard Dice", "cividis"))
    for ax, (column, title, colour_map) in zip(axes, panels, strict=True):
        _draw(ax, grid(cells, column, train, test), colour_map, title)
        _outline_seen(ax, train, test)
        _name_columns(ax, names[1])
    _name_rows(axes[0], names[0])
    figure.supxlabel(
        f"Dice: median over {networks_of(cells)}; outlined: the condition of training",
        fontsize=8.5,
        color=QUIET,
    )
    return figure


def _draw(ax: Any, values: Any, colour_map: str, title: str) -> None:
    low = min(0.0, math.floor(np.nanmin(values) * 10) / 10) if np.isfinite(values).any() else 0.0
    colours = colormaps[colour_map].with_extremes(bad="#ececec")
    image = ax.imshow(values, cmap=colours, vmin=low, vmax=1, aspect="auto")
    ax.set_title(title, fontsize=10.5)
    ax.set_xlabel("tested on", fontsize=9)
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(False)
    colour_bar(ax, image)
    if values.shape[1] <= _MOST_WITH_NUMBERS:
        for (row, column), value in np.ndenumerate(values):
            finite = math.isfinite(value)
            colour = text_on(image.cmap(image.norm(value))) if finite else QUIET
            text = f"{value:.2f}".removeprefix("0") if finite else "–"
            style = {"ha": "center", "va": "center", "fontsize": 7.5}
            ax.text(column, row, "0" if text == ".00" else text, color=colour, **style)


def _outline_seen(ax: Any, train: list[str], test: list[str]) -> None:
    for row, name in enumerate(train):
        if name in test:
            corner = (test.index(name) - 0.48, row - 0.46)
            ax.add_patch(Rectangle(corner, 0.96, 0.92, fill=False, edgecolor=INK, linewidth=1.2))


def _name_columns(ax: Any, names: list[str]) -> None:
    shown = range(0, len(names), math.ceil(len(names) / _MOST_NAMES))
    upright = max(map(len, names)) * len(names) > 60
    ax.set_xticks(list(shown), [names[k] for k in shown], rotation=90 if upright else 0)


def _name_rows(ax: Any, names: list[str]) -> None:
    shown = range(0, len(names), math.ceil(len(names) / _MOST_NAMES))
    ax.set_yticks(list(shown), [names[k] for k in shown])
    ax.set_ylabel("trained on", fontsize=9)
