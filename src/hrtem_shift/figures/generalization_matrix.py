"""The generalization matrix: networks trained on each set, tested on every set."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.generalization import matrix
from hrtem_shift.figures.axes import colour_bar
from hrtem_shift.figures.colours import INK, QUIET, text_on
from hrtem_shift.tables import require_columns, rows_of

_WIDTH_IN = 9.4  # shown about 900 px wide, so that 8 pt are 10 px
_CELL_HEIGHT_IN = 0.46
_LETTER_IN = 0.066  # mean width at 8 pt
_LONGEST_LINE = 18  # letters of a name, before it is broken in two
_MOST_SETS_SIDE_BY_SIDE = 4

Cell = dict[str, Any]
CellGrid = list[list[Cell]]
"""Rows of `matrix`, by training set and then by test set."""


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
_BIAS = _Panel("size_bias_percent", "Size bias (%)", "of diameters; + is too large", "PuOr")


def generalization_matrix_figure(
    scores: pd.DataFrame,
    labels: Mapping[str, str] | None = None,
    order: Sequence[str] | None = None,
) -> Figure:
    """Draw hard Dice, error rates and, if known, size bias for each pair of sets.

    Parameters
    ----------
    scores : DataFrame
        One row a network and test set: ``train_set, test_set, fold, seed, hard_dice,
        false_positive_rate, false_negative_rate``, and if known ``size_bias_percent`` and
        ``reason``; see `hrtem_shift.evaluation.generalization`. 1 to 10 sets.
    labels : mapping, optional
        Set to the name that a reader sees; by default its own.
    order : sequence of str, optional
        Sets in the order of rows and columns; by default that of the table.

    Returns
    -------
    Figure
        Three or four panels, rows = trained on, columns = tested on. A cell shows mean ±
        standard deviation over networks, and n where it is not that of most cells, which
        is given below; a cell without a score shows the reason. The two rates share one range of
        colours, that of the bias is centred on 0. From five test sets on the panels stand in
        two rows.

    Raises
    ------
    InputError
        A column is missing, the table is empty or holds a network twice, or `order` lacks
        a set.
    """
    panels = [_DICE, *_RATES] + ([_BIAS] if _BIAS.column in scores else [])
    columns = ["train_set", "test_set", "fold", "seed", *(panel.column for panel in panels)]
    require_columns(scores, columns, "scores")
    train_sets, test_sets = (_ordered(scores[c], order) for c in ("train_set", "test_set"))
    grids = {panel: _grid(matrix(scores, panel.column), train_sets, test_sets) for panel in panels}
    usual_n, n_differs = _count_networks(grids.values())
    train_names, test_names = (
        [str((labels or {}).get(name, name)) for name in names] for names in (train_sets, test_sets)
    )
    mosaic = _arrange(panels, len(test_sets))
    beside = [_in_two_lines(name) for name in train_names]
    cells_in = _WIDTH_IN - 0.5 - _length_in(beside) - 0.1 * len(mosaic[0])
    capacity = int(cells_in / len(mosaic[0]) / len(test_sets) / _LETTER_IN)
    below, upright = _column_names(test_names, capacity)

    below_in = _length_in(below) if upright else 0.3
    height_in = len(mosaic) * (1.4 + below_in + _CELL_HEIGHT_IN * len(train_sets)) + 0.3
    layout = ConstrainedLayoutEngine(w_pad=0.07, h_pad=0.07)
    figure = Figure(figsize=(_WIDTH_IN, height_in), layout=layout)
    axes: dict[str, Any] = figure.subplot_mosaic(mosaic)
    for panel, grid in grids.items():
        ax = axes[panel.column]
        _draw_panel(ax, panel, grid, _limits(panel, grids))
        _write_cells(ax, panel, grid, usual_n, capacity)
        _outline_diagonal(ax, train_sets, test_sets)
        ax.set_xticks(range(len(below)), below, rotation=90 if upright else 0)
        ax.set_yticks([])
    for first, *_ in mosaic:
        axes[first].set_yticks(range(len(beside)), beside)
        axes[first].set_ylabel("trained on", fontsize=9)
    figure.supxlabel(_key(usual_n, n_differs), fontsize=8.5, color=QUIET)
    return figure


def _ordered(names: pd.Series, order: Sequence[str] | None) -> list[str]:
    unique = list(names.unique())
    lacking = [str(name) for name in unique if order is not None and name not in order]
    if lacking:
        raise InputError(
            f"lacks {', '.join(lacking)}",
            where="order",
            why="A set without a place would be left out of the figure",
            fix="Name every set of the table",
        )
    return unique if order is None else [name for name in order if name in unique]


def _grid(cells: pd.DataFrame, train_sets: Sequence[str], test_sets: Sequence[str]) -> CellGrid:
    by_pair = {(cell["train_set"], cell["test_set"]): cell for cell in rows_of(cells)}
    return [[by_pair[train, test] for test in test_sets] for train in train_sets]


def _count_networks(grids: Iterable[CellGrid]) -> tuple[int, bool]:
    """The most frequent number of networks in a cell (0 without any), and whether others occur."""
    cells = [cell for grid in grids for row in grid for cell in row]
    counts = Counter(int(cell["n"]) for cell in cells if cell["n"])
    return max(counts, key=lambda n: (counts[n], n), default=0), len(counts) > 1


def _arrange(panels: Sequence[_Panel], n_test: int) -> list[list[str]]:
    """Panels side by side; of more sets in two rows, Dice in the first."""
    names = [panel.column for panel in panels]
    if n_test <= _MOST_SETS_SIDE_BY_SIDE:
        return [names]
    dice, positive, negative, *bias = names
    return [[dice, *(bias or [dice])], [positive, negative]]


def _column_names(names: Sequence[str], capacity: int) -> tuple[list[str], bool]:
    """Names in up to three lines below their columns, or else upright."""
    width = max(1, capacity - 1)
    lines = [textwrap.wrap(name, width, break_long_words=False) for name in names]
    if all(len(name) <= 3 and max(map(len, name)) <= width for name in lines):
        return ["\n".join(name) for name in lines], False
    return [_in_two_lines(name) for name in names], True


def _in_two_lines(name: str) -> str:
    return textwrap.fill(name, max(_LONGEST_LINE, len(name) // 2 + 6))


def _length_in(names: Sequence[str]) -> float:
    return _LETTER_IN * max(len(line) for name in names for line in name.split("\n"))


def _limits(panel: _Panel, grids: Mapping[_Panel, CellGrid]) -> tuple[float, float]:
    # The smallest ranges are 0.1 and 10 %: stretching 0.001 over the whole map would shout.
    if panel is _DICE:
        return 0.0, 1.0
    if panel is _BIAS:
        high = 10.0 * max(1, math.ceil(_largest([grids[panel]]) / 10 - 1e-9))
        return -high, high
    return 0.0, max(1, math.ceil(_largest([grids[rate] for rate in _RATES]) * 10 - 1e-9)) / 10


def _largest(grids: Sequence[CellGrid]) -> float:
    cells = [cell for grid in grids for row in grid for cell in row]
    return max((abs(cell["mean"]) for cell in cells if cell["n"]), default=0.0)


def _draw_panel(ax: Any, panel: _Panel, grid: CellGrid, limits: tuple[float, float]) -> None:
    means = [[cell["mean"] for cell in row] for row in grid]
    colour_map = colormaps[panel.colour_map].with_extremes(bad="#ececec")
    image = ax.imshow(means, cmap=colour_map, vmin=limits[0], vmax=limits[1], aspect="auto")
    ax.set_title(panel.title, fontsize=11, pad=20)
    ax.annotate(
        panel.meaning,
        (0.5, 1.0),
        (0, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        fontsize=8.5,
        color=QUIET,
    )
    ax.set_xlabel("tested on", fontsize=9)
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(False)
    colour_bar(ax, image)


def _write_cells(ax: Any, panel: _Panel, grid: CellGrid, usual_n: int, capacity: int) -> None:
    (image,) = ax.images
    for row, cells in enumerate(grid):
        for column, cell in enumerate(cells):
            if cell["n"]:
                text, size = _cell_text(panel, cell, usual_n), 8.0 if capacity > 5 else 7.5
                colour = text_on(image.cmap(image.norm(cell["mean"])))
            else:
                text, size, colour = _shortened(cell["reason"], capacity), 6.5, QUIET
            style = {"ha": "center", "va": "center", "linespacing": 1.2}
            ax.text(column, row, text, fontsize=size, color=colour, **style)


def _cell_text(panel: _Panel, cell: Cell, usual_n: int) -> str:
    lines = [_percent(cell["mean"], "+") if panel is _BIAS else f"{cell['mean']:.2f}"]
    if math.isfinite(cell["std"]):
        lines.append("±" + (_percent(cell["std"]) if panel is _BIAS else f"{cell['std']:.2f}"))
    if cell["n"] != usual_n:
        lines.append(f"n = {cell['n']}")
    return "\n".join(lines)


def _percent(value: float, sign: str = "") -> str:
    digits = 1 if abs(value) < 9.95 else 0
    return f"{value:{sign}.{digits}f}".replace("-", "−")


def _shortened(reason: str, capacity: int) -> str:
    width = max(7, int(1.2 * capacity))  # its letters are smaller
    lines = textwrap.wrap(reason, width, break_long_words=False, max_lines=3, placeholder="…")
    return "\n".join(lines)


def _outline_diagonal(ax: Any, train_sets: Sequence[str], test_sets: Sequence[str]) -> None:
    for row, name in enumerate(train_sets):
        if name in test_sets:
            corner = (test_sets.index(name) - 0.47, row - 0.47)
            ax.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, edgecolor=INK, linewidth=1.4))


def _key(usual_n: int, n_differs: bool) -> str:
    what = "mean ± standard deviation over" if usual_n > 1 or n_differs else "score of"
    networks = f"{usual_n} network{'s' * (usual_n != 1)}"
    others = ", or n where a cell says so" if n_differs else ""
    return f"{what} {networks}{others}; outlined: tested on the set of training"
