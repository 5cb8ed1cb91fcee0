"""Scale bars, panel letters and data bars, as in figures of articles."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
)
"""Of those that come with Matplotlib."""

LENGTHS = ("0.2", "0.5", "1", "2", "5", "10", "20", "25", "50", "100", "200", "500")
NAMES = ("Au", "Pt", "SiO2", "TiO2", "Fe3O4", "ZnO", "TEM")
_LETTERS, _BOX = 255, 128


def add_lettering(
    pixels: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Print a scale bar, a panel's letter or name, or a microscope's data bar on an image.

    Each is drawn independently; in a tenth of the draws there is none.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Any unit. It is not changed.
    rng : Generator
        Draws what is printed, in which font, where, and how large.

    Returns
    -------
    pixels : ndarray of float32, shape (H, W)
        Letters are as bright as the image's brightest pixel or as dark as its darkest, a box
        around them the opposite, and edges of letters between.
    printed : ndarray of bool, shape (H, W)
        Letters, bars and boxes.
    """
    from PIL import Image, ImageDraw

    height, width = pixels.shape
    canvas = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    name = FONTS[int(rng.integers(len(FONTS)))]
    boxed = rng.random() < 0.35
    if rng.random() < 0.75:
        _scale_bar(draw, (height, width), name, boxed, rng)
    if rng.random() < 0.6:
        _panel_letter(draw, (height, width), name, boxed, rng)
    if rng.random() < 0.06:
        edge = int(height * rng.uniform(0.05, 0.1))
        draw.rectangle((0, height - edge, width, height), fill=_BOX)
        font = _font(name, max(edge - 2, 8))
        draw.text((3, height - edge), "200 kV x50.0k", fill=_LETTERS, font=font)
    ink = np.asarray(canvas)
    black_letters = rng.random() < 0.5
    letters = float(pixels.min() if black_letters else pixels.max())
    shade = inked(pixels, ink, black_letters=black_letters)
    edge_of_letter = ((ink > 40) & (ink <= 100)) | ((ink > _BOX) & (ink <= 200))
    shade = np.where(edge_of_letter, (letters + pixels) / 2, shade)
    return shade.astype(np.float32), ink > 40


def inked(
    pixels: NDArray[np.float32], ink: NDArray[np.uint8], *, black_letters: bool
) -> NDArray[np.float32]:
    """Letters (ink 255) as dark or as bright as the image goes, their box (128) the opposite."""
    letters, box = sorted((float(pixels.min()), float(pixels.max())), reverse=not black_letters)
    return np.where(ink > 200, letters, np.where(ink > 100, box, pixels)).astype(np.float32)


def _scale_bar(
    draw: ImageDraw.ImageDraw,
    shape: tuple[int, int],
    font_name: str,
    boxed: bool,
    rng: np.random.Generator,
) -> None:
    """At a lower corner or anywhere along the lower edge; its length above or below it."""
    height, width = shape
    size = max(int(min(shape) * rng.uniform(0.05, 0.13)), 9)
    length = int(width * rng.uniform(0.1, 0.4))
    thickness = max(int(size * rng.uniform(0.06, 0.35)), 1)
    left = int(rng.choice([0.04 * width, 0.96 * width - length, rng.uniform(0, width - length)]))
    top = int(height * rng.uniform(0.72, 0.9))
    text = f"{rng.choice(LENGTHS)} {'nm' if rng.random() < 0.8 else 'µm'}"
    bar_top = top + int(1.35 * size) if rng.random() < 0.5 else top - thickness - 3
    if boxed:
        right = left + max(length, int(3.4 * size)) + 5
        draw.rectangle((left - 5, min(top, bar_top) - 4, right, top + 2 * size), fill=_BOX)
    if rng.random() < 0.9:
        draw.text((left, top), text, fill=_LETTERS, font=_font(font_name, size))
    draw.rectangle((left, bar_top, left + length, bar_top + thickness), fill=_LETTERS)


def _panel_letter(
    draw: ImageDraw.ImageDraw,
    shape: tuple[int, int],
    font_name: str,
    boxed: bool,
    rng: np.random.Generator,
) -> None:
    """At an upper corner: a, (a), a), a' or the name of a material."""
    size = max(int(min(shape) * rng.uniform(0.07, 0.2)), 10)
    letter = str(rng.choice(list("abcdefghABCDEF12")))
    kind = rng.random()
    text = f"({letter})" if kind < 0.35 else f"{letter})" if kind < 0.45 else letter
    if kind > 0.88:
        text = str(rng.choice(NAMES))
    text += "'" if 0.45 <= kind < 0.5 else ""
    length = int(0.65 * size * len(text)) + 6
    left, top = (4 if rng.random() < 0.8 else shape[1] - length), int(rng.choice([1, 4]))
    if boxed:
        draw.rectangle((left - 4, 0, left + length, int(1.35 * size)), fill=_BOX)
    draw.text((left, top), text, fill=_LETTERS, font=_font(font_name, size))


@lru_cache(maxsize=256)
def _font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    import matplotlib
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"{name}.ttf"), size_px)
