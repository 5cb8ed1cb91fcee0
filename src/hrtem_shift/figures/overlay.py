"""The overlay: a micrograph with the outlines of particles, a scale bar and the verdict."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from hrtem_shift.figures.colours import GREEN, INK, ORANGE, QUIET, VERMILLION
from hrtem_shift.figures.examples import round_length_nm

LEVEL_COLOURS = {"in range": GREEN, "borderline": ORANGE, "outside": VERMILLION}

_WIDTH_IN, _DPI = 8.0, 150
_MOST_PX = int(_WIDTH_IN * _DPI)
_MOST_NUMBERS = 60
_LEGIBLE: dict[str, Any] = {
    "color": "white",
    "path_effects": [withStroke(linewidth=2, foreground="black", alpha=0.6)],
}
_LETTERS_A_LINE, _LETTERS_OF_TITLE = 124, 72


def overlay_figure(
    image: np.ndarray,
    labels: np.ndarray,
    pixel_size_nm: float,
    *,
    title: str,
    level: str,
    explanation: str,
    centres_px: np.ndarray | None = None,
) -> Figure:
    """Draw a micrograph with the outlines of its particles.

    Parameters
    ----------
    image : (H, W) float array
        Intensities, any unit; grey from the 0.5th to the 99.5th percentile.
    labels : (H, W) int array
        0 on background, else the number of a particle.
    pixel_size_nm : float
        Edge of a pixel [nm].
    title : str
        Name of the micrograph.
    level : str
        ``in range``, ``borderline`` or ``outside``.
    explanation : str
        Reasons and expected Dice; wrapped under the image.
    centres_px : (N, 2) array, optional
        Row and column of each particle's centre, where its number is written when there are few
        enough to be read.

    Returns
    -------
    Figure
        At most 1200 px wide; a larger image is averaged over blocks.
    """
    grey, mask, step = _thinned(image, labels)
    height, width = grey.shape
    lines = textwrap.wrap(explanation, _LETTERS_A_LINE)
    head_in, foot_in = 0.5, 0.25 + 0.19 * len(lines)
    image_in = _WIDTH_IN * height / width
    whole_in = head_in + image_in + foot_in
    figure = Figure(figsize=(_WIDTH_IN, whole_in), dpi=_DPI)
    ax = figure.add_axes((0, foot_in / whole_in, 1, image_in / whole_in))
    ax.set_axis_off()
    ax.imshow(grey, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    # The border of the image closes the outline of a particle that it cuts.
    x_y = np.arange(-1, width + 1), np.arange(-1, height + 1)
    ax.contour(*x_y, np.pad(mask, 1), levels=[0.5], colors=[ORANGE], linewidths=1.3)
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    if centres_px is not None and 0 < len(centres_px) <= _MOST_NUMBERS:
        for number, (y, x) in enumerate(np.asarray(centres_px) / step, start=1):
            ax.text(x, y, str(number), fontsize=8, ha="center", va="center", **_LEGIBLE)
    _draw_scale_bar(ax, height, width, pixel_size_nm * step)
    _write_head(figure, 1 - head_in / 2 / whole_in, title, level)
    figure.text(
        0.012,
        (foot_in - 0.1) / whole_in,
        "\n".join(lines),
        va="top",
        fontsize=8.5,
        color=QUIET,
        linespacing=1.35,
        parse_math=False,
    )
    return figure


def _write_head(figure: Figure, y: float, title: str, level: str) -> None:
    short = title if len(title) <= _LETTERS_OF_TITLE else f"{title[:_LETTERS_OF_TITLE]}…"
    figure.text(0.012, y, short, va="center", fontsize=11, color=INK, parse_math=False)
    badge = {"boxstyle": "round,pad=0.35", "facecolor": LEVEL_COLOURS[level], "linewidth": 0}
    figure.text(0.988, y, level, va="center", ha="right", fontsize=11, color="black", bbox=badge)


def _thinned(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Grey from 0 to 1 and mask from 0 to 1, averaged over blocks of `step` pixels."""
    step = -(-max(image.shape) // _MOST_PX)
    rows, columns = (side // step * step for side in image.shape)
    blocks = (rows // step, step, columns // step, step)
    grey, mask = (
        values[:rows, :columns].reshape(blocks).mean(axis=(1, 3)) for values in (image, labels > 0)
    )
    low, high = np.percentile(grey, [0.5, 99.5])
    return np.clip((grey - low) / max(high - low, 1e-12), 0, 1), mask, step


def _draw_scale_bar(ax: Any, height: int, width: int, pixel_size_nm: float) -> None:
    length_nm = round_length_nm(0.25 * width * pixel_size_nm)
    length, pad = length_nm / pixel_size_nm, 0.02 * width
    thick, box = 0.008 * width, 0.06 * width
    corner = (pad, height - pad - box)
    ax.add_patch(Rectangle(corner, length + 2 * pad, box, color="black", alpha=0.6, linewidth=0))
    ax.add_patch(
        Rectangle(
            (2 * pad, height - 2 * pad - thick / 2), length, thick, color="white", linewidth=0
        )
    )
    ax.text(
        2 * pad + length / 2,
        height - 2.2 * pad - thick,
        f"{length_nm:g} nm",
        color="white",
        fontsize=9,
        ha="center",
        va="bottom",
    )
