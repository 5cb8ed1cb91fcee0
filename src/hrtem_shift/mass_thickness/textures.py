"""Random fields: support texture, agglomerates, uneven illumination."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smooth_noise(
    shape: tuple[int, int], length_px: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Smoothed Gaussian noise of mean 0 and standard deviation 1.

    Long lengths are drawn on a coarser grid and enlarged.

    Parameters
    ----------
    shape : tuple of int
        (H, W) [px].
    length_px : float
        Standard deviation of the Gaussian that smooths the noise [px].
    rng : Generator
    """
    from scipy.ndimage import gaussian_filter, zoom

    coarse = max(int(length_px / 3), 1)
    small = [-(-side // coarse) + 2 for side in shape]
    noise = gaussian_filter(rng.standard_normal(small), length_px / coarse, mode="wrap")
    if coarse > 1:
        noise = zoom(noise, coarse, order=1)
    noise = noise[: shape[0], : shape[1]]
    return ((noise - noise.mean()) / max(float(noise.std()), 1e-9)).astype(np.float32)


class NoiseField:
    """Smoothed noise from which windows are cut: many small ones for the time of a large one.

    Parameters
    ----------
    length_px : float
        As that of `smooth_noise`.
    edge_px : int
        Edge of the field; larger windows are drawn anew.
    rng : Generator
    """

    def __init__(self, length_px: float, edge_px: int, rng: np.random.Generator) -> None:
        self.length_px, self.edge_px = length_px, edge_px
        self._field = smooth_noise((edge_px, edge_px), length_px, rng)

    def window(self, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
        """Noise (H, W) at a random place of the field."""
        if max(shape) > self.edge_px:
            return smooth_noise(shape, self.length_px, rng)
        top, left = (int(rng.integers(self.edge_px - side + 1)) for side in shape)
        return self._field[top : top + shape[0], left : left + shape[1]]


def agglomerate(
    shape: tuple[int, int], radius_px: float, number: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Thickness [px] of overlapping balls of a support, in a chain of clusters.

    Parameters
    ----------
    shape : tuple of int
        (H, W) [px].
    radius_px : float
        Median radius of a ball [px].
    number : int
        How many balls.
    rng : Generator
    """
    thickness = np.zeros(shape, np.float32)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    centre = np.array(shape) * rng.uniform(0.2, 0.8, 2)
    for _ in range(number):
        radius = radius_px * rng.lognormal(0, 0.25)
        step = rng.uniform(0, 2 * np.pi)
        centre = centre + 1.5 * radius * np.array([np.sin(step), np.cos(step)])
        if not (0 <= centre[0] < shape[0] and 0 <= centre[1] < shape[1]):
            centre = np.array(shape) * rng.uniform(0.1, 0.9, 2)
        r2 = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / radius**2
        thickness += 2 * radius * np.sqrt(np.maximum(1 - r2, 0))
    return thickness


def uneven_illumination(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Relative intensity: 1 at its brightest, with a slope or vignetting of up to 60 %.

    It is even in four of ten draws.

    Parameters
    ----------
    shape : tuple of int
        (H, W) [px].
    rng : Generator
    """
    if rng.random() < 0.4:
        return np.ones(shape, np.float32)
    falloff = slope_or_vignetting(shape, rng)
    return (1 - 0.6 * rng.random() ** 2 * falloff).astype(np.float32)


def slope_or_vignetting(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Fall of the illumination, 0 at its brightest to 1: along a line, or around a centre."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    y, x = y / shape[0] - rng.random(), x / shape[1] - rng.random()
    angle = rng.uniform(0, 2 * np.pi)
    field = x * np.cos(angle) + y * np.sin(angle) if rng.random() < 0.5 else x**2 + y**2
    return (field - field.min()) / max(float(np.ptp(field)), 1e-9)
