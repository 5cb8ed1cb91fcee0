"""Rescaling of intensities, so that networks see images of any exposure alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError


def standardize(pixels: NDArray) -> NDArray[np.float32]:
    """Shift and scale a whole image to mean 0 and standard deviation 1.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Intensities of any unit and number type; left unchanged.

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
    values = np.asarray(pixels, dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all() or values.min() == values.max():
        raise InputError(
            "an image whose pixels are all equal, or not all finite",
            where="standardize",
            why="Its standard deviation is 0 or not a number",
            fix="Leave the image out, or replace its bad pixels first",
        )
    values = values - values.mean()
    values /= np.abs(values).max()  # so that squares neither overflow nor vanish
    return (values / values.std()).astype(np.float32)


RESCALINGS: dict[str, Callable[[NDArray], NDArray[np.float32]]] = {"standardize": standardize}
"""Rescalings by the name that a parameter gives them."""
