"""Examples: image, label, prediction and errors of single patches or micrographs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, Rectangle

from hrtem_shift.errors import InputError
from hrtem_shift.figures.colours import BLUE, INK, PALE, QUIET, VERMILLION

# Hits are quiet, errors are a pair that no common colour blindness confuses.
_ERRORS = {
    "hit": PALE,
    "false positive (particle invented)": VERMILLION,
    "false negative (particle missed)": BLUE,
}


@dataclass(frozen=True, eq=False)
class Example:
    """One image with its label and the prediction of a network.

    Parameters
    ----------
    title : str
        How the example was chosen, and the training and test set.
    image : (H, W) float array
        Pixel values, any unit.
    label, prediction : (H, W) bool array
        True on particles.
    pixel_size_nm : float
        Width of a pixel [nm].
    hard_dice : float
        Hard Dice of the prediction against the label.
    """

    title: str
    image: np.ndarray
    label: np.ndarray
    prediction: np.ndarray
    pixel_size_nm: float
    hard_dice: float

    def __post_init__(self) -> None:
        shapes = {self.image.shape, self.label.shape, self.prediction.shape}
        if len(shapes) != 1 or self.image.ndim != 2:
            raise InputError(
                f"image {self.image.shape}, label {self.label.shape} and "
                f"prediction {self.prediction.shape} are not one (H, W)",
                where=f"example '{self.title}'",
                why="Errors are counted pixel by pixel",
                fix="Take all three from the same patch",
            )


def examples_figure(examples: Sequence[Example]) -> Figure:
    """Draw a row an example: image with scale bar, label, prediction, errors.

    Parameters
    ----------
    examples : sequence of Example
        In the order of the rows.

    Returns
    -------
    Figure
        Grey where both agree on a particle, vermillion for false positives,
        blue for false negatives.

    Raises
    ------
    InputError
        There is no example.
    """
    if not examples:
        raise InputError(
            "is empty",
            where="examples",
            why="There is nothing to draw",
            fix="Choose at least one patch, say the worst, the median and the best",
        )
    figure = Figure(
        figsize=(9.6, 0.4 + 2.85 * len(examples)), layout=ConstrainedLayoutEngine(h_pad=0.07)
    )
    rows = figure.subfigures(len(examples), 1, squeeze=False)[:, 0]
    for row, example in zip(rows, examples, strict=True):
        _draw_row(row, example)
    handles = [Patch(facecolor=c, edgecolor="none", label=name) for name, c in _ERRORS.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def error_colours(label: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Colour each pixel by agreement.

    Parameters
    ----------
    label, prediction : (H, W) bool array
        True on particles.

    Returns
    -------
    (H, W, 3) float array
        White where both see background.
    """
    hit, false_positive, false_negative = (to_rgb(colour) for colour in _ERRORS.values())
    colours = np.ones((*label.shape, 3))
    colours[label & prediction] = hit
    colours[~label & prediction] = false_positive
    colours[label & ~prediction] = false_negative
    return colours


def _draw_row(row: Any, example: Example) -> None:
    title = f"{example.title}: hard Dice {example.hard_dice:.2f}"
    row.suptitle(title, x=0.01, ha="left", fontsize=10, color=INK)
    label, prediction = example.label.astype(bool), example.prediction.astype(bool)
    low, high = np.nanpercentile(example.image, [0.5, 99.5])
    axes = row.subplots(1, 4)
    axes[0].imshow(example.image, cmap="gray", vmin=low, vmax=high)
    # False is white, so that a mask reads like ink on paper and like the errors beside it.
    axes[1].imshow(label, cmap="gray_r", vmin=0, vmax=1.3, interpolation="nearest")
    axes[2].imshow(prediction, cmap="gray_r", vmin=0, vmax=1.3, interpolation="nearest")
    axes[3].imshow(error_colours(label, prediction), interpolation="nearest")
    for ax, heading in zip(axes, ("image", "label", "prediction", "errors"), strict=True):
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(PALE)
        ax.set_title(heading, fontsize=9, color=QUIET, pad=4)
    _draw_scale_bar(axes[0], example)


def _draw_scale_bar(ax: Any, example: Example) -> None:
    height, width = example.image.shape
    length_nm = round_length_nm(0.3 * width * example.pixel_size_nm)
    length = length_nm / example.pixel_size_nm
    pad, thick, box = 0.05 * width, 0.022 * width, 0.14 * width
    corner = (pad * 0.4, height - pad * 0.4 - box)
    ax.add_patch(Rectangle(corner, length + pad * 1.2, box, color="black", alpha=0.55, linewidth=0))
    ax.add_patch(Rectangle((pad, height - pad - thick * 0.6), length, thick, color="white"))
    ax.text(
        pad + length / 2,
        height - pad - thick,
        f"{length_nm:g} nm",
        color="white",
        fontsize=8,
        ha="center",
        va="bottom",
    )


def round_length_nm(longest_nm: float) -> float:
    """Longest of 1, 2, 5, 10, 20 ... nm (and 0.5, 0.2 ...) that is not above `longest_nm`."""
    power = 10.0 ** math.floor(math.log10(longest_nm))
    step = max(step for step in (1.0, 2.0, 5.0) if step * power <= longest_nm * (1 + 1e-9))
    return float(f"{step * power:.6g}")
