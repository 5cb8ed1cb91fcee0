"""Hot and dead pixels: single pixels far above or below all their neighbours.

Unlike the published rule for x-rays (`hrtem_shift.preparation.xrays`), which counts from the
median of the whole image, a pixel is compared with its own neighbourhood and with how neighbours
differ in the rest of the image. So it needs no threshold in counts and works at any dose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TIMES = 6.0
"""Times the 99 % point of all differences from the neighbours: 14 standard deviations of white
noise, and 7 electrons where there are 0.1 a pixel."""

SHARE = 0.3
"""Of its own excess over the ring of the next but one, that its second brightest neighbour may
have: a hot pixel is alone or of a pair, while an atom or a small particle brightens all its
neighbours."""

_SAMPLE = 2**18


@dataclass(frozen=True, eq=False)
class RepairedImage:
    """An image whose hot and dead pixels were replaced.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        The given array itself where nothing was to be repaired, else a copy.
    n_hot, n_dead : int
        Pixels far too bright, and far too dark.
    """

    pixels: NDArray
    n_hot: int
    n_dead: int


def repair_hot_pixels(pixels: NDArray) -> RepairedImage:
    """Replace single pixels that stand far above or below their neighbours by the median of these.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Counts in any unit; left unchanged.

    Returns
    -------
    RepairedImage
        Nothing is repaired where 99 of 100 pixels equal their neighbours: without noise there is
        no telling a hot pixel from a single electron.
    """
    from scipy.ndimage import uniform_filter

    if min(pixels.shape) < 3:
        return RepairedImage(pixels, 0, 0)
    values = np.asarray(pixels, np.float32)
    excess = values - uniform_filter(values, 3, mode="mirror")
    sample = excess.ravel()[:: excess.size // _SAMPLE + 1]
    # The mean holds the pixel itself: 8/9 of the difference from its neighbours is left.
    limit = TIMES * float(np.quantile(np.abs(sample), 0.99)) * 9 / 8
    if not limit > 0:
        return RepairedImage(pixels, 0, 0)
    # A hot neighbour in the mean takes away another ninth of the excess.
    rows, columns = np.nonzero(np.abs(excess) > 0.75 * limit)
    around = _ring(values, rows, columns, 1)
    median = np.median(around, axis=1)
    above = values[rows, columns] - median
    base = np.median(_ring(values, rows, columns, min(2, min(values.shape) // 2)), axis=1)
    sign = np.sign(above)
    others = np.sort((around - base[:, None]) * sign[:, None], axis=1)[:, -2]
    alone = others < SHARE * np.abs(values[rows, columns] - base)
    bad = (np.abs(above) > limit) & alone
    if not bad.any():
        return RepairedImage(pixels, 0, 0)
    repaired = pixels.copy()
    repaired[rows[bad], columns[bad]] = median[bad].astype(pixels.dtype)
    return RepairedImage(repaired, int((above[bad] > 0).sum()), int((above[bad] < 0).sum()))


def _ring(
    values: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp], distance: int
) -> NDArray[np.float32]:
    """The pixels (N, 8 distance) on a square around each of some pixels, mirrored at the border."""
    height, width = values.shape
    reach = range(-distance, distance + 1)
    steps = [(y, x) for y in reach for x in reach if max(abs(y), abs(x)) == distance]
    mirrored = [
        values[
            height - 1 - np.abs(height - 1 - np.abs(rows + y)),
            width - 1 - np.abs(width - 1 - np.abs(columns + x)),
        ]
        for y, x in steps
    ]
    return np.stack(mirrored, axis=1)
