"""Resample micrographs to the pixel size of networks, and maps back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.micrographs.micrograph import Micrograph

AS_CALIBRATED = 1.02
"""Factor between pixel sizes below which nothing is resampled: calibrations are no better."""

_CUBIC, _LINEAR = 3, 1


def resampling_factor(pixel_size_nm: float, wanted_nm: float | None) -> float:
    """How many times as fine the wanted grid is; 1 where none is wanted or it is the same."""
    if wanted_nm is None or 1 / AS_CALIBRATED <= pixel_size_nm / wanted_nm <= AS_CALIBRATED:
        return 1.0
    return pixel_size_nm / wanted_nm


def resampled_micrograph(micrograph: Micrograph, factor: float) -> Micrograph:
    """Micrograph with its label on a grid `factor` times as fine; as it is where that is 1."""
    if factor == 1:
        return micrograph
    pixels = resampled(micrograph.pixels, factor)
    share = mapped_back(micrograph.mask.astype(np.float32), (pixels.shape[0], pixels.shape[1]))
    return replace(
        micrograph,
        pixels=pixels,
        mask=share > 0.5,
        pixel_size_nm=micrograph.pixel_size_nm / factor,
    )


def resampled(pixels: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Micrograph on a grid `factor` times as fine.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Intensities.
    factor : float
        Old pixel size over the new one. Below 1 the image is blurred first, by a Gaussian of
        (1 / factor - 1) / 2 px, so that no frequency is folded back; above 1 it is interpolated
        by cubic splines, which bring no new detail.

    Returns
    -------
    ndarray of float32, shape (round(H factor), round(W factor))
        At least one pixel along each edge; mean intensity is kept, dose per area too.
    """
    from skimage.transform import resize

    shape = [max(round(side * factor), 1) for side in pixels.shape]
    order = _CUBIC if factor > 1 else _LINEAR
    resized = resize(pixels, shape, order, anti_aliasing=factor < 1, preserve_range=True)
    return np.ascontiguousarray(resized, np.float32)


def mapped_back(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Map of probabilities on the grid of another image of the same field, interpolated linearly.

    Parameters
    ----------
    values : ndarray of float32, shape (h, w)
        Such as 0 to 1.
    shape : tuple
        (H, W) of the result.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Nowhere below the lowest or above the highest of `values`.
    """
    from skimage.transform import resize

    if values.shape == shape:
        return values
    smaller = values.shape[0] > shape[0]
    resized = resize(values, shape, _LINEAR, anti_aliasing=smaller, preserve_range=True)
    return np.ascontiguousarray(resized, np.float32)
