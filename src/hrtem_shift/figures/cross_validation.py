"""Cross-validation: how much scores depend on the micrographs trained on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import t as student_t

from hrtem_shift.figures.colours import BLUE, INK, QUIET
from hrtem_shift.figures.mean_and_spread import summarize
from hrtem_shift.tables import require_columns


def t_interval(values: pd.Series | np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean.

    Parameters
    ----------
    values : (N,) array
        NaN is left out.
    confidence : float
        Coverage, between 0 and 1.

    Returns
    -------
    tuple of float
        Low and high end; NaN for fewer than two values.

    Notes
    -----
    Folds share most of their training data, so their scores are not independent and the
    interval is somewhat too narrow (Bengio and Grandvalet, JMLR 5, 1089, 2004).
    """
    summary = summarize(values)
    if summary.n < 2:
        return math.nan, math.nan
    quantile = float(student_t.ppf(0.5 + confidence / 2, summary.n - 1))
    half = quantile * summary.std / math.sqrt(summary.n)
    return summary.mean - half, summary.mean + half


def folds_figure(folds: pd.DataFrame) -> Figure:
    """Draw hard Dice by fold, with the mean over folds and its 95 % interval.

    Parameters
    ----------
    folds : DataFrame
        One row a network: ``fold, seed, hard_dice, n_micrographs, n_patches``.

    Returns
    -------
    Figure
        A point a network. Seeds of a fold share test images and are averaged before the
        interval is computed; n counts folds.

    Raises
    ------
    InputError
        A column is missing, or the table is empty.
    """
    columns = ["fold", "seed", "hard_dice", "n_micrographs", "n_patches"]
    require_columns(folds, columns, "folds")
    names = sorted(folds["fold"].unique())
    figure = Figure(figsize=(max(5.5, 1.6 + 1.1 * len(names)), 4.0), layout="constrained")
    ax = figure.subplots()
    ax.set_xticks(range(len(names)), [_fold_label(folds, name) for name in names])
    ax.margins(y=0.14)
    ax.set(xlim=(-0.6, len(names) - 0.4), ylabel="hard Dice")
    ax.tick_params(axis="x", length=0, labelsize=8.5)
    ax.spines[["top", "right"]].set_visible(False)
    _draw_mean(ax, folds.groupby("fold")["hard_dice"].mean())
    for x, name in enumerate(names):
        _draw_fold(ax, x, folds.loc[folds["fold"] == name, "hard_dice"].to_numpy(dtype=float))
    return figure


def folds_answer(folds: pd.DataFrame) -> list[str]:
    """Result of a cross-validation, a sentence a data set.

    Parameters
    ----------
    folds : DataFrame
        As for `folds_figure`; with ``data_set`` where there are several.
    """
    require_columns(folds, ["fold", "hard_dice", "n_micrographs"], "folds")
    named = "data_set" in folds
    tables = folds.groupby("data_set", sort=False) if named else [("", folds)]
    return [_answer(f"{name}: hard" if named else "Hard", table) for name, table in tables]


def _answer(subject: str, folds: pd.DataFrame) -> str:
    means = folds.groupby("fold")["hard_dice"].mean()
    summary, (low, high) = summarize(means), t_interval(means)
    if not summary.n:
        return f"{subject} Dice is not known: no fold was tested."
    interval = f", 95 % interval {low:.3f} to {high:.3f}" if math.isfinite(low) else ""
    tested = folds.groupby("fold")["n_micrographs"].first().sum()
    return (
        f"{subject} Dice on micrographs that a network has not seen is {summary.mean:.3f} on "
        f"average (n = {summary.n} folds{interval}); the worst fold has {means.min():.3f}, the "
        f"best {means.max():.3f}. In all, {tested:.0f} micrographs were tested on."
    )


def _fold_label(folds: pd.DataFrame, name: Any) -> str:
    row = folds[folds["fold"] == name].iloc[0]
    micrographs, patches = row["n_micrographs"], row["n_patches"]
    return f"fold {name}\n{micrographs:.0f} micrographs\n{patches:.0f} patches"


def _draw_mean(ax: Any, fold_means: pd.Series) -> None:
    summary, (low, high) = summarize(fold_means), t_interval(fold_means)
    if not math.isfinite(summary.mean):
        return
    text = f"mean over folds {summary.mean:.3f}"
    if math.isfinite(low):
        ax.axhspan(low, high, color=BLUE, alpha=0.12, linewidth=0)
        text += f", 95 % interval {low:.3f} to {high:.3f}"
    ax.axhline(summary.mean, color=BLUE, linewidth=1.4)
    ax.set_title(f"{text}, n = {summary.n}", loc="left", fontsize=10, color=INK)


def _draw_fold(ax: Any, x: int, scores: np.ndarray) -> None:
    finite = scores[np.isfinite(scores)]
    offsets = 0.09 * (np.arange(finite.size) - (finite.size - 1) / 2)
    ax.plot(x + offsets, finite, marker="o", linestyle="none", color=INK, markersize=6)
    absent = scores.size - finite.size
    if absent:
        text = "missing" if absent == scores.size else f"{absent} of {scores.size} missing"
        ax.annotate(
            text,
            (x, 0.02),
            xycoords=("data", "axes fraction"),
            ha="center",
            fontsize=8.5,
            color=QUIET,
        )
