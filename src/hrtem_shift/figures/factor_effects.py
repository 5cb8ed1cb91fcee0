"""What each change of a training database is worth: a row an arm, a panel a test set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.figures.axes import open_frame
from hrtem_shift.figures.colours import BLUE, INK, PALE, QUIET, VERMILLION
from hrtem_shift.tables import require_columns

_COLUMNS = ["factor", "train_set", "test_set", "reference_dice", "difference", "low", "high"]
_ROW_IN, _FACTOR_ROWS = 0.27, 1.2


def factor_effects_figure(effects: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Draw the change of hard Dice by each arm.

    Parameters
    ----------
    effects : DataFrame
        From `hrtem_shift.evaluation.curation.factor_effects`.
    labels : mapping
        Data set to what a reader calls it.

    Returns
    -------
    Figure
        Arms below the name of their factor. A point is coloured where its interval is clear of 0:
        blue for a gain, vermillion for a loss.

    Raises
    ------
    InputError
        A column is missing, or the table is empty.
    """
    require_columns(effects, _COLUMNS, "factor_effects")
    places, ticks, headings = _places(effects)
    tested = list(effects["test_set"].unique())
    lowest = max(places.values()) + 0.7
    figure = Figure(figsize=(2.6 + 2.9 * len(tested), 1.4 + _ROW_IN * lowest), layout="constrained")
    axes = figure.subplots(1, len(tested), sharex=True, sharey=True, squeeze=False)[0]
    for ax, test_set in zip(axes, tested, strict=True):
        rows = effects[effects["test_set"] == test_set]
        _draw(ax, rows, places)
        at = rows["reference_dice"].iloc[0]
        name = labels.get(str(test_set), str(test_set))
        ax.set_title(f"{name}\nreference: {at:.2f}", loc="left", fontsize=10)
        for y in headings.values():
            ax.axhline(y, color=PALE, linewidth=0.8, zorder=0)
    axes[0].set_yticks(
        [*headings.values(), *ticks.values()],
        [*headings, *(labels.get(name, name) for name in ticks)],
    )
    for text in axes[0].get_yticklabels()[: len(headings)]:
        text.set_fontweight("bold")
    axes[0].set_ylim(lowest, -0.8)
    figure.supxlabel(
        "hard Dice minus that of the reference (bars: 95 % interval over folds)",
        fontsize=9,
        color=QUIET,
    )
    return figure


def _places(
    effects: pd.DataFrame,
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Height of each arm, the same for its tick, and that of each factor's heading."""
    places: dict[str, float] = {}
    headings: dict[str, float] = {}
    y = 0.0
    for factor, rows in effects.groupby("factor", sort=False):
        headings[str(factor)] = y
        for arm in rows["train_set"].unique():
            y += 1
            places[str(arm)] = y
        y += _FACTOR_ROWS
    return places, dict(places), headings


def _draw(ax: Any, rows: pd.DataFrame, places: Mapping[str, float]) -> None:
    ax.axvline(0, color=INK, linewidth=0.8)
    for arm, difference, low, high in zip(
        rows["train_set"], rows["difference"], rows["low"], rows["high"], strict=True
    ):
        decided = np.isfinite([low, high]).all() and (low > 0 or high < 0)
        colour = (BLUE if difference > 0 else VERMILLION) if decided else QUIET
        ax.plot([low, high], [places[arm]] * 2, color=colour, linewidth=2, alpha=0.55)
        ax.plot(difference, places[arm], marker="o", markersize=5, color=colour)
    ax.locator_params(axis="x", nbins=5)
    open_frame(ax, "x")
    ax.tick_params(axis="y", length=0)
