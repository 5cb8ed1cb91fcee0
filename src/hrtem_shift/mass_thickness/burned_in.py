"""Scale bars, letters and boxes, as programs burn them into pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def burn_in(
    pixels: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Burn a bar with its length, or a panel's letter, into an image.

    Both are drawn independently; in about one draw of seven there is neither.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Any unit. It is not changed.
    rng : Generator
        Draws what is burned in, where, and how large.

    Returns
    -------
    pixels : ndarray of float32, shape (H, W)
        Letters are as bright as the image's brightest pixel or as dark as its darkest, a box
        around them the opposite. Pixels that are not inked stay as they were.
    inked : ndarray of bool, shape (H, W)
        Letters, bars and their box.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = pixels.shape
    canvas = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    size = max(int(min(height, width) * rng.uniform(0.05, 0.11)), 9)
    font = ImageFont.load_default(size)
    boxed = rng.random() < 0.4
    if rng.random() < 0.7:
        length = int(width * rng.uniform(0.12, 0.35))
        x = int(rng.choice([0.04 * width, 0.95 * width - length]))
        y = int(height * rng.uniform(0.78, 0.88))
        if boxed:
            draw.rectangle((x - 5, y - 5, x + length + 5, y + 2 * size), fill=128)
        draw.text((x, y), f"{rng.choice([5, 10, 20, 50, 100, 200])} nm", fill=255, font=font)
        draw.rectangle((x, y + int(1.4 * size), x + length, y + int(1.6 * size)), fill=255)
    if rng.random() < 0.5:
        if boxed:
            draw.rectangle((0, 0, 2 * size, int(1.6 * size)), fill=128)
        draw.text((4, 2), str(rng.choice(list("abcdefABCD"))), fill=255, font=font)
    ink = np.asarray(canvas)
    return inked(pixels, ink, black_letters=rng.random() < 0.5), ink > 100


def inked(
    pixels: NDArray[np.float32], ink: NDArray[np.uint8], *, black_letters: bool
) -> NDArray[np.float32]:
    """Letters (ink 255) as dark or as bright as the image goes, their box (128) the opposite."""
    letters, box = sorted((float(pixels.min()), float(pixels.max())), reverse=not black_letters)
    return np.where(ink > 200, letters, np.where(ink > 100, box, pixels)).astype(np.float32)
