"""Preparation of single micrographs: x-rays, illumination, intensities before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.figures.colours import BLUE, INK, PALE, QUIET, VERMILLION, text_on
from hrtem_shift.figures.preparation_overview import number
from hrtem_shift.preparation.flat_field import PUBLISHED_SCALE, fit_background
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.resampling import resampled
from hrtem_shift.preparation.steps import prepare

_SHOWN_px = 512
_MOST_CIRCLES = 200
_BINS = 128
_MOST_LETTERS = 100
_LEAST_UNEVEN = 0.05
"""The colours of the illumination span at least ± this part of its mean."""


@dataclass(frozen=True, eq=False)
class _Followed:
    """A micrograph before and after each step of preparation."""

    recorded: NDArray
    xrays_px: int | None
    xray_positions: NDArray[np.int64]  # (N, 2): row and column of each x-ray
    light: NDArray[np.float32] | None  # in parts of its mean, drawn as small as the images
    light_counts: tuple[float, float] | None
    prepared: NDArray[np.float32]


def preparation_figure(
    micrographs: Mapping[str, NDArray],
    preparation: Preparation,
    factors: Mapping[str, float] | None = None,
) -> Figure:
    """Draw what preparation does to micrographs, a row each.

    Parameters
    ----------
    micrographs : mapping of str to ndarray, shape (H, W)
        Name -> counts as recorded, in the order of the rows; shapes may differ.
    preparation : Preparation
        Its steps.
    factors : mapping of str to float, optional
        Name -> how many times as fine the grid becomes
        (`hrtem_shift.preparation.resampling.resampling_factor`); none: as recorded.

    Returns
    -------
    Figure
        The recorded image with a circle about each x-ray (200 at most), the fitted
        illumination in parts of its mean, with one range of colours for all rows, the
        prepared image, and the histograms of both images. A step that is left out says so.

    Raises
    ------
    InputError
        There is no micrograph, or one cannot be prepared so.
    """
    if not micrographs:
        raise InputError(
            "is empty",
            where="micrographs",
            why="There is nothing to draw",
            fix="Choose at least one micrograph, say the first of each data set",
        )
    ways = {
        name: _follow(pixels, preparation, (factors or {}).get(name, 1.0))
        for name, pixels in micrographs.items()
    }
    light_range = _light_range(
        [followed.light for followed in ways.values() if followed.light is not None]
    )
    figure = Figure(figsize=(9.7, 3.1 * len(ways)))
    rows = figure.subfigures(len(ways), 1, squeeze=False)[:, 0]
    for row, (name, followed) in zip(rows, ways.items(), strict=True):
        row.suptitle(_in_a_line(name), x=0.015, y=0.97, ha="left", fontsize=10, color=INK)
        _draw_row(row, followed, preparation, light_range)
    return figure


def _follow(pixels: NDArray, preparation: Preparation, factor: float) -> _Followed:
    """Prepare in two parts, since x-rays and illumination are seen between them."""
    others = {"flat_field": None, "flat_field_scale": None, "rescaling": None}
    cleaned = prepare(pixels, preparation.model_copy(update=others))
    rest = preparation.model_copy(update={"xray_threshold_counts": None})
    on_grid = cleaned.pixels if factor == 1 else resampled(cleaned.pixels, factor)
    prepared = prepare(on_grid, rest)
    xray_positions, light = np.zeros((0, 2), dtype=np.int64), None
    if cleaned.xrays_px is not None:
        xray_positions = np.argwhere(cleaned.pixels != np.maximum(pixels, 0).astype(np.float32))
    if preparation.flat_field is not None:
        scale = preparation.flat_field_scale or PUBLISHED_SCALE
        light = _smaller(fit_background(on_grid, scale, preparation.flat_field))
        light /= light.mean()
    return _Followed(
        pixels,
        cleaned.xrays_px,
        xray_positions,
        light,
        prepared.background_range_counts,
        prepared.pixels,
    )


def _light_range(lights: list[NDArray[np.float32]]) -> tuple[float, float]:
    """One range for all rows, so that they compare."""
    ends = [1 - _LEAST_UNEVEN, 1 + _LEAST_UNEVEN]
    ends += [float(end(light)) for light in lights for end in (np.min, np.max)]
    return min(ends), max(ends)


def _in_a_line(name: str) -> str:
    """The name, without its middle where it is too long."""
    if len(name) <= _MOST_LETTERS:
        return name
    half = _MOST_LETTERS // 2
    return f"{name[:half]} … {name[-half:]}"


def _draw_row(
    row: Any, followed: _Followed, preparation: Preparation, light_range: tuple[float, float]
) -> None:
    images = ["recorded", "light", ".", "prepared", "."]
    # Placed by hand: a layout engine would shift the columns of each row by its tick labels.
    axes: dict[str, Any] = row.subplot_mosaic(
        [[*images, "before"], [*images, "after"]],
        width_ratios=[1, 1, 0.22, 1, 0.17, 1],
        gridspec_kw={
            "left": 0.015, "right": 0.98, "bottom": 0.14, "top": 0.795, "wspace": 0.1, "hspace": 0.8
        },
    )  # fmt: skip
    _draw_image(axes["recorded"], f"recorded\n{_xrays_text(followed)}", followed.recorded)
    shown = _circled(followed.xray_positions) / _step(followed.recorded)
    axes["recorded"].scatter(
        shown[:, 1], shown[:, 0], s=50, facecolors="none", edgecolors=VERMILLION, linewidths=1.2
    )
    _draw_light(axes["light"], followed, *light_range)
    rescaling = preparation.rescaling or "not rescaled"
    _draw_image(axes["prepared"], f"prepared\n{rescaling}", followed.prepared)
    _draw_histogram(axes["before"], "recorded [counts]", followed.recorded)
    if preparation.xray_threshold_counts is not None:
        limit = preparation.xray_threshold_counts + float(np.median(followed.recorded))
        axes["before"].axvline(limit, color=VERMILLION, linestyle="--", label="x-rays above")
        axes["before"].legend(
            frameon=False, fontsize=7, loc="lower right", bbox_to_anchor=(1, 0.95), labelcolor=QUIET
        )
    _draw_histogram(axes["after"], f"prepared [{_unit(preparation)}]", followed.prepared)


def _circled(xray_positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """A subset small enough to be drawn, from all over the image."""
    return xray_positions[:: len(xray_positions) // (_MOST_CIRCLES + 1) + 1]


def _xrays_text(followed: _Followed) -> str:
    if followed.xrays_px is None:
        return "x-rays not looked for"
    circles = len(_circled(followed.xray_positions))
    circled = f", {circles} circled" if circles < len(followed.xray_positions) else ""
    return f"{followed.xrays_px:,} x-ray pixel{'' if followed.xrays_px == 1 else 's'}{circled}"


def _draw_image(ax: Any, heading: str, pixels: NDArray) -> None:
    small = _smaller(pixels)
    low, high = np.percentile(small, [0.5, 99.5])
    ax.imshow(small, cmap="gray", vmin=low, vmax=high)
    _frame(ax, heading)


def _draw_light(ax: Any, followed: _Followed, darkest: float, brightest: float) -> None:
    if followed.light is None or followed.light_counts is None:
        ax.set_box_aspect(followed.recorded.shape[0] / followed.recorded.shape[1])
        _frame(ax, "illumination\nnot fitted")
        return
    shown = ax.imshow(followed.light, cmap="cividis", vmin=darkest, vmax=brightest)
    levels = np.asarray(MaxNLocator(8, steps=[1, 2, 5, 10]).tick_values(darkest, brightest))
    levels = levels[(levels > darkest) & (levels < brightest)]
    crossed = levels[(levels > followed.light.min()) & (levels < followed.light.max())]
    if crossed.size:
        inks = [text_on(shown.to_rgba(level)) for level in crossed]
        ax.contour(followed.light, levels=crossed, colors=inks, linewidths=0.7)
    bar = ax.figure.colorbar(shown, cax=ax.inset_axes((1.04, 0, 0.05, 1)), ticks=levels)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, colors=QUIET)
    bar.set_label("illumination / mean", fontsize=7, color=QUIET)
    low, high = followed.light_counts
    uneven = f"illumination, uneven by {100 * (1 - low / high):.1f} %"
    _frame(ax, f"{uneven}\n{number(low)} to {number(high)} counts")


def _draw_histogram(ax: Any, label: str, pixels: NDArray) -> None:
    ax.stairs(*np.histogram(pixels, _BINS), fill=True, color=BLUE)
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.3)  # a single pixel is seen
    ax.set_xlabel(label, fontsize=8, color=QUIET)
    ax.set_ylabel("pixels", fontsize=8, color=QUIET)
    ax.tick_params(labelsize=7, colors=QUIET)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)


def _unit(preparation: Preparation) -> str:
    if preparation.rescaling is None:
        return "counts" if preparation.flat_field is None else "counts / illumination"
    return "standard deviations" if preparation.rescaling == "standardize" else "0 to 1"


def _frame(ax: Any, heading: str) -> None:
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color(PALE)
    ax.set_anchor("NW")
    ax.set_title(heading, loc="left", fontsize=8.5, color=QUIET, pad=4)


def _step(pixels: NDArray) -> int:
    return max(max(pixels.shape) // _SHOWN_px, 1)


def _smaller(pixels: NDArray) -> NDArray:
    """Means over squares, so that at most about 1,000 pixels an edge are drawn."""
    step = _step(pixels)
    rows, columns = (n // step for n in pixels.shape)
    whole = pixels[: rows * step, : columns * step]
    return whole.reshape(rows, step, columns, step).mean(axis=(1, 3))
