"""What carries particles: films, films with holes, and the agglomerates of supported catalysts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.mass_thickness.textures import agglomerate, smooth_noise

Map = NDArray[np.float32]


def film(shape: tuple[int, int], rng: np.random.Generator) -> Map:
    """Thickness [px] of a film: grainy, wavy, now and then with holes or a thicker part."""
    thickness = 10 * (1 + 0.1 * rng.random() * smooth_noise(shape, rng.uniform(0.7, 2.5), rng))
    thickness += 10 * rng.random() ** 2 * np.abs(smooth_noise(shape, 0.25 * min(shape), rng))
    if rng.random() < 0.4:
        thickness += 6 * rng.random() * smooth_noise(shape, rng.uniform(3, 15), rng)
    if rng.random() < 0.15:
        wave = smooth_noise(shape, rng.uniform(0.1, 0.35) * min(shape), rng)
        part = wave > rng.uniform(-1.2, 0.3)
        thickness = thickness * (part if rng.random() < 0.6 else 1 + 3 * rng.random() * part)
    return (np.maximum(thickness, 0) * 3 ** rng.uniform(-1, 1)).astype(np.float32)


def carrier(shape: tuple[int, int], particle_px: float, rng: np.random.Generator) -> Map:
    """Thickness [px] of a catalyst's support.

    Overlapping balls (silica), clouds with texture at three lengths (carbon, alumina), or many
    grainy balls (carbon black). What is thick is larger than the particles and what is fine is
    faint, else nobody could tell the two apart.

    Parameters
    ----------
    shape : tuple of int
        (H, W) [px].
    particle_px : float
        Radius of the particles [px].
    rng : Generator
    """
    edge, kind = min(shape), rng.random()
    smallest = max(2.5 * particle_px, 0.04 * edge)

    def length(largest: float) -> float:
        """Of texture or of a ball's radius, from the smallest to a share of the edge."""
        return smallest * max(largest * edge / smallest, 1.0) ** rng.random()

    if kind < 0.45:
        return agglomerate(shape, length(0.7), int(rng.integers(3, 40)), rng)
    fine = 1 + 0.3 * rng.random() ** 2 * smooth_noise(shape, rng.uniform(0.8, 4), rng)
    if kind < 0.8:
        cloud = smooth_noise(shape, length(0.4), rng) + rng.uniform(-0.3, 1.2)
        coarse = 1 + rng.uniform(0.1, 0.8) * smooth_noise(shape, length(0.15), rng)
        return (60 * np.maximum(np.maximum(cloud, 0) * coarse * fine, 0)).astype(np.float32)
    balls = agglomerate(shape, length(0.15), int(rng.integers(10, 80)), rng)
    return np.maximum(balls * fine, 0).astype(np.float32)


def substrate(shape: tuple[int, int], rng: np.random.Generator) -> Map:
    """Brightness of a bulk substrate in secondary electrons: grainy, wavy, or with streaks."""
    from scipy.ndimage import zoom

    texture = 0.25 * rng.random() * smooth_noise(shape, rng.uniform(0.7, 3), rng)
    texture = texture + 0.5 * rng.random() ** 2 * smooth_noise(shape, rng.uniform(4, 30), rng)
    if rng.random() < 0.15:
        lines = smooth_noise((shape[0] // 8 + 1, shape[1]), rng.uniform(1, 4), rng)
        texture = texture + 0.4 * rng.random() * zoom(lines, (8, 1), order=1)[: shape[0]]
    return np.maximum(rng.uniform(0.03, 0.5) * (1 + texture), 0.01).astype(np.float32)
