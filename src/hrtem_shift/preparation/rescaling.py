"""Rescaling of intensities, so that images of any exposure look alike to networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError

_PART_px = 2**16
"""Pixels that are in double precision at a time: few enough to stay in the cache."""


def standardize(pixels: NDArray, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Shift and scale a whole image to mean 0 and standard deviation 1.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Intensities of any unit and number type; left unchanged.
    out : ndarray of float32, shape (H, W), optional
        Where the result goes, `pixels` themselves if they may be lost.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Intensities in standard deviations of this image.

    Raises
    ------
    InputError
        A pixel is NaN or infinite, or all pixels are equal.

    Notes
    -----
    Computed in double precision: counts of a bright image keep their small differences.
    """
    lowest, highest = _range("standardize", pixels)
    middle, total, squares = np.float64(lowest / 2 + highest / 2), 0.0, 0.0
    for part in _parts(pixels):
        offset = part - middle  # no deviation is less than 1 / sqrt(2 N) of the largest offset
        total += float(offset.sum())
        squares += float(offset @ offset)
    mean = total / pixels.size
    deviation = (squares / pixels.size - mean**2) ** 0.5
    return _shifted_and_scaled(pixels, float(middle) + mean, deviation, out)


def normalize(pixels: NDArray, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Shift and scale a whole image so that its darkest pixel is 0 and its brightest 1.

    Parameters, result and errors as in `standardize`.
    """
    lowest, highest = _range("normalize", pixels)
    return _shifted_and_scaled(pixels, lowest, highest - lowest, out)


def histogram(pixels: NDArray, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Shift and scale a whole image so that 0 is its 1st percentile and 1 its 99th.

    Values beyond become 0 or 1. Parameters, result and errors as in `standardize`; it is
    an error, too, when both percentiles are equal.
    """
    _range("histogram", pixels)
    low, high = np.percentile(pixels, [1, 99]).astype(np.float64)
    if low == high:
        raise _without_contrast("histogram", "98 of 100 pixels are equal")
    rescaled = _shifted_and_scaled(pixels, low, high - low, out)
    return np.clip(rescaled, 0, 1, out=rescaled)


RESCALINGS: dict[str, Callable[..., NDArray[np.float32]]] = {
    "standardize": standardize,
    "normalize": normalize,
    "histogram": histogram,
}
"""Rescalings by the name that a parameter gives them."""


def _range(rescaling: str, pixels: NDArray) -> tuple[float, float]:
    lowest, highest = (float(pixels.min()), float(pixels.max())) if pixels.size else (0.0, 0.0)
    if not np.isfinite([lowest, highest]).all():
        raise _without_contrast(rescaling, "pixels are not all finite")
    if lowest == highest:
        raise _without_contrast(rescaling, "pixels are all equal")
    return lowest, highest


def _without_contrast(rescaling: str, fault: str) -> InputError:
    return InputError(
        f"an image in which {fault}",
        where=rescaling,
        why="Without finite pixels that differ, it has no scale",
        fix="Leave the image out, or replace its bad pixels first",
    )


def _shifted_and_scaled(
    pixels: NDArray, zero: float, unit: float, out: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    rescaled = np.empty(pixels.shape, dtype=np.float32) if out is None else out
    for part, result in zip(_parts(pixels), _parts(rescaled), strict=True):
        np.multiply(part - np.float64(zero), 1 / unit, out=result, casting="same_kind")
    return rescaled


def _parts(pixels: NDArray) -> list[NDArray]:
    flat = pixels.reshape(-1)
    return [flat[start : start + _PART_px] for start in range(0, flat.size, _PART_px)]
