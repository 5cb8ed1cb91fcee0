"""Balls painted back to front: the quick way to draw thousands of atoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LIGHT = np.array([-0.42, 0.55, 0.72])  # from the upper left, in front
_FOG = 0.55
"""Share of white mixed into the farthest ball."""
_BALLS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Balls:
    """Balls as a viewer sees them: x to the right, y up, depth towards the viewer.

    Attributes
    ----------
    centres : array, shape (N, 2)
        Places in the picture plane, any unit.
    depth : array, shape (N,)
        Larger is nearer to the viewer.
    radii : array, shape (N,)
        In the unit of the centres.
    colours : array, shape (N, 3)
        Red, green, blue from 0 to 1.
    """

    centres: NDArray[np.float64]
    depth: NDArray[np.float64]
    radii: NDArray[np.float64]
    colours: NDArray[np.float64]

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner (2,) of what they cover."""
        reach = self.radii[:, None]
        return (self.centres - reach).min(axis=0), (self.centres + reach).max(axis=0)


def seen_along_z(
    positions: NDArray[np.float64], radii: NDArray[np.float64], colours: NDArray[np.float64]
) -> Balls:
    """Parallel projection along z, the highest z in front."""
    return Balls(positions[:, :2], positions[:, 2], radii, colours)


def seen_in_perspective(
    positions: NDArray[np.float64],
    radii: NDArray[np.float64],
    colours: NDArray[np.float64],
    azimuth_degrees: float = 20.0,
    elevation_degrees: float = 24.0,
    distance: float = 4.0,
) -> Balls:
    """Central projection, z up.

    Parameters
    ----------
    positions, radii, colours : arrays, shapes (N, 3), (N,), (N, 3)
        Balls in space.
    azimuth_degrees : float
        The viewer stands on the side of -y, and by this angle towards +x.
    elevation_degrees : float
        How high the viewer stands above the horizon.
    distance : float
        Of the viewer from the middle, in half diagonals of the box around the centres.

    Returns
    -------
    Balls
        Sizes are those of the middle; nearer balls are larger.
    """
    azimuth, elevation = np.radians([azimuth_degrees, elevation_degrees])
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    towards = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0]) * np.cos(elevation)
    towards[2] = np.sin(elevation)
    axes = np.stack([right, np.cross(towards, right), towards])
    low, high = positions.min(axis=0), positions.max(axis=0)
    seen = (positions - (low + high) / 2) @ axes.T
    away = distance * max(float(np.linalg.norm(high - low)) / 2, float(radii.max()))
    scale = away / (away - seen[:, 2])
    return Balls(seen[:, :2] * scale[:, None], seen[:, 2], radii * scale, colours)


def painted(
    balls: Balls, corner: NDArray[np.float64], size: float, pixels: int
) -> NDArray[np.float64]:
    """Paint balls on white.

    Parameters
    ----------
    balls : Balls
        What to paint.
    corner : array, shape (2,)
        Lower left corner of the square picture, in the unit of the balls.
    size : float
        Its edge.
    pixels : int
        Pixels along each edge.

    Returns
    -------
    array, shape (pixels, pixels, 3)
        Red, green, blue; row 0 is the lowest y.
    """
    order = np.argsort(balls.depth, kind="stable")  # farthest first: nearer ones cover them
    centres = (balls.centres[order] - corner) * (pixels / size)
    radii = balls.radii[order] * (pixels / size)
    owner = _owners(centres, radii, pixels)
    row, column = np.nonzero(owner >= 0)
    ball = owner[row, column]
    across = (np.stack([column, row], axis=1) + 0.5 - centres[ball]) / radii[ball][:, None]
    towards = np.sqrt(np.maximum(1 - (across**2).sum(axis=1), 0))
    lit = np.maximum(np.column_stack([across, towards]) @ _LIGHT, 0)
    shade = np.where(towards < 0.3, 0.55, 0.62 + 0.42 * lit)  # a dark rim parts neighbours
    colours = balls.colours[order][ball] * shade[:, None]
    colours += (0.35 * lit**12)[:, None]
    depth = balls.depth[order]
    fog = (_FOG * (depth[-1] - depth) / max(float(np.ptp(depth)), 1e-9))[ball, None]
    picture = np.ones((pixels, pixels, 3))
    picture[row, column] = np.clip(colours, 0, 1) * (1 - fog) + fog
    return picture


def _owners(
    centres: NDArray[np.float64], radii: NDArray[np.float64], pixels: int
) -> NDArray[np.int64]:
    """Which ball each pixel shows, -1 where none does; later balls cover earlier ones."""
    owner = np.full((pixels, pixels), -1, dtype=np.int64)
    for first in range(0, len(centres), _BALLS_AT_ONCE):
        part = slice(first, first + _BALLS_AT_ONCE)
        reach = int(np.ceil(radii[part].max())) + 1
        steps = np.arange(-reach, reach + 1)
        x = np.floor(centres[part, 0]).astype(int)[:, None, None] + steps
        y = np.floor(centres[part, 1]).astype(int)[:, None, None] + steps[:, None]
        away2 = (x + 0.5 - centres[part, 0, None, None]) ** 2 + (
            y + 0.5 - centres[part, 1, None, None]
        ) ** 2
        # A ball smaller than a pixel still shows on the pixel of its centre.
        covered = away2 <= np.maximum(radii[part, None, None], 0.72) ** 2
        covered &= (x >= 0) & (x < pixels) & (y >= 0) & (y < pixels)
        ball, i, j = np.nonzero(covered)
        owner[y[ball, i, 0], x[ball, 0, j]] = ball + first
    return owner
