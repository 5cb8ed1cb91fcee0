"""Trials of a hyperparameter search: a figure, and the result in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.figures.colours import BLUE, PALE, QUIET, VERMILLION
from hrtem_shift.tables import require_columns, rows_of

_FEW = 5
"""So many different values are each marked on the axis."""


def trials_figure(trials: pd.DataFrame, space: Sequence[str], log: Sequence[str] = ()) -> Figure:
    """Draw the validation loss of each trial, in order and against each field of its recipe.

    Parameters
    ----------
    trials : DataFrame
        trial, validation_loss, pruned, and the columns of `space`.
    space : sequence of str
        Fields of the recipe.
    log : sequence of str
        Those that are drawn on a logarithmic scale.

    Returns
    -------
    Figure
    """
    require_columns(trials, ["trial", "validation_loss", "pruned", *space], "trials")
    panels = ["trial", *space]
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(10.5, 0.6 + 3.0 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for ax, column in zip(axes, panels, strict=False):
        _draw_points(ax, trials, column)
        ax.set_xlabel(column.replace("_", " "))
        if column in log:
            ax.set_xscale("log")
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    lowest = trials["validation_loss"].cummin()
    axes[0].step(trials["trial"], lowest, where="post", color=PALE, linewidth=1.4, zorder=1)
    shown = trials["validation_loss"]
    axes[0].set_ylim(0, min(shown.max(), 4 * shown.median()) * 1.08)
    for ax in axes[::columns]:
        ax.set_ylabel("validation loss")
    key = "hollow: given up; ring: the best; grey: the lowest so far"
    figure.supxlabel(key, fontsize=8.5, color=QUIET)
    return figure


def _draw_points(ax: Any, trials: pd.DataFrame, column: str) -> None:
    x, names = _axis_values(trials[column])
    if names:
        ax.set_xticks(range(len(names)), names)
        ax.set_xlim(-0.5, len(names) - 0.5)
    elif trials[column].nunique() <= _FEW:
        ax.set_xticks(sorted(trials[column].unique()))
    pruned = trials["pruned"].astype(bool).to_numpy()
    loss = trials["validation_loss"].to_numpy(float)
    style = {"linestyle": "none", "marker": "o", "markersize": 6, "color": BLUE}
    ax.plot(x[~pruned], loss[~pruned], **style)
    ax.plot(x[pruned], loss[pruned], markerfacecolor="none", **style)
    best = int(np.argmin(np.where(pruned, np.inf, loss)))
    ring = {"markersize": 12, "markerfacecolor": "none", "markeredgewidth": 1.6}
    ax.plot(x[best], loss[best], marker="o", linestyle="none", color=VERMILLION, **ring)


def _axis_values(values: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Values on the axis; of texts their positions, with names."""
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(float), []
    names = [str(name) for name in sorted(values.unique())]
    return values.astype(str).map(names.index).to_numpy(float), names


def search_answer(
    trials: pd.DataFrame, chosen: Mapping[str, Any], compared: pd.DataFrame
) -> list[str]:
    """The chosen recipe, and its gain on unseen patches.

    Parameters
    ----------
    trials : DataFrame
        The first row is the study's own recipe.
    chosen : mapping
        Field -> value of the best recipe.
    compared : DataFrame
        test_set, own, best, difference, low, high, n_folds.
    """
    complete = trials[~trials["pruned"].astype(bool)]
    recipe = ", ".join(f"{name.replace('_', ' ')} {_text(value)}" for name, value in chosen.items())
    paragraphs = [
        f"Of {len(trials)} recipes, {len(trials) - len(complete)} of them given up early, the "
        f"best has {recipe}. Its validation loss is {complete['validation_loss'].min():.4f}; the "
        f"study's own recipe has {trials['validation_loss'].iloc[0]:.4f}."
    ]
    for row in rows_of(compared):
        sure = row["low"] > 0 or row["high"] < 0
        what = "gains" if row["difference"] > 0 else "loses"
        doubt = "" if sure else ", which may be chance"
        paragraphs.append(
            f"Tested on {row['test_set']}, the best recipe {what} {abs(row['difference']):.3f} of "
            f"hard Dice ({row['low']:.3f} to {row['high']:.3f}, n = {row['n_folds']:.0f} "
            f"folds){doubt}: {row['best']:.3f} against {row['own']:.3f}.".replace("-", "−")
        )
    return paragraphs


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
