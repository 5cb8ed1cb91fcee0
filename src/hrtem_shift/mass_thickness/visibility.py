"""Which drawn particles can be seen: what no eye finds is no truth to learn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST_AREA_px = 9
"""Pixels that a particle must show."""

NOISE_OF_ALL = 5.0
"""Contrast of a particle over the noise of its mean."""

NOISE_OF_A_PIXEL = 0.12
"""Contrast of a particle over the noise of a pixel, however large the particle is."""

STRUCTURE = 0.7
"""Contrast of a particle over the support's own structure near it, of about its size."""


def visible_labels(
    labels: NDArray[np.int32],
    ideal: NDArray[np.float32],
    bare: NDArray[np.float32],
    noise_std: float,
) -> NDArray[np.int32]:
    """Labels of those particles that stand out from the noise and from their support.

    A criterion as that of A. Rose, J. Opt. Soc. Am. 38 (1948) 196: five standard deviations.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Numbers of particles; 0 on the background.
    ideal, bare : ndarray of float32, shape (H, W)
        Intensity with particles and without, before the camera.
    noise_std : float
        Of a pixel, in the same unit.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    if not labels.any():
        return labels
    area = np.bincount(labels.ravel())
    change = np.bincount(labels.ravel(), np.abs(ideal - bare).ravel())
    contrast = change / np.maximum(area, 1)
    radius_px = max(0.7 * float(np.sqrt(np.median(area[1:][area[1:] > 0]) / np.pi)), 1.0)
    # On a coarser grid where particles are large, which takes a fraction of the time.
    step = max(int(radius_px / 6), 1)
    coarse = bare[::step, ::step] if step == 1 else uniform_filter(bare, step)[::step, ::step]
    within, around = (gaussian_filter(coarse, k * radius_px / step) for k in (0.5, 1.5))
    nearby = np.sqrt(gaussian_filter((within - around) ** 2, 3 * radius_px / step))
    structure = np.kron(nearby, np.ones((step, step), np.float32))[: bare.shape[0], : bare.shape[1]]
    structure = np.bincount(labels.ravel(), structure.ravel()) / np.maximum(area, 1)
    seen = area >= SMALLEST_AREA_px
    seen &= contrast > NOISE_OF_ALL * noise_std / np.sqrt(np.maximum(area, 1))
    seen &= contrast > NOISE_OF_A_PIXEL * noise_std
    seen &= contrast > STRUCTURE * structure
    seen[0] = False
    return np.where(seen[labels], labels, 0).astype(np.int32)
