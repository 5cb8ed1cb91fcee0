"""The generalization matrix: networks trained at each dose, tested at every dose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hrtem_shift.figures.colours import INK, QUIET, text_on
from hrtem_shift.figures.doses import dose_label, high_to_low
from hrtem_shift.figures.tables import Summary, require_columns, summarize_cell


@dataclass(frozen=True)
class _Panel:
    column: str
    title: str
    meaning: str
    colour_map: str


_DICE = _Panel("hard_dice", "Hard Dice", "1 is perfect", "cividis")
_RATES = (
    _Panel("false_positive_rate", "False-positive rate", "oversegmentation", "YlOrBr"),
    _Panel("false_negative_rate", "False-negative rate", "undersegmentation", "YlOrBr"),
)


def dose_matrix_figure(
    dose_matrix: pd.DataFrame, doses: Mapping[str, float] | None = None
) -> Figure:
    """Draw hard Dice, false-positive and false-negative rate for each pair of data sets.

    Parameters
    ----------
    dose_matrix : DataFrame
        One row a network and test set: ``train_set, test_set, hard_dice,
        false_positive_rate, false_negative_rate``; NaN for a network that failed.
    doses : mapping, optional
        Data set to dose [e/Å²]; by default the number that ends the name of the set.

    Returns
    -------
    Figure
        Three panels, rows = trained on, columns = tested on, both from high dose to low.
        A cell tells mean ± standard deviation over networks and their number. The two
        rates share one colour range; a pair without a result says "missing".

    Raises
    ------
    InputError
        A column is missing, or the table is empty.
    """
    panels = (_DICE, *_RATES)
    columns = ["train_set", "test_set", *(panel.column for panel in panels)]
    require_columns(dose_matrix, columns, "dose_matrix")
    train_sets = high_to_low(dose_matrix["train_set"], doses)
    test_sets = high_to_low([*dose_matrix["test_set"], *train_sets], doses)
    cells = {
        panel: [
            [summarize_cell(dose_matrix, a, b, panel.column) for b in test_sets] for a in train_sets
        ]
        for panel in panels
    }
    highest_rate = _round_up(max(_highest(cells[panel]) for panel in _RATES))

    width = 1.2 + 3 * (0.75 + 0.78 * len(test_sets))
    figure = Figure(figsize=(width, 1.9 + 0.72 * len(train_sets)), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for ax, panel in zip(axes, panels, strict=True):
        top = 1.0 if panel is _DICE else highest_rate
        _draw_panel(ax, panel, cells[panel], top)
        _name_sets(ax, train_sets, test_sets, doses)
    axes[0].set_ylabel("trained on")
    figure.supxlabel(
        "mean ± standard deviation over n networks; outlined: tested on the dose of training",
        fontsize=8.5,
        color=QUIET,
    )
    return figure


def _draw_panel(ax: Any, panel: _Panel, cells: Sequence[Sequence[Summary]], top: float) -> None:
    means = np.array([[cell.mean for cell in row] for row in cells])
    colour_map = colormaps[panel.colour_map].with_extremes(bad="#ececec")
    image = ax.imshow(means, cmap=colour_map, vmin=0.0, vmax=top, aspect="auto")
    for (row, column), mean in np.ndenumerate(means):
        cell = cells[row][column]
        known = np.isfinite(mean)
        text = f"{cell}\nn = {cell.n}" if known else "missing"
        colour = text_on(image.cmap(image.norm(mean))) if known else QUIET
        ax.text(column, row, text, ha="center", va="center", fontsize=8.5, color=colour)
    ax.set_title(panel.title, fontsize=11, pad=21)
    ax.annotate(
        panel.meaning,
        (0.5, 1.0),
        (0, 6),
        xycoords="axes fraction",
        fontsize=9,
        textcoords="offset points",
        ha="center",
        color=QUIET,
    )
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.03, aspect=30)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2)


def _name_sets(
    ax: Any, train_sets: Sequence[str], test_sets: Sequence[str], doses: Mapping[str, float] | None
) -> None:
    ax.set_xticks(range(len(test_sets)), [dose_label(name, doses) for name in test_sets])
    ax.set_yticks(range(len(train_sets)), [dose_label(name, doses) for name in train_sets])
    ax.set_xlabel("tested on")
    ax.tick_params(length=0, labelsize=9)
    ax.spines[:].set_visible(False)
    for row, name in enumerate(train_sets):
        corner = (test_sets.index(name) - 0.47, row - 0.47)
        ax.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, edgecolor=INK, linewidth=1.2))


def _highest(cells: Sequence[Sequence[Summary]]) -> float:
    means = [cell.mean for row in cells for cell in row if np.isfinite(cell.mean)]
    return max(means, default=1.0)


def _round_up(rate: float) -> float:
    # One tenth is the smallest range: stretching 0.001 over the whole map would shout.
    return float(min(1.0, max(0.1, np.ceil(rate * 10 - 1e-9) / 10)))
