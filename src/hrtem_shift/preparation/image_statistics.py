"""Statistics of patches by which simulated images are compared with real ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def contrast(images: NDArray, masks: NDArray) -> NDArray[np.float64]:
    """How much darker than its background each patch's particles are.

    Parameters
    ----------
    images : ndarray, shape (N, p, p)
        Standardized patches.
    masks : ndarray, shape (N, p, p)
        0 or False on background.

    Returns
    -------
    ndarray of float64, shape (N,)
        Median of the background minus median of the particles, in standard deviations; NaN
        where a patch lacks either.
    """
    pairs = zip(images, masks, strict=True)
    return np.array([set_contrast(image, mask) for image, mask in pairs], dtype=np.float64)


def set_contrast(images: NDArray, masks: NDArray) -> float:
    """Contrast of all patches together: the number that the published study prints.

    Parameters
    ----------
    images : ndarray
        Standardized patches, any shape.
    masks : ndarray, same shape
        0 or False on background.

    Returns
    -------
    float
        Median over the background pixels of all patches minus median over their particle
        pixels, in standard deviations; NaN where there are none of either. Not the mean of
        `contrast`: a patch weighs by its pixels. Real images of 5 nm gold: 0.2386 at 80
        e/Å², 0.5758 at 884 (arXiv 2306.11853, its notebook on noise).
    """
    on_particle = np.asarray(masks, dtype=bool)
    background, particle = images[~on_particle], images[on_particle]
    if background.size == 0 or particle.size == 0:
        return float("nan")
    return float(np.median(background)) - float(np.median(particle))


def roughness(images: NDArray) -> NDArray[np.float64]:
    """Power-weighted mean squared frequency of each patch.

    Parameters
    ----------
    images : ndarray, shape (N, H, W)
        Standardized patches.

    Returns
    -------
    ndarray of float64, shape (N,)
        sum abs(F)² k² / sum abs(F)² over all frequencies k of the patch's Fourier transform
        F, cycles²/px², as in the published study (arXiv 2306.11853, its notebook on noise). No
        mean is subtracted: that of a patch counts in the lower sum, where its whole
        micrograph's has become 0. NaN for a patch of zeros. White noise has 1/6, real images of
        5 nm gold about 0.050 at 80 e/Å² and 0.027 at 884 (medians, read off a figure).
    """
    from scipy import fft

    height, width = images.shape[1:]
    across = fft.rfftfreq(width)
    times = np.where((across == 0) | (2 * np.arange(across.size) == width), 1, 2)
    squared_k = fft.fftfreq(height)[:, None] ** 2 + across**2
    values = np.full(len(images), np.nan)
    for index, image in enumerate(images):
        power = np.abs(fft.rfft2(image.astype(np.float64))) ** 2 * times  # half of a symmetric F
        if power.any():
            values[index] = (power * squared_k).sum() / power.sum()
    return values


def statistics_of(images: NDArray, masks: NDArray) -> dict[str, float]:
    """What a set of patches is compared by: pooled contrast, median roughness."""
    return {
        "contrast": set_contrast(images, masks),
        "roughness": float(np.nanmedian(roughness(images))),
    }
