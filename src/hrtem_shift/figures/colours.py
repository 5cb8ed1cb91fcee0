"""Colours that a colour-blind reader can tell apart, and text that stands out on any of them."""

from __future__ import annotations

from collections.abc import Sequence

# Okabe and Ito, "Color Universal Design" (2008). Their yellow is left out: it fades on white.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
INK, QUIET, PALE = "#1a1a1a", "#5f5f5f", "#bdbdbd"


def text_on(rgba: Sequence[float]) -> str:
    """Dark or white text, whichever has more contrast with the background.

    Parameters
    ----------
    rgba : sequence of float
        Background as red, green, blue (and ignored alpha), each from 0 to 1.

    Returns
    -------
    str
        A colour name.

    References
    ----------
    WCAG 2.2, definitions of relative luminance and of contrast ratio.
    """
    red, green, blue = (_linear(value) for value in rgba[:3])
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    # Contrast with black is (L + 0.05) / 0.05, with white 1.05 / (L + 0.05); equal at L = 0.179.
    return INK if luminance > 0.179 else "white"


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
