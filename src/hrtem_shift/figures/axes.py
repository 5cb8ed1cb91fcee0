"""Style of axes: open frames, a pale grid, flat colour bars."""

from __future__ import annotations

from typing import Any, Literal


def open_frame(ax: Any, grid: Literal["x", "y"] = "y") -> None:
    """Remove the top and right frame lines; draw a pale grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, color="#e6e6e6", linewidth=0.8)
    ax.set_axisbelow(True)


def colour_bar(ax: Any, image: Any) -> None:
    """Put a colour bar below a matrix, without a frame."""
    bar = ax.figure.colorbar(image, ax=ax, location="bottom", shrink=0.7, aspect=35, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7.5, length=2)
