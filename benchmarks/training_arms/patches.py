"""Patches to train on: lattices in noise, some of them particles, at two doses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRAIN_px = 6


def patches(count: int, size: int, seed: int, noise: float) -> tuple[NDArray, NDArray]:
    """Standardized images (N, p, p) float16 and masks (N, p, p) uint8.

    Discs with a lattice of random direction before a background of grains; the noise is
    what a dose changes.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    images = np.empty((count, size, size), np.float16)
    masks = np.empty((count, size, size), np.uint8)
    for k in range(count):
        centre, radius = rng.uniform(0, size, 2), rng.uniform(0.2, 0.45) * size
        mask = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        angle, period = rng.uniform(0, np.pi), rng.uniform(4, 7)
        fringes = np.cos(2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / period)
        image = grains(size, rng) + mask * (0.5 * fringes - 0.6)
        image += noise * rng.standard_normal((size, size))
        images[k] = (image - image.mean()) / image.std()
        masks[k] = mask
    return images, masks


def grains(size: int, rng: np.random.Generator) -> NDArray:
    """Band-passed white noise of standard deviation 0.7, as amorphous carbon looks."""
    q = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    passed = np.exp(-(((q * GRAIN_px) - 1) ** 2) / 0.3)
    image = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * passed, (size, size))
    return 0.7 * image / image.std()
