"""Where particles lie: at random, in arrays, in clusters, in chains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.mass_thickness.textures import smooth_noise

Centres = NDArray[np.float64]


def arranged(
    shape: tuple[int, int], radius_px: float, number: int, rng: np.random.Generator
) -> Centres:
    """Centres (N, 2) of particles, as row and column [px]; some lie beyond the border.

    In half of the draws at random, twice as many as `number` so that some may be refused; else a
    hexagonal array, whole or in patches (more than `number`), clusters, or a chain.

    Parameters
    ----------
    shape : tuple of int
        (H, W) [px].
    radius_px : float
        Median radius of the particles [px].
    number : int
        How many are wanted.
    rng : Generator
    """
    kind = rng.random()
    if kind < 0.5 or number < 3:
        margin = 0.5 * radius_px
        return rng.uniform(-margin, np.array(shape) + margin, (2 * number, 2))
    if kind < 0.72:
        return _array(shape, radius_px, rng)
    return (
        _clusters(shape, radius_px, number, rng)
        if kind < 0.88
        else _chain(shape, radius_px, number, rng)
    )


def on_carrier(carrier: NDArray[np.bool_], number: int, rng: np.random.Generator) -> Centres:
    """Centres (2 `number`, 2) at random on the pixels of a carrier; none where there are none."""
    pixels = np.argwhere(carrier)
    if not len(pixels):
        return np.zeros((0, 2))
    return pixels[rng.integers(0, len(pixels), 2 * number)].astype(float)


def _array(shape: tuple[int, int], radius: float, rng: np.random.Generator) -> Centres:
    period = radius * rng.uniform(1.9, 2.5)
    rows = np.arange(-radius, shape[0] + radius, period * 0.866)
    centres = np.array(
        [
            (y, x + (k % 2) * period / 2)
            for k, y in enumerate(rows)
            for x in np.arange(-radius, shape[1] + radius, period)
        ]
    )
    centres += rng.normal(0, rng.choice([0.02, 0.1, 0.2]) * radius, centres.shape)
    if rng.random() < 0.5:
        patches = smooth_noise(shape, 0.2 * min(shape), rng) > rng.uniform(-0.8, 0.8)
        nearest = np.clip(centres.astype(int), 0, np.array(shape) - 1)
        centres = centres[patches[nearest[:, 0], nearest[:, 1]]]
    return centres if rng.random() < 0.5 else rng.permutation(centres)


def _clusters(
    shape: tuple[int, int], radius: float, number: int, rng: np.random.Generator
) -> Centres:
    """Each touches one of the eight before it, or begins a new cluster."""
    centres = [rng.uniform(0, shape)]
    for _ in range(number - 1):
        if rng.random() < 0.08:
            centres.append(rng.uniform(0, shape))
            continue
        neighbour = centres[int(rng.integers(max(0, len(centres) - 8), len(centres)))]
        angle = rng.uniform(0, 2 * np.pi)
        step = rng.uniform(1.85, 2.1) * radius
        centres.append(neighbour + step * np.array([np.sin(angle), np.cos(angle)]))
    return np.array(centres)


def _chain(shape: tuple[int, int], radius: float, number: int, rng: np.random.Generator) -> Centres:
    steps = rng.normal(0, 1, (number, 2))
    steps *= 2 * radius / np.linalg.norm(steps, axis=1, keepdims=True)
    return np.mod(np.cumsum(steps, axis=0) + rng.uniform(0, shape), shape)
