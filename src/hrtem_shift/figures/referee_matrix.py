"""Scores of published networks on simulated and on real images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hrtem_shift.evaluation.referee import mean_absolute_difference, own_dose_e_per_A2
from hrtem_shift.figures.colours import BLUE, INK, QUIET, VERMILLION, text_on
from hrtem_shift.figures.doses import dose_label, dose_of, high_to_low
from hrtem_shift.tables import require_columns, rows_of

_CELLS = [
    "family",
    "test_set",
    "hard_dice_mean",
    "hard_dice_std",
    "n_folds",
    "published",
    "published_folds",
    "difference",
]
_STATISTICS = ["test_set", "statistic", "simulated", "published", "uncertainty", "confidence"]
_UNITS = {"contrast": "standard deviations", "roughness": "median, cycles²/px²"}


def referee_matrix_figure(cells: pd.DataFrame, statistics: pd.DataFrame) -> Figure:
    """Draw hard Dice of each family on each simulated set, and the sets' image statistics.

    Parameters
    ----------
    cells : DataFrame
        From `hrtem_shift.evaluation.referee.referee_cells`.
    statistics : DataFrame
        From `hrtem_shift.evaluation.referee.compare_image_statistics`.

    Returns
    -------
    Figure
        Left: rows = published family, columns = simulated set, from high dose to low; a cell
        shows mean ± standard deviation over n folds and, if any, the value published for real
        images. Right: contrast and roughness of simulated and real
        sets.

    Raises
    ------
    InputError
        A column is missing, or a table is empty.
    """
    require_columns(cells, _CELLS, "referee cells")
    require_columns(statistics, _STATISTICS, "image statistics")
    trained = {name: own_dose_e_per_A2(name) for name in cells["family"]}
    doses = {name: dose for name, dose in trained.items() if dose is not None}
    families = high_to_low(trained, doses)
    test_sets = high_to_low([*cells["test_set"].astype(str), *statistics["test_set"].astype(str)])

    figure = Figure(figsize=(12, max(4.9, 1.6 + len(families))), layout="constrained")
    mosaic = [["matrix", statistic] for statistic in _UNITS]
    axes: dict[str, Any] = figure.subplot_mosaic(mosaic, width_ratios=[2.1, 1])
    _draw_matrix(axes["matrix"], cells, families, test_sets)
    for statistic in _UNITS:
        table = statistics[statistics["statistic"] == statistic]
        _draw_statistic(axes[statistic], statistic, table, test_sets)
    axes["roughness"].set_xlabel("dose (e/Å²)")
    difference, count = mean_absolute_difference(cells)
    difference_text = f"mean absolute difference to the {count} published values {difference:.3f}; "
    figure.supxlabel(
        (difference_text if count else "")
        + "± standard deviation over n folds; outlined: the dose of training",
        fontsize=9,
        color=QUIET,
    )
    return figure


def _draw_matrix(ax: Any, cells: pd.DataFrame, families: list[str], test_sets: list[str]) -> None:
    by_cell = {(row["family"], str(row["test_set"])): row for row in rows_of(cells)}
    means = np.array(
        [[_mean(by_cell.get((family, name))) for name in test_sets] for family in families]
    )
    colour_map = colormaps["cividis"].with_extremes(bad="#ececec")
    image = ax.imshow(means, cmap=colour_map, vmin=0.0, vmax=1.0, aspect="auto")
    for (row, column), mean in np.ndenumerate(means):
        family, name = families[row], test_sets[column]
        colour = text_on(image.cmap(image.norm(mean)))
        _write_cell(ax, (column, row), by_cell.get((family, name)), colour)
        if own_dose_e_per_A2(family) == dose_of(name):
            corner = (column - 0.47, row - 0.47)
            ax.add_patch(Rectangle(corner, 0.94, 0.94, fill=False, edgecolor=colour, linewidth=1.4))
    ax.set_title("Hard Dice of published networks on simulated images", fontsize=11, loc="left")
    ax.set_xticks(range(len(test_sets)), [dose_label(name) for name in test_sets])
    ax.set_yticks(range(len(families)), families)
    ax.set(xlabel="simulated dose", ylabel="trained on real images of")
    ax.tick_params(length=0, labelsize=9.5)
    ax.spines[:].set_visible(False)


def _mean(cell: dict[str, Any] | None) -> float:
    return math.nan if cell is None else float(cell["hard_dice_mean"])


def _write_cell(ax: Any, xy: tuple[int, int], cell: dict[str, Any] | None, colour: str) -> None:
    if cell is None or not math.isfinite(_mean(cell)):
        ax.text(*xy, "missing", ha="center", va="center", fontsize=9.5, color=colour)
        return
    spread, published = cell["hard_dice_std"], math.isfinite(cell["published"])
    ax.annotate(
        f"{_mean(cell):.3f}" + (f" ± {spread:.3f}" if math.isfinite(spread) else ""),
        xy,
        (0, 13 if published else 6),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=12,
        color=colour,
    )
    below = f"n = {cell['n_folds']}"
    if published:
        of = "fold 0" if cell["published_folds"] == 1 else f"n = {cell['published_folds']:.0f}"
        below += f"\nreal {cell['published']:.3f} ({of})\n{_signed(cell['difference'])}"
    ax.annotate(
        below,
        xy,
        (0, 3 if published else -2),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=9,
        color=colour,
        linespacing=1.25,
    )


def _signed(difference: float) -> str:
    return f"difference {difference:+.3f}".replace("-", "−")


def _draw_statistic(ax: Any, statistic: str, table: pd.DataFrame, test_sets: list[str]) -> None:
    for row in rows_of(table):
        x = test_sets.index(str(row["test_set"]))
        _mark(ax, x, row["simulated"], BLUE, -1)
        if math.isfinite(row["published"]):
            _mark(ax, x, row["published"], VERMILLION, 1, row["uncertainty"])
    confidence = " and ".join(dict.fromkeys(table["confidence"].dropna()))
    ax.set_title(f"{statistic.capitalize()} ({_UNITS[statistic]})", fontsize=10.5, loc="left")
    ax.plot([], [], "o", color=BLUE, label="simulated")
    ax.plot([], [], "D", color=VERMILLION, label=f"real, {confidence}")
    ax.legend(frameon=False, fontsize=9)
    highest = np.nanmax(table[["simulated", "published"]].to_numpy(dtype=float))
    ax.set(xlim=(-0.6, len(test_sets) - 0.4), ylim=(0, 1.45 * highest))
    ax.set_xticks(range(len(test_sets)), test_sets)
    ax.tick_params(length=2, labelsize=9)
    ax.spines[["top", "right"]].set_visible(False)


def _mark(ax: Any, x: float, y: float, colour: str, side: int, error: float = 0.0) -> None:
    """A point left (side -1) or right (+1) of x, its value written further out."""
    beside = x + 0.06 * side
    ax.errorbar(beside, y, error, fmt="o" if side < 0 else "D", color=colour, markersize=6)
    ax.annotate(
        f"{y:.3f}",
        (beside, y),
        (7 * side, 0),
        textcoords="offset points",
        ha="right" if side < 0 else "left",
        va="center",
        fontsize=9,
        color=INK,
    )
