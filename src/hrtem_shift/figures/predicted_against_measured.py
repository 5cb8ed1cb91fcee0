"""Predicted against measured Dice, of the best model and of plain covariates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.figures.axes import open_frame
from hrtem_shift.figures.colours import BLUE, INK, VERMILLION
from hrtem_shift.figures.loss_against_distance import message_figure

BASELINE = "plain covariates: defocus, dose, image statistics"


def predicted_against_measured_figure(predictions: pd.DataFrame) -> Figure:
    """Draw every cell twice: predicted by the best model and by the baseline.

    Parameters
    ----------
    predictions : DataFrame
        `hrtem_shift.shift.transfer_claims.TransferClaims`.

    Returns
    -------
    Figure
        Single conditions, of which neither row nor column was in the fit, and training sets of
        mixed conditions, by the fit to single ones; with root-mean-square errors.
    """
    if predictions.empty:
        return message_figure("Nothing was predicted: a planned score is missing.")
    pairs = predictions[predictions["held_out"] == "both"]
    mixed = predictions[predictions["held_out"] == "training set"]
    figure = Figure(figsize=(9.2, 4.9), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    names = (f"best model: {predictions['model'].iloc[0]}", BASELINE)
    for ax, column, name in zip(panels, ("best", "baseline"), names, strict=True):
        _points(ax, pairs, column, BLUE, "single conditions, row and column held out", 3)
        if len(mixed):
            _points(ax, mixed, column, VERMILLION, "sets of mixed conditions", 2)
        ax.plot([0, 1], [0, 1], color=INK, linewidth=1)
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        ax.set_title(name, fontsize=10, loc="left")
        ax.legend(fontsize=8, loc="upper left", edgecolor="none", markerscale=2)
        open_frame(ax)
    panels[0].set_ylabel("predicted hard Dice")
    figure.supxlabel("measured hard Dice, mean over the networks of a cell", fontsize=9.5)
    return figure


def _points(ax: Any, cells: pd.DataFrame, column: str, colour: str, what: str, size: float) -> None:
    measured, predicted = (cells[name].to_numpy(float) for name in ("hard_dice", column))
    error = float(np.sqrt(np.nanmean(np.square(predicted - measured))))
    label = f"{what}\n(n = {len(cells):,}), error {error:.3f} (root mean square)"
    many = len(cells) > 500
    ax.plot(
        measured,
        predicted,
        "o",
        color=colour,
        markersize=1.6 if many else size,
        alpha=0.35 if many else 0.8,
        markeredgewidth=0,
        label=label,
    )
