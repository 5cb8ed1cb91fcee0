"""Dice against the overlap of transfers: cells, isotonic fit, and residuals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.figures.axes import open_frame
from hrtem_shift.figures.cells import condition_names, grid, networks_of
from hrtem_shift.figures.colours import INK, PALE, QUIET, SERIES
from hrtem_shift.shift.isotonic import isotonic_fit, isotonic_r_squared
from hrtem_shift.shift.rank_correlation import median_row, within_rows

_MARKERS = "osD^vP"
_MOST_NAMED = 12


def dice_against_shift_figure(
    cells: pd.DataFrame,
    labels: Mapping[str, str] | None = None,
    overlap_name: str = "overlap of transfers σ (reconstruction)",
) -> Figure:
    """Draw scores against overlap, and residuals below.

    Parameters
    ----------
    cells : DataFrame
        See `hrtem_shift.figures.cells.condition_names`.
    labels : mapping, optional
        Training set to the name that a reader sees; by default its own.
    overlap_name : str
        Label of the horizontal axis.

    Returns
    -------
    Figure
        A colour and marker a training set (all in grey beyond 12), rings where the condition
        is that of training; the isotonic fit of conditions not trained on, with its share of
        squares in sample and held out.

    Raises
    ------
    InputError
        A column is missing, or the table is empty.
    """
    train, test = condition_names(cells)
    unseen = cells[cells["train_set"] != cells["test_set"]]
    similarity, dice = (grid(unseen, column, train, test) for column in ("overlap", "hard_dice"))
    fit = isotonic_fit(similarity, dice)
    figure = Figure(figsize=(8.6, 6.2), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
    for k, name in enumerate(train):
        row = cells[cells["train_set"] == name]
        style = _style(k, len(train))
        label = str((labels or {}).get(name, name)) if len(train) <= _MOST_NAMED else None
        _points(top, row, row["hard_dice"], style, label)
        _points(bottom, row, row["hard_dice"] - fit.predict(row["overlap"]), style, None)
    _line(top, fit.similarity, fit.score)
    bottom.axhline(0, color=INK, linewidth=1.2)
    _finish(top, bottom, overlap_name, len(train))
    top.set_title(_title(similarity, dice), fontsize=9, loc="left")
    figure.supxlabel(
        f"a point: median over {networks_of(cells)}; ringed: "
        "tested on the condition of training, not in the fit",
        fontsize=8.5,
        color=QUIET,
    )
    return figure


def _style(k: int, n_rows: int) -> dict[str, Any]:
    if n_rows > _MOST_NAMED:
        return {"color": QUIET, "marker": "o", "markersize": 3.0, "alpha": 0.5}
    marker = _MARKERS[(k // len(SERIES) + k) % len(_MARKERS)]
    return {"color": SERIES[k % len(SERIES)], "marker": marker, "markersize": 4.5, "alpha": 0.9}


def _points(
    ax: Any, row: pd.DataFrame, values: Any, style: Mapping[str, Any], label: str | None
) -> None:
    ax.plot(row["overlap"], values, linestyle="none", label=label, **style)
    seen = (row["train_set"] == row["test_set"]).to_numpy()
    ring = {"markersize": 9, "markerfacecolor": "none", "markeredgecolor": INK, "marker": "o"}
    ax.plot(row["overlap"][seen], values[seen], linestyle="none", **ring)


def _line(ax: Any, x: Any, y: Any) -> None:
    ax.plot(x, y, color=INK, linewidth=1.6, label="isotonic fit")


def _finish(top: Any, bottom: Any, overlap_name: str, n_rows: int) -> None:
    for ax in (top, bottom):
        open_frame(ax)
    top.set_ylabel("hard Dice")
    top.set_ylim(-0.03, 1.03)
    bottom.set_ylabel("Dice − fit")
    bottom.set_xlabel(overlap_name)
    limit = max(0.05, float(np.nanmax(np.abs(np.concatenate(_values(bottom))))) * 1.1)
    bottom.set_ylim(-limit, limit)
    title = "trained on" if n_rows <= _MOST_NAMED else None
    top.legend(
        title=title,
        fontsize=8,
        title_fontsize=8,
        frameon=False,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        edgecolor=PALE,
    )


def _values(ax: Any) -> list[Any]:
    return [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines[:-1]]


def _title(similarity: Any, dice: Any) -> str:
    rows = within_rows(similarity, dice)
    shares = isotonic_r_squared(similarity, dice)
    cells = int((np.isfinite(similarity) & np.isfinite(dice)).sum())
    within = f"within rows: median Spearman {median_row(rows):+.2f}".replace("-", "−")
    squares = ", ".join(
        f"{name} {value:+.2f}".replace("-", "−") if math.isfinite(value) else f"{name} undefined"
        for name, value in zip(
            ("in sample", "rows held out", "columns held out"), shares, strict=True
        )
    )
    return f"{within} (n = {len(rows)} rows, {cells} unseen cells)\nR² of the fit: {squares}"
