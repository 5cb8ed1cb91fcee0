"""Preparation of one micrograph: x-rays, illumination, and intensities before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from hrtem_shift.figures.colours import BLUE, INK, PALE, QUIET, VERMILLION
from hrtem_shift.preparation.flat_field import PUBLISHED_SCALE, fit_background
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.steps import prepare
from hrtem_shift.preparation.xrays import remove_xrays

_SHOWN_px = 512
_MOST_CIRCLES = 200
_BINS = 128


def preparation_figure(name: str, pixels: NDArray, preparation: Preparation) -> Figure:
    """Draw what preparation does to a micrograph.

    Parameters
    ----------
    name : str
        Of the micrograph.
    pixels : ndarray, shape (H, W)
        Counts as recorded.
    preparation : Preparation
        Its steps.

    Returns
    -------
    Figure
        The recorded image with a circle about each x-ray (200 at most), the fitted
        illumination in parts of its mean, the prepared image, and the histograms of both
        images. A step that is left out says so.

    Raises
    ------
    InputError
        The micrograph cannot be prepared so.
    """
    cleaned, places = np.asarray(pixels), np.zeros((0, 2), dtype=np.int64)
    if preparation.xray_threshold_counts is not None:
        cleaned, _ = remove_xrays(pixels, preparation.xray_threshold_counts)
        places = np.argwhere(cleaned != np.maximum(pixels, 0))
    result = prepare(pixels, preparation).pixels
    figure = Figure(figsize=(11.6, 3.5), layout=ConstrainedLayoutEngine(w_pad=0.06))
    figure.suptitle(f"Preparation of {name}", x=0.01, ha="left", fontsize=10, color=INK)
    axes: dict[str, Any] = figure.subplot_mosaic(
        [["recorded", "light", "prepared", "before"], ["recorded", "light", "prepared", "after"]],
        width_ratios=[1, 1.1, 1, 1],
    )
    heading = f"recorded, {_xrays_found(len(places), preparation)}"
    _draw_image(axes["recorded"], heading, cleaned)
    shown = places[:_MOST_CIRCLES] / _step(pixels)
    axes["recorded"].scatter(
        shown[:, 1], shown[:, 0], s=60, facecolors="none", edgecolors=VERMILLION, linewidths=1.4
    )
    _draw_light(figure, axes["light"], cleaned, preparation)
    _draw_image(axes["prepared"], f"prepared ({preparation.rescaling})", result)
    limit = preparation.xray_threshold_counts
    _draw_histogram(axes["before"], "recorded [counts]", pixels)
    if limit is not None:
        limit += float(np.median(pixels))
        axes["before"].axvline(limit, color=VERMILLION, linestyle="--", label="x-rays above")
        axes["before"].legend(frameon=False, fontsize=7)
    _draw_histogram(axes["after"], "prepared", result)
    return figure


def _xrays_found(count: int, preparation: Preparation) -> str:
    if preparation.xray_threshold_counts is None:
        return "x-rays not looked for"
    return f"{count} x-ray pixel{'' if count == 1 else 's'}"


def _draw_image(ax: Any, heading: str, pixels: NDArray) -> None:
    small = _smaller(pixels)
    low, high = np.percentile(small, [0.5, 99.5])
    ax.imshow(small, cmap="gray", vmin=low, vmax=high)
    _frame(ax, heading)


def _draw_light(figure: Figure, ax: Any, cleaned: NDArray, preparation: Preparation) -> None:
    if preparation.flat_field is None:
        ax.set_box_aspect(cleaned.shape[0] / cleaned.shape[1])
        _frame(ax, "illumination not fitted")
        return
    scale = preparation.flat_field_scale or PUBLISHED_SCALE
    light = _smaller(fit_background(cleaned, scale, preparation.flat_field))
    light = light / light.mean()
    shown = ax.imshow(light, cmap="cividis")
    lines = ax.contour(light, levels=5, colors="white", linewidths=0.7)
    ax.clabel(lines, fontsize=7, fmt="%.2f")
    bar = figure.colorbar(shown, ax=ax, shrink=0.62)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, colors=QUIET)
    _frame(ax, f"illumination ({preparation.flat_field}) / mean")


def _draw_histogram(ax: Any, label: str, pixels: NDArray) -> None:
    ax.hist(pixels.reshape(-1), bins=_BINS, color=BLUE, log=True)
    ax.set_xlabel(label, fontsize=8, color=QUIET)
    ax.set_ylabel("pixels", fontsize=8, color=QUIET)
    ax.tick_params(labelsize=7, colors=QUIET)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)


def _frame(ax: Any, heading: str) -> None:
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color(PALE)
    ax.set_title(heading, fontsize=9, color=QUIET, pad=4)


def _step(pixels: NDArray) -> int:
    return max(max(pixels.shape) // _SHOWN_px, 1)


def _smaller(pixels: NDArray) -> NDArray:
    """Means over squares, so that at most about 1,000 pixels an edge are drawn."""
    step = _step(pixels)
    rows, columns = (n // step for n in pixels.shape)
    whole = pixels[: rows * step, : columns * step]
    return whole.reshape(rows, step, columns, step).mean(axis=(1, 3))
