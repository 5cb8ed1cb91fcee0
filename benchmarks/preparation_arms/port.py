"""The published routines, written anew from their description, with the steps of their code.

ScottLabUCB/HRTEM-Generalization, dataset_creation; arXiv 2306.11853. Whole images and the nine
functions at full size; medians are computed as often as there.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb
from skimage.transform import rescale

ORDER, SCALE, FITS = 2, 0.25, 2


@cache
def once(edge_px: int) -> NDArray[np.float64]:
    """The nine functions (edge, edge, 9), made once for a set of images."""
    u = np.linspace(0, 1, edge_px)
    one = np.stack([comb(ORDER, k) * u**k * (1 - u) ** (ORDER - k) for k in range(ORDER + 1)])
    nine = [np.outer(down, across) for down in one for across in one]
    return np.stack(nine, axis=-1)


def without_xrays(pixels: NDArray[np.float32], threshold: float) -> NDArray[np.float32]:
    """Both passes over a copy; the published routine edits its input."""
    image = pixels.copy()
    image[image < 0] = 0
    for _ in range(2):
        places = np.argwhere(image > np.median(image) + threshold)
        values = image[image > np.median(image) + threshold]
        for row, column in places[np.argsort(values)][::-1]:
            image[row, column] = _repaired(image, row, column)
    return image


def _repaired(image: NDArray[np.float32], row: int, column: int) -> np.float32:
    height, width = image.shape
    if row in (0, height - 1) or column in (0, width - 1):
        return image.mean()
    span = slice(column - 1, column + 2)
    total = np.sum(image[row - 1, span]) + image[row, column - 1] + image[row, column + 1]
    return (total + np.sum(image[row + 1, span])) / 8


def flat(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Image over its background."""
    basis = once(len(pixels))
    small = rescale(pixels, SCALE).reshape(-1, 1)
    functions = rescale(basis, SCALE, channel_axis=-1).reshape(-1, basis.shape[-1])
    weights = np.ones((len(small), 1))
    for _ in range(FITS):
        solution = np.linalg.lstsq(weights * functions, weights * small, rcond=None)[0]
        error = (small - functions @ solution) ** 2
        weights = np.exp(-3 * error / (2 * error.mean()))
    background = (basis.reshape(-1, basis.shape[-1]) @ solution).reshape(pixels.shape)
    return pixels / background


def rescaled(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0 and standard deviation 1."""
    return (pixels - pixels.mean()) / pixels.std()
