"""Contrast transfer functions of conditions, with envelopes and the specimen's lattice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from hrtem_shift.errors import InputError
from hrtem_shift.figures.colours import BLUE, PALE, QUIET, SKY, VERMILLION
from hrtem_shift.tables import require_columns

_COLUMNS = ["condition", "q_per_nm", "transfer", "lowest", "highest", "envelope"]
_MOST = 12


def transfer_functions_figure(
    curves: pd.DataFrame,
    spacings_nm: Mapping[str, float] | None = None,
    band_per_nm: tuple[float, float] | None = None,
    power: Mapping[str, float] | None = None,
) -> Figure:
    """Draw T of each condition above the other.

    Parameters
    ----------
    curves : DataFrame
        From `hrtem_shift.shift.transfer.transfer_curves`, of 1 to 12 conditions.
    spacings_nm : mapping, optional
        Name of lattice planes, such as ``Au 111``, to their spacing, nm.
    band_per_nm : (float, float), optional
        Frequencies that are measured; others are shaded.
    power : mapping, optional
        Condition to its transfer power, to say beside its name.

    Returns
    -------
    Figure
        One panel a condition: T along +x, its range over azimuths where that is not round,
        the envelope dashed, lattice planes upright.

    Raises
    ------
    InputError
        A column is missing, or there are more than 12 conditions.
    """
    require_columns(curves, _COLUMNS, "curves")
    names = list(curves["condition"].unique())
    if len(names) > _MOST:
        raise InputError(
            f"{len(names)} conditions",
            where="curves",
            why=f"More than {_MOST} panels cannot be read",
            fix="Choose some of them",
        )
    figure = Figure(figsize=(8.6, 1.1 + 1.3 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for ax, name in zip(axes, names, strict=True):
        _draw(ax, curves[curves["condition"] == name])
        _name(ax, name, power)
        for spacing_nm in spacings_nm.values() if spacings_nm else ():
            ax.axvline(1 / spacing_nm, color=VERMILLION, linewidth=0.9, linestyle=(0, (1, 1.5)))
        if band_per_nm:
            highest = float(curves["q_per_nm"].max())
            for low, high in ((0.0, band_per_nm[0]), (band_per_nm[1], highest)):
                ax.axvspan(low, high, color="#f0f0f0", zorder=0, linewidth=0)
    _name_planes(axes[0], spacings_nm or {}, float(curves["q_per_nm"].max()))
    axes[-1].set_xlabel("spatial frequency 1/d (1/nm)")
    figure.supylabel("contrast transfer T (up: dark atoms)", fontsize=9.5)
    figure.supxlabel(
        "dashed: envelope; pale: range over directions where the lens is not round",
        fontsize=8.5,
        color=QUIET,
    )
    return figure


def _draw(ax: Any, curve: pd.DataFrame) -> None:
    q = curve["q_per_nm"]
    ax.axhline(0, color=PALE, linewidth=0.8)
    ax.fill_between(q, curve["lowest"], curve["highest"], color=SKY, alpha=0.45, linewidth=0)
    for sign in (1, -1):
        ax.plot(q, sign * curve["envelope"], color=QUIET, linewidth=0.9, linestyle="--")
    ax.plot(q, curve["transfer"], color=BLUE, linewidth=1.4)
    ax.set(xlim=(0, q.max()), ylim=(-1.08, 1.08), yticks=(-1, 0, 1))
    ax.tick_params(labelsize=8, length=2)
    ax.spines[["top", "right"]].set_visible(False)


def _name(ax: Any, name: str, power: Mapping[str, float] | None) -> None:
    title = f"{name} (transfer power {power[name]:.2f})" if power and name in power else name
    ax.set_title(title, fontsize=8.5, loc="left", pad=3)


def _name_planes(ax: Any, spacings_nm: Mapping[str, float], highest_per_nm: float) -> None:
    """Names above the first panel and its title, each right of the last."""
    free = 0.0
    for name, spacing_nm in sorted(spacings_nm.items(), key=lambda plane: -plane[1]):
        x = 1 / spacing_nm / highest_per_nm
        if x <= 1:
            start = max(x, free)
            free = start + 0.012 * len(name) + 0.012
            ax.annotate(
                name,
                (x, 1.0),
                (start, 1.22),
                "axes fraction",
                "axes fraction",
                fontsize=8,
                color=VERMILLION,
                ha="left",
                va="bottom",
            )
