"""Loss of Dice against the distance of a test from the condition of training, axis by axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.figures.axes import open_frame
from hrtem_shift.figures.colours import BLUE, INK, ORANGE, PALE, QUIET, VERMILLION
from hrtem_shift.shift.stability import FEWEST_PAIRS, isotonic_loss

WHAT_TO_DO = {
    "defocus, towards underfocus": "refocus, or train on a range of defocus",
    "defocus, towards overfocus": "refocus, or train on a range of defocus",
    "Cs": "set the corrector, or train on several Cs",
    "focal spread": "train on the focal spread of your gun",
    "illumination angle": "spread the beam, or train on several angles",
    "twofold astigmatism": "stigmate, or train with astigmatism",
    "threefold astigmatism": "align the corrector, or train with it",
    "dose, down": "record with more dose, or train on low doses",
    "dose, up": "train on high doses, too",
    "scatter in the camera": "train with the MTF of your camera",
}
_COLUMNS = 3
_COLOURS = {0.05: ORANGE, 0.15: VERMILLION}


def loss_against_distance_figure(losses: pd.DataFrame, distances: pd.DataFrame) -> Figure:
    """Draw one panel an axis, with the distances at which Dice is lost.

    Parameters
    ----------
    losses, distances : DataFrame
        `hrtem_shift.shift.stability.losses_along_axes` and ``distances_of_loss``.

    Returns
    -------
    Figure
        A point a pair of conditions, the isotonic fit, and at each loss the distance with its
        95 % interval; an arrow where it lies beyond what was tested. Below each title what one
        may do. Axes without a pair are left out.
    """
    names = list(losses["axis"].unique())
    if not names:
        return message_figure(
            "No two conditions differ in one quantity alone, or a score is missing."
        )
    n_rows = math.ceil(len(names) / _COLUMNS)
    figure = Figure(figsize=(9.6, 2.75 * n_rows + 0.5), layout="constrained")
    panels = figure.subplots(n_rows, _COLUMNS, squeeze=False, sharey=True)
    low, high = min(losses["loss"].min(), 0.0), max(losses["loss"].max(), 0.2)
    for ax, name in zip(panels.flat, names, strict=False):
        marks = distances[distances["axis"] == name]
        _panel(ax, losses[losses["axis"] == name], marks, WHAT_TO_DO[name])
        ax.set_ylim(low - 0.05, high + 0.4 * (high - low))  # room for the words
    for ax in panels.flat[len(names) :]:
        ax.set_visible(False)
    for ax in panels[:, 0]:
        ax.set_ylabel("loss of hard Dice")
    figure.supxlabel(
        "a point: one pair of conditions that differ in this alone; line: isotonic fit; "
        "bars: where 0.05 and 0.15 are lost, with 95 % intervals over training conditions",
        fontsize=8.5,
        color=QUIET,
    )
    return figure


def _panel(ax: Any, pairs: pd.DataFrame, marks: pd.DataFrame, advice: str) -> None:
    name, unit = pairs[["axis", "unit"]].iloc[0]
    farthest = float(pairs["distance"].max())
    ax.set_xlim(0, farthest * 1.12)
    ax.axhline(0, color=PALE, linewidth=1)
    ax.plot(pairs["distance"], pairs["loss"], "o", color=QUIET, markersize=2.5, alpha=0.45)
    if len(pairs) >= FEWEST_PAIRS:
        distance, fitted = isotonic_loss(pairs)
        start = [0.0] if fitted[0] > 0 else []  # no loss under the own condition
        ax.plot(np.append(start, distance), np.append(start, fitted), color=BLUE)
        for mark in marks.itertuples(index=False):
            _mark(ax, mark, farthest)
    title = f"{name[0].upper()}{name[1:]}"
    enough = "" if len(pairs) >= FEWEST_PAIRS else ": too few to decide"
    ax.set_title(f"{title} (n = {len(pairs)}{enough})", fontsize=9.5, loc="left", pad=17)
    ax.text(0, 1.03, advice, transform=ax.transAxes, fontsize=8, color=QUIET, style="italic")
    unit = "log2 of the dose ratio" if unit.startswith("log2") else unit
    ax.set_xlabel(f"distance ({unit})", fontsize=8.5)
    ax.tick_params(labelsize=8)
    open_frame(ax)


def _mark(ax: Any, mark: Any, farthest: float) -> None:
    """Distance at which a loss is reached, its interval, and an arrow where that has no end."""
    colour, y = _COLOURS[mark.loss], mark.loss
    edge = farthest * 1.1
    low, high = (min(end, edge) for end in (mark.low, mark.high))
    ax.plot([low, high], [y, y], color=colour, linewidth=3, solid_capstyle="butt", alpha=0.6)
    if math.isinf(mark.high):
        ax.plot(edge, y, ">", color=colour, markersize=6, clip_on=False)
    if math.isfinite(mark.distance):
        ax.plot(mark.distance, y, "D", color=colour, markeredgecolor=INK, markersize=5.5)
    ax.text(
        0.985,
        0.97 if mark.loss == min(_COLOURS) else 0.86,
        _words(mark),
        transform=ax.transAxes,
        ha="right",
        va="top",
        fontsize=8,
        color=INK,
        bbox={"boxstyle": "square,pad=0.15", "facecolor": colour, "alpha": 0.35, "linewidth": 0},
    )


def _words(mark: Any) -> str:
    """Loss and distance: ``0.05 lost at 89 nm (9.2 to 190)``, ``(9.2 to beyond)``."""
    if math.isinf(mark.low):
        return f"{mark.loss:g} not lost up to {distance_text(mark.farthest, mark.unit)}"
    if math.isinf(mark.distance):
        return f"{mark.loss:g} not lost (low limit {distance_text(mark.low, mark.unit)})"
    ends = " to ".join(_number(end, mark.unit) for end in (mark.low, mark.high))
    return f"{mark.loss:g} lost at {distance_text(mark.distance, mark.unit)} ({ends})"


def distance_text(distance: float, unit: str) -> str:
    """A distance with its unit, ``89 nm``; of doses the ratio, ``a factor of 18``."""
    number = _number(distance, unit)
    return f"a factor of {number}" if unit.startswith("log2") else f"{number} {unit}"


def _number(distance: float, unit: str) -> str:
    if math.isinf(distance):
        return "beyond"
    value = 2**distance if unit.startswith("log2") else distance
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def message_figure(message: str) -> Figure:
    """A figure that says why nothing is drawn."""
    figure = Figure(figsize=(7.0, 1.2), layout="constrained")
    figure.text(0.02, 0.5, message, fontsize=10, color=QUIET, va="center")
    return figure
