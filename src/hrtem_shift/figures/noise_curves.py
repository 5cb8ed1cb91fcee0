"""Noise curves: hard Dice at each dose against the noise added in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.figures.axes import open_frame
from hrtem_shift.figures.colours import QUIET, SERIES
from hrtem_shift.tables import require_columns

_MODES = {
    "fixed": ("Noise of one strength", "ρ, standard deviation of the added noise"),
    "same_noise": ("... and the same noise at the test", "ρ of training and test patches"),
    "uniform": ("Noise of mixed strength", "upper bound of ρ, drawn uniformly from 0"),
    "thinning": ("Electrons thinned", "share of electrons kept"),
    "mixed_thinning": ("Thinned by mixed shares", "lower bound of the share, log-uniform to 1"),
}
_SHORT = {"uniform": "ρ ≤", "thinning": "share", "mixed_thinning": "share ≥"}
"""How the best point is written; otherwise ``ρ =``."""
_VALUES = ["test_set", "hard_dice_mean", "hard_dice_std", "n_networks"]


def noise_curves_figure(
    noise_curves: pd.DataFrame,
    same_set_dice: pd.DataFrame,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Draw hard Dice against the noise added in training, a line a test set.

    Parameters
    ----------
    noise_curves : DataFrame
        ``mode`` ("fixed", "same_noise", "uniform", "thinning", "mixed_thinning"), ``rho``
        (standard deviation of the added noise in units of the image's own, or its upper bound;
        share of electrons kept, or its lower bound), ``test_set, hard_dice_mean, hard_dice_std,
        n_networks``; of networks trained on one set.
    same_set_dice : DataFrame
        ``test_set, hard_dice_mean, hard_dice_std, n_networks`` of the networks that were
        trained on the test set's own dose, without noise.
    labels : mapping, optional
        Data set to what a reader calls it, in the order of the lines; by default its name.

    Returns
    -------
    Figure
        A panel a mode. Bands are ± one standard deviation over networks, dotted lines
        `same_set_dice`, rings the best rho of each line.

    Raises
    ------
    InputError
        A column is missing, or `noise_curves` is empty.
    """
    require_columns(noise_curves, ["mode", "rho", *_VALUES], "noise_curves")
    if not same_set_dice.empty:
        require_columns(same_set_dice, _VALUES, "same_set_dice")
    tested = list(noise_curves["test_set"].unique())
    names = labels or {name: name for name in tested}
    test_sets = [name for name in names if name in tested]
    modes = [mode for mode in _MODES if (noise_curves["mode"] == mode).any()]
    colours = {name: SERIES[i % len(SERIES)] for i, name in enumerate(test_sets)}

    columns = min(len(modes), 3)
    rows = -(-len(modes) // columns)
    figure = Figure(figsize=(1.2 + 4.6 * columns, 4.6 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for ax in axes.flat[len(modes) :]:
        ax.set_axis_off()
    for ax, mode in zip(axes.flat, modes, strict=False):
        chosen = noise_curves[noise_curves["mode"] == mode]
        _prepare(ax, mode)
        _draw_references(ax, same_set_dice, colours)
        _draw_mode(ax, mode, chosen, colours, names)
    for ax in axes[:, 0]:
        ax.set_ylabel("hard Dice")
    figure.supxlabel(_key(noise_curves, same_set_dice), fontsize=8.5, color=QUIET)
    return figure


def _prepare(ax: Any, mode: str) -> None:
    title, label = _MODES[mode]
    ax.set_title(title, loc="left", fontsize=11)
    ax.set_xlabel(label)
    open_frame(ax)


def _draw_references(ax: Any, same_set_dice: pd.DataFrame, colours: Mapping[str, str]) -> None:
    for _, row in same_set_dice.iterrows():
        if row["test_set"] in colours and np.isfinite(row["hard_dice_mean"]):
            colour = colours[row["test_set"]]
            ax.axhline(row["hard_dice_mean"], color=colour, linestyle=":", linewidth=1.4)


def _draw_mode(
    ax: Any,
    mode: str,
    chosen: pd.DataFrame,
    colours: Mapping[str, str],
    names: Mapping[str, str],
) -> None:
    labels, point = [], _SHORT.get(mode, "ρ =")
    for name, colour in colours.items():
        line = chosen[chosen["test_set"] == name].sort_values("rho")
        line = line[np.isfinite(line["hard_dice_mean"])]
        if not line.empty:
            best = _draw_line(ax, line, colour)
            text = f"{names[name]}\nbest {best[1]:.2f} at {point} {best[0]:.2g}"
            labels.append((float(line["hard_dice_mean"].iloc[-1]), text, colour))
    _label_ends(ax, labels)


def _draw_line(ax: Any, line: pd.DataFrame, colour: str) -> tuple[float, float]:
    rho = line["rho"].to_numpy(dtype=float)
    mean = line["hard_dice_mean"].to_numpy(dtype=float)
    spread = line["hard_dice_std"].to_numpy(dtype=float)  # NaN for one network: no band there
    ax.fill_between(rho, mean - spread, mean + spread, color=colour, alpha=0.16, linewidth=0)
    ax.plot(rho, mean, color=colour, linewidth=1.8, marker="o", markersize=3.5)
    best = int(np.argmax(mean))
    ring = {"markersize": 11, "markerfacecolor": "none", "markeredgewidth": 1.6}
    ax.plot(rho[best], mean[best], marker="o", color=colour, linestyle="none", **ring)
    return float(rho[best]), float(mean[best])


def _label_ends(ax: Any, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write each line's name right of its end, without overlaps."""
    low, high = ax.get_ylim()
    wanted = [(value - low) / (high - low) for value, _, _ in labels]
    for y, (_, text, colour) in zip(_spread(wanted, 0.13), labels, strict=True):
        ax.annotate(
            text,
            (1.02, y),
            xycoords="axes fraction",
            color=colour,
            fontsize=9,
            va="center",
            linespacing=1.25,
        )


def _spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions at least `gap` apart, in the same order and close to the wanted ones."""
    order = np.argsort(wanted, kind="stable")
    steps = gap * np.arange(len(wanted))
    # Without the steps the positions need only not decrease; the mean of two passes does not.
    bare = np.asarray(wanted, dtype=float)[order] - steps
    up = np.maximum.accumulate(bare)
    down = np.minimum.accumulate(bare[::-1])[::-1]
    positions = np.empty(len(wanted))
    positions[order] = (up + down) / 2 + steps
    return positions.tolist()


def _key(noise_curves: pd.DataFrame, same_set_dice: pd.DataFrame) -> str:
    key = f"line and band: mean ± standard deviation over {_count(noise_curves)}; ring: best"
    if same_set_dice.empty:
        return key
    return f"{key}; dotted: trained on that set itself, {_count(same_set_dice)}"


def _count(table: pd.DataFrame) -> str:
    low, high = int(table["n_networks"].min()), int(table["n_networks"].max())
    return f"n = {low if low == high else f'{low} to {high}'} networks"
