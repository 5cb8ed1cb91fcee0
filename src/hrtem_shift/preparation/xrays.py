"""X-rays: single pixels that are far too bright, replaced by the mean of their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PASSES = 2
_SAMPLE = 2**16


def remove_xrays(pixels: NDArray, threshold: float = 1500.0) -> tuple[NDArray[np.float32], int]:
    """Replace x-ray pixels by the rule of the published study.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Counts; left unchanged.
    threshold : float
        Pixels that exceed the median of the image by more than this are replaced, in
        counts. The published study takes 1500 (and 400 for its 20 nm particles).

    Returns
    -------
    cleaned : ndarray of float32, shape (H, W)
        Counts, none of them negative.
    count : int
        Number of pixels replaced.

    Notes
    -----
    arXiv 2306.11853: negative counts become 0. X-ray pixels are replaced from the brightest
    to the dimmest (of equal ones the last in the image first) by the mean of their eight
    neighbours, so that a repaired pixel serves the next one; a pixel at the border gets the
    mean of the image as it is by then. All is done twice, since what is left of a cluster
    may still stand out. The text of the study says mean where its code takes the median.
    Arithmetic and order of its sums are those of its code on an image in single precision,
    so that results agree to the last bit.

    A cluster may outlast both passes, and the order among equals follows the image, so that
    repeating the rule, or mirroring the image, can matter. For single pixels in a background
    that spans less than the threshold neither does.
    """
    cleaned = np.maximum(pixels, 0).astype(np.float32, copy=False)  # the maximum is a copy
    flat, (height, width) = cleaned.reshape(-1), cleaned.shape
    replaced: set[int] = set()
    for _ in range(PASSES):
        bright = _xray_pixels(flat, threshold)
        if bright.size == 0:
            break
        for index in bright[np.argsort(flat[bright], kind="stable")[::-1]].tolist():
            row, column = divmod(index, width)
            inside = 0 < row < height - 1 and 0 < column < width - 1
            flat[index] = _around(flat, index, width) / 8 if inside else cleaned.mean()
        replaced.update(bright.tolist())
    return cleaned, len(replaced)


def _xray_pixels(flat: NDArray[np.float32], threshold: float) -> NDArray[np.int64]:
    """Flat indices of the pixels that exceed the median by more than the threshold, ascending.

    A sample brackets the median. Usually no pixel depends on where in between it lies; if
    one does, the exact median is computed.
    """
    sample = np.sort(flat[:: flat.size // _SAMPLE + 1])
    middle, reach = len(sample) // 2, len(sample) // 100  # 1 %, or five standard deviations
    low, high = sample[middle - reach], sample[middle + reach]
    below, above = np.count_nonzero(flat < low), np.count_nonzero(flat > high)
    if max(below, above) > (flat.size - 1) // 2:
        return np.flatnonzero(flat > np.median(flat) + threshold)
    indices = np.flatnonzero(flat > low + threshold)
    if (flat[indices] > high + threshold).all():
        return indices
    near = flat[(flat >= low) & (flat <= high)]
    ranks = [(flat.size - 1) // 2 - below, flat.size // 2 - below]
    median = np.partition(near, ranks)[ranks].mean()
    return indices[flat[indices] > median + threshold]


def _around(flat: NDArray[np.float32], index: int, width: int) -> np.float32:
    above, below = index - width, index + width
    beside = flat[above - 1 : above + 2].sum() + flat[index - 1] + flat[index + 1]
    return beside + flat[below - 1 : below + 2].sum()
