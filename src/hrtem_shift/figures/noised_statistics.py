"""Contrast and roughness of patches with added noise, beside those of other sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.evaluation.noise_matching import MATCHED_STATISTICS
from hrtem_shift.figures.colours import INK, QUIET, SERIES
from hrtem_shift.tables import require_columns

_LABELS = {
    "contrast": "contrast: median of the background\nminus that of particles [standard deviations]",
    "roughness": "roughness: power-weighted mean\nof squared frequency [1/px²]",
}


def noise_matching_figure(
    noised: pd.DataFrame,
    matching: pd.DataFrame,
    data_sets: pd.DataFrame,
    labels: Mapping[str, str],
) -> Figure:
    """Draw how noise moves the statistics of a training set towards those of other sets.

    Parameters
    ----------
    noised, matching : DataFrame
        From `hrtem_shift.evaluation.noise_matching`.
    data_sets : DataFrame
        data_set, contrast, roughness.
    labels : mapping
        Data set -> what a reader calls it, in the order of colours.

    Returns
    -------
    Figure
        A row a training set. Dashed: other sets, without noise; diamonds: where the curve meets
        them; triangles on the axis: the noise of the highest Dice on each.
    """
    require_columns(noised, ["train_set", "rho", *MATCHED_STATISTICS], "noised")
    require_columns(matching, ["train_set", "test_set", "matched_by", "matching_rho"], "matching")
    train_sets = list(noised["train_set"].unique())
    colours = {name: SERIES[i % len(SERIES)] for i, name in enumerate(labels)}
    figure = Figure(figsize=(10.5, 0.7 + 3.3 * len(train_sets)), layout="constrained")
    axes = figure.subplots(len(train_sets), 2, squeeze=False)
    for row, train_set in zip(axes, train_sets, strict=True):
        for ax, statistic in zip(row, MATCHED_STATISTICS, strict=True):
            curve = noised[noised["train_set"] == train_set]
            pairs = matching[
                (matching["train_set"] == train_set) & (matching["matched_by"] == statistic)
            ]
            ax.plot(curve["rho"], curve[statistic], color=INK, linewidth=1.8)
            _draw_others(ax, statistic, pairs, data_sets, labels, colours)
            ax.set_title(f"{labels[train_set]} with added noise", loc="left", fontsize=11)
            ax.set_xlabel("ρ, standard deviation of the added noise")
            ax.set_ylabel(_LABELS[statistic])
            ax.spines[["top", "right"]].set_visible(False)
    key = "dashed: the other sets; diamond: as much noise makes them meet; triangle: best noise"
    figure.supxlabel(key, fontsize=8.5, color=QUIET)
    return figure


def _draw_others(
    ax: Any,
    statistic: str,
    pairs: pd.DataFrame,
    data_sets: pd.DataFrame,
    labels: Mapping[str, str],
    colours: Mapping[str, str],
) -> None:
    levels = data_sets.set_index("data_set")[statistic]
    bottom = ax.get_xaxis_transform()
    for name, rho, best in zip(
        pairs["test_set"], pairs["matching_rho"], pairs["best_rho"], strict=True
    ):
        colour = colours[name]
        ax.axhline(levels[name], color=colour, linestyle="--", linewidth=1.2)
        ax.annotate(
            labels[name],
            (1.01, levels[name]),
            xycoords=("axes fraction", "data"),
            color=colour,
            fontsize=9,
            va="center",
        )
        if np.isfinite(rho):
            ax.plot(rho, levels[name], marker="D", color=colour, markersize=7)
        if np.isfinite(best):
            ax.plot(best, 0.02, marker="^", color=colour, transform=bottom, clip_on=False)
