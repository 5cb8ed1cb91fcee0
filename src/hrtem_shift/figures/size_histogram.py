"""The histogram of particle sizes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hrtem_shift.figures.colours import BLUE, INK, QUIET, VERMILLION

FEWEST_FOR_A_FIT = 6000
"""Particles that a repeatable volume mean takes at a geometric standard deviation of 1.6
(ISO 13322-1:2004): fewer carry no fitted distribution."""


def size_histogram_figure(diameters_nm: np.ndarray, n_at_border: int, title: str) -> Figure:
    """Draw how many particles have which equivalent diameter.

    Parameters
    ----------
    diameters_nm : (N,) array
        Equivalent diameters of the particles that the border does not cut [nm].
    n_at_border : int
        How many others there are.
    title : str
        What was measured.

    Returns
    -------
    Figure
        Bars by the rule of Freedman and Diaconis (1981), at most 40, every particle as a tick,
        and the median with D10 and D90; no fitted distribution, for which ISO 13322-1 wants
        thousands of particles.
    """
    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    ax = figure.add_subplot()
    ax.set_title(title, fontsize=10, color=INK, loc="left", parse_math=False)
    ax.set_xlabel("equivalent diameter (nm)")
    ax.set_ylabel("particles")
    ax.spines[["top", "right"]].set_visible(False)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    n = len(diameters_nm)
    if n:
        ax.hist(diameters_nm, bins=_edges(diameters_nm), color=BLUE, edgecolor="white")
        ax.plot(diameters_nm, np.zeros(n), "|", color=INK, markersize=7, clip_on=False)
        low, middle, high = np.quantile(diameters_nm, [0.1, 0.5, 0.9])
        ax.axvline(middle, color=VERMILLION, linewidth=1.5)
        ax.axvspan(low, high, color=VERMILLION, alpha=0.12, linewidth=0, zorder=0)
        summary = f"line: median {middle:.3g} nm; band: D10 {low:.3g} nm to D90 {high:.3g} nm"
    else:
        ax.set(xlim=(0, 1), ylim=(0, 1))
        summary = "no particle is whole"
    few = " (too few for a fitted distribution)" if n < FEWEST_FOR_A_FIT else ""
    note = f"{summary}\nN = {n}{few}; {n_at_border} cut by the border are left out"
    figure.supxlabel(note, fontsize=8, color=QUIET)
    return figure


def _edges(values: np.ndarray) -> list[float]:
    if np.ptp(values) < 1e-9 * values.max():  # one size: a bar of a tenth of it
        return [0.95 * float(values.mean()), 1.05 * float(values.mean())]
    edges = np.histogram_bin_edges(values, "fd")
    few = edges if len(edges) <= 41 else np.linspace(values.min(), values.max(), 41)
    return [float(edge) for edge in few]
