"""Particles that touch: the cores that a network learns, and particles back from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CORE = 0.35
"""Distance from the outline, relative to the largest in a particle, from which on a pixel belongs
to the core. Cores of particles that touch are apart; a particle with a neck keeps one core."""

CORE_LEVEL, CORE_BLUR_px = 0.4, 1.0
"""Probability from which a pixel belongs to a core, and blur of the probabilities before."""

FRAGMENT = 0.1
"""Share of a neighbour's area below which a part is no particle of its own."""


def core_mask(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """The core of each particle: what is farther than `CORE` from its outline.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        Numbers of particles; 0 on the background. The border of the image is no outline.
    """
    from scipy.ndimage import distance_transform_edt, maximum

    if not labels.any():
        return np.zeros(labels.shape, bool)
    padded = np.pad(labels, 1, mode="edge")
    outline = np.zeros(padded.shape, bool)
    for axis in (0, 1):
        differs = np.diff(padded, axis=axis) != 0
        before, after = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        outline[before] |= differs
        outline[after] |= differs
    if not outline.any():  # one particle fills the image
        return np.ones(labels.shape, bool)
    distance = distance_transform_edt(~outline)[1:-1, 1:-1]
    present = np.bincount(labels.ravel()) > 0
    largest = np.ones(present.size)
    largest[present] = maximum(distance, labels, np.flatnonzero(present))
    relative = (distance + 0.5) / (largest[labels] + 0.5)
    return (labels > 0) & (relative > CORE)


def touching(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Pixels within two of which there are two particles."""
    from scipy.ndimage import maximum_filter, minimum_filter

    nothing = np.iinfo(labels.dtype).max
    lowest = minimum_filter(np.where(labels > 0, labels, nothing), 5)
    highest = maximum_filter(labels, 5)
    return (highest > 0) & (lowest != highest)


def particles_of(
    mask: NDArray[np.bool_],
    core: NDArray[np.float32] | None = None,
    *,
    smallest_px: float = 0.0,
    smallest_share: float = 0.0,
) -> NDArray[np.int32]:
    """Numbers of the particles of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
        True on particles.
    core : ndarray of float32, shape (H, W), optional
        Probability of a core, by which particles that touch are separated (`separate`).
    smallest_px : float
        Smaller particles [px] become background.
    smallest_share : float
        So do those below this share of the typical area, the mean over pixels of the area of the
        particle that a pixel belongs to.

    Returns
    -------
    ndarray of int32, shape (H, W)
        0 on background, else 1, 2, ... in the order of the first pixels, row by row. Pixels
        are connected by sides or corners: without `core`, touching particles are one.
    """
    from skimage.measure import label

    ids = label(mask, connectivity=2).astype(np.int32) if core is None else separate(mask, core)
    areas = np.bincount(ids.ravel()).astype(np.float64)
    areas[0] = 0
    typical = float((areas**2).sum() / areas.sum()) if areas.sum() else 0.0
    keep = areas >= max(smallest_px, smallest_share * typical)
    keep[0] = False
    return np.where(keep, np.cumsum(keep), 0).astype(np.int32)[ids]


def separate(
    mask: NDArray[np.bool_], core: NDArray[np.float32], level: float = CORE_LEVEL
) -> NDArray[np.int32]:
    """Particles of a mask, those that touch apart: a watershed from their cores.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
        True on particles.
    core : ndarray of float32, shape (H, W)
        Probability that a pixel belongs to a core; blurred by `CORE_BLUR_px`.
    level : float
        Each connected part of the mask above this is the core of one particle. A part of the
        mask without a core is one particle, too.

    Returns
    -------
    ndarray of int32, shape (H, W)
        0 outside of the mask, else 1, 2, ... in the order of the first pixels, row by row.
        Fragments, of less than `FRAGMENT` of the area of a particle that they touch, are parts
        of that particle.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.measure import label
    from skimage.segmentation import watershed

    core = gaussian_filter(core, CORE_BLUR_px)
    cores = label(mask & (core > level), connectivity=2)
    parts = label(mask, connectivity=2)
    without = np.ones(parts.max() + 1, bool)
    without[np.unique(parts[cores > 0])] = False
    without[0] = False
    rest = without[parts]
    cores[rest] = cores.max() + parts[rest]
    particles = _without_fragments(watershed(-core, cores, mask=mask, connectivity=2))
    present, first = np.unique(particles, return_index=True)
    in_order = present[present > 0][np.argsort(first[present > 0])]
    number = np.zeros(particles.max() + 1, np.int32)
    number[in_order] = np.arange(1, len(in_order) + 1)
    return number[particles]


def _without_fragments(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Each fragment joined to the particle that it has the longest border with."""
    areas = np.bincount(labels.ravel())
    sides = [(labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])]
    pairs = [
        np.stack([a, b])[:, (a != b) & (a > 0) & (b > 0)]
        for first, second in sides
        for a, b in ((first, second), (second, first))
    ]
    (here, there), borders = np.unique(np.concatenate(pairs, axis=1), axis=1, return_counts=True)
    small = areas[here] < FRAGMENT * areas[there]
    joined = np.arange(len(areas), dtype=np.int32)
    order = np.argsort(borders[small], kind="stable")  # the longest border comes last
    joined[here[small][order]] = there[small][order]
    while not np.array_equal(joined[joined], joined):
        joined = joined[joined]
    return joined[labels]
