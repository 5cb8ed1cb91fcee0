"""Reduced overlays for a page with many of them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

_QUALITIES = (80, 65, 50, 35)
_SHRINK, _LEAST_PX = 0.8, 32
_MARGIN_PX = 12
"""Wide enough to lie left of the letters above and below an overlay."""


@dataclass(frozen=True)
class Thumbnail:
    """A reduced picture.

    Parameters
    ----------
    jpeg : bytes
        The picture.
    width, height : int
        Its size [px].
    """

    jpeg: bytes
    width: int
    height: int

    @property
    def source(self) -> str:
        """The picture as a ``data:`` address."""
        return f"data:image/jpeg;base64,{base64.b64encode(self.jpeg).decode('ascii')}"


def overlay_thumbnail(path: Path, *, most_px: int, most_bytes: int) -> Thumbnail | None:
    """Reduce an overlay, without the white strips of text above and below the micrograph.

    Parameters
    ----------
    path : Path
        PNG of `hrtem_shift.figures.overlay.overlay_figure`.
    most_px : int
        Longest edge [px].
    most_bytes : int
        The best quality that needs no more is taken; where none does, the picture is made
        smaller.

    Returns
    -------
    Thumbnail or None
        None where there is no picture that can be read.
    """
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    whole = Image.fromarray(_without_text(pixels))
    while True:
        image = whole.copy()
        image.thumbnail((most_px, most_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
        for quality in _QUALITIES:
            jpeg = _jpeg(image, quality)
            if len(jpeg) <= most_bytes or most_px <= _LEAST_PX:
                return Thumbnail(jpeg, image.width, image.height)
        most_px = int(_SHRINK * most_px)


def _without_text(pixels: np.ndarray) -> np.ndarray:
    """Cut rows at top and bottom whose left margin is white, as it is beside text."""
    rows = np.flatnonzero((pixels[:, :_MARGIN_PX] < 255).any(axis=(1, 2)))
    return pixels[rows[0] : rows[-1] + 1] if len(rows) else pixels


def _jpeg(image: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
