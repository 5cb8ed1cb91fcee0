"""Thon rings: the power spectrum of a thin amorphous object under each condition."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from hrtem_shift.figures.colours import ORANGE, QUIET, SKY
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.transfer import unshifted_transfer

_PIXELS, _COLUMNS = 361, 4


def thon_rings_figure(
    lenses: Mapping[str, Lens],
    measure: TransferMeasure,
    spacings_nm: Mapping[str, float] | None = None,
) -> Figure:
    """Draw T² over both directions of frequency.

    Parameters
    ----------
    lenses : mapping
        Name of a condition -> its lens.
    measure : TransferMeasure
        Energy, amplitude fraction and band.
    spacings_nm : mapping, optional
        Name of lattice planes to their spacing, nm: dotted rings.

    Returns
    -------
    Figure
        A square a condition, in rows of four; solid circles bound the band.
    """
    columns = min(_COLUMNS, len(lenses))
    rows = math.ceil(len(lenses) / columns)
    figure = Figure(figsize=(2.4 * max(columns, 2), 2.45 * rows + 0.45), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    q = np.linspace(-measure.q_max_per_nm, measure.q_max_per_nm, _PIXELS)
    qx, qy = np.meshgrid(q, q)
    for ax, (name, lens) in zip(axes, lenses.items(), strict=False):
        power = unshifted_transfer(qy, qx, lens, measure) ** 2
        image = _draw(ax, power, measure.q_max_per_nm)
        _circle(ax, measure.q_min_per_nm, color=SKY, linewidth=0.9)
        _circle(ax, measure.q_max_per_nm, color=SKY, linewidth=0.9)
        for spacing_nm in (spacings_nm or {}).values():
            _circle(ax, 1 / spacing_nm, color=ORANGE, linewidth=1.0, linestyle=(0, (1, 2)))
        ax.set_title(name, fontsize=8.5)
    for k, ax in enumerate(axes):
        ax.set_visible(k < len(lenses))
        ax.tick_params(labelbottom=k + columns >= len(lenses))
    bar = figure.colorbar(image, ax=list(axes), shrink=0.6, aspect=25, pad=0.02)
    bar.set_label("T²", fontsize=8.5)
    bar.ax.tick_params(labelsize=7.5, length=2)
    planes = f"; dotted orange: {', '.join(spacings_nm)}" if spacings_nm else ""
    figure.supxlabel(
        f"frequencies 1/d along x and y (1/nm); blue: the band measured{planes}",
        fontsize=8.5,
        color=QUIET,
    )
    return figure


def _draw(ax: Any, power: Any, edge_per_nm: float) -> Any:
    extent = (-edge_per_nm, edge_per_nm, edge_per_nm, -edge_per_nm)
    ticks = np.linspace(-edge_per_nm, edge_per_nm, 5)
    ax.set(xticks=ticks, yticks=ticks)
    ax.tick_params(labelsize=7.5, length=2)
    return ax.imshow(power, cmap="gray", vmin=0, vmax=1, extent=extent)


def _circle(ax: Any, radius_per_nm: float, **line: Any) -> None:
    ax.add_patch(Circle((0, 0), radius_per_nm, fill=False, **line))
