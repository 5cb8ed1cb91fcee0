"""Generalization gaps by set or by variant, and the loss against the distance of sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.evaluation.study_summary import distances
from hrtem_shift.figures.axes import open_frame
from hrtem_shift.figures.colours import BLUE, GREEN, INK, PALE, QUIET, VERMILLION
from hrtem_shift.figures.data_set_labels import AXES
from hrtem_shift.figures.mean_and_spread import summarize
from hrtem_shift.tables import require_columns

_KINDS = {
    "training": ("training patches", GREEN, "s"),
    "own": ("own set, unseen", BLUE, "o"),
    "away": ("other sets", VERMILLION, "D"),
}

_RATIOS = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0, 128.0)


def generalization_gaps_figure(
    scores: pd.DataFrame,
    gaps: pd.DataFrame,
    data_sets: pd.DataFrame,
    labels: Mapping[str, str],
    axis: str | None = None,
) -> Figure:
    """Draw hard Dice on own and other sets and, for sets on an axis, the loss against distance.

    Parameters
    ----------
    scores : DataFrame
        From `hrtem_shift.evaluation.scoring.plain_scores`.
    gaps : DataFrame
        From `hrtem_shift.evaluation.study_summary.gaps`.
    data_sets : DataFrame
        data_set and the column `axis`.
    labels : mapping
        Data set -> what a reader calls it.
    axis : str, optional
        One of `hrtem_shift.figures.data_set_labels.AXES`.

    Returns
    -------
    Figure
        Left, a row a variant, where there are several, with 95 % intervals; else a row a
        training set, with standard deviations over networks. Right, with an axis, a point a pair
        of sets.

    Raises
    ------
    InputError
        A column is missing, or a table is empty.
    """
    require_columns(scores, ["variant", "train_set", "test_set", "hard_dice"], "scores")
    require_columns(gaps, ["variant", "quantity", "value", "low", "high"], "gaps")
    variants = list(scores["variant"].unique())
    rows = _rows_of_variants(gaps) if len(variants) > 1 else _rows_of_sets(scores, labels)
    height_in = max(3.2, 1.5 + 0.42 * len(rows))
    figure = Figure(figsize=(10.5 if axis else 7.4, height_in), layout="constrained")
    left, *right = figure.subplots(1, 2 if axis else 1, squeeze=False)[0]
    _draw_rows(left, rows)
    if axis:
        _draw_distances(right[0], distances(scores, data_sets, axis), axis)
    spread = "95 % interval over folds" if len(variants) > 1 else "standard deviation over networks"
    figure.supxlabel(f"bars: {spread}", fontsize=8.5, color=QUIET)
    return figure


_Row = tuple[str, dict[str, tuple[float, float, float]]]
"""Name of a row -> kind -> value, low, high."""


def _rows_of_variants(gaps: pd.DataFrame) -> list[_Row]:
    gaps = gaps.assign(variant=gaps["variant"].astype(object).fillna(""))
    rows = []
    for variant, table in gaps.groupby("variant", sort=False):
        values = table.set_index("quantity")[["value", "low", "high"]]
        kinds = {kind: tuple(values.loc[kind]) for kind in _KINDS if kind in values.index}
        rows.append((str(variant).replace("_", " "), kinds))
    return rows


def _rows_of_sets(scores: pd.DataFrame, labels: Mapping[str, str]) -> list[_Row]:
    rows = []
    for name, table in scores.groupby("train_set", sort=False):
        same = table["train_set"] == table["test_set"]
        kinds = {}
        for kind, chosen in (("own", table[same]), ("away", table[~same])):
            dice = summarize(chosen["hard_dice"])
            if dice.n:
                kinds[kind] = (dice.mean, dice.mean - dice.std, dice.mean + dice.std)
        rows.append((labels.get(str(name), str(name)), kinds))
    return rows


def _draw_rows(ax: Any, rows: list[_Row]) -> None:
    for y, (_, kinds) in enumerate(rows):
        values = [value for value, _, _ in kinds.values()]
        ax.plot([min(values), max(values)], [y, y], color=PALE, linewidth=1.2, zorder=1)
        for kind, (value, low, high) in kinds.items():
            _, colour, marker = _KINDS[kind]
            if np.isfinite([low, high]).all():
                ax.plot([low, high], [y, y], color=colour, linewidth=2.2, alpha=0.55)
            ax.plot(value, y, marker=marker, color=colour, markersize=7, linestyle="none")
    for kind in dict.fromkeys(kind for _, kinds in rows for kind in kinds):
        name, colour, marker = _KINDS[kind]
        ax.plot([], [], marker=marker, color=colour, linestyle="none", label=name)
    ax.legend(frameon=False, fontsize=8.5, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    ax.set_yticks(range(len(rows)), [name for name, _ in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    open_frame(ax, "x")
    ax.set_xlabel("hard Dice")


def _draw_distances(ax: Any, pairs: pd.DataFrame, axis: str) -> None:
    what, _ = AXES[axis]
    directions = {
        f"tested at larger {what}": (pairs["octaves"] > 0, VERMILLION, "^"),
        f"tested at smaller {what}": (pairs["octaves"] < 0, BLUE, "v"),
    }
    ax.axhline(0, color=INK, linewidth=0.8)
    for name, (chosen, colour, marker) in directions.items():
        points = pairs[chosen]
        ratio = 2 ** points["octaves"].abs()
        style = {"marker": marker, "color": colour, "linestyle": "none", "alpha": 0.85}
        ax.plot(ratio, points["loss"], label=name, markersize=6, **style)
    ax.legend(frameon=False, fontsize=8.5, loc="lower left", bbox_to_anchor=(0, 1))
    ax.set_xscale("log", base=2)
    largest = float(2 ** pairs["octaves"].abs().max())
    ticks = [value for value in _RATIOS if value <= 1.1 * largest]
    ax.set_xticks(ticks, [f"{value:g}" for value in ticks])
    ax.minorticks_off()
    ax.set_xlabel(f"ratio of {what}s of the two sets")
    ax.set_ylabel("hard Dice lost against the\nnetworks of the test set itself")
    open_frame(ax)
