"""Particles that touch: a map of their centres, and particles back from such a map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CENTRE = 0.5
"""Value of the map above which a pixel belongs to the middle of a particle."""


def centre_map(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Distance from a particle's outline over the largest in that particle.

    Its scale does not depend on the size of a particle, and where two touch it is small.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        Numbers of particles; 0 on the background. The border of the image cuts no outline.

    Returns
    -------
    ndarray of float32, shape (H, W)
        0 on the background, up to 1 in the middle of each particle.
    """
    from scipy.ndimage import distance_transform_edt, maximum

    if not labels.any():
        return np.zeros(labels.shape, np.float32)
    padded = np.pad(labels, 1, mode="edge")
    outline = np.zeros(padded.shape, bool)
    for axis in (0, 1):
        differs = np.diff(padded, axis=axis) != 0
        before, after = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        outline[before] |= differs
        outline[after] |= differs
    if outline.any():
        distance = distance_transform_edt(~outline)[1:-1, 1:-1]
    else:  # one particle fills the image
        distance = np.ones(labels.shape)
    numbers = np.arange(labels.max() + 1)
    present = np.bincount(labels.ravel()) > 0
    largest = np.ones(numbers.size)
    largest[present] = maximum(distance, labels, numbers[present])
    relative = (distance + 0.5) / (largest[labels] + 0.5)
    return np.where(labels > 0, relative, 0).astype(np.float32)


def separate(
    mask: NDArray[np.bool_], centre: NDArray[np.float32], level: float = CENTRE
) -> NDArray[np.int32]:
    """Particles of a mask, those that touch apart: watershed from their middles.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
        True on particles.
    centre : ndarray of float32, shape (H, W)
        A map as of `centre_map`.
    level : float
        Each connected part of the mask above this is the middle of one particle. A part of the
        mask without a middle is one particle, too.

    Returns
    -------
    ndarray of int32, shape (H, W)
        0 outside of the mask, else 1, 2, ...
    """
    from skimage.measure import label
    from skimage.segmentation import relabel_sequential, watershed

    middles = label(mask & (centre > level), connectivity=2)
    parts = label(mask, connectivity=2)
    without = np.ones(parts.max() + 1, bool)
    without[np.unique(parts[middles > 0])] = False
    without[0] = False
    rest = without[parts]
    middles[rest] = middles.max() + parts[rest]
    middles = relabel_sequential(middles)[0]
    return watershed(-centre, middles, mask=mask, connectivity=2).astype(np.int32)
