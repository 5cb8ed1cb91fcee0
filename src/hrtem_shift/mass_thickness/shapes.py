"""Thickness maps of single particles, with a random shape, orientation and roughness."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.mass_thickness.textures import NoiseField

Map = NDArray[np.floating]


def thickness_map(
    shape: str,
    radius_px: float,
    rng: np.random.Generator,
    *,
    roughness: float = 0.0,
    displacement: NoiseField | None = None,
) -> NDArray[np.float32]:
    """Thickness of one particle [px] on a square just large enough; 0 beside it.

    Parameters
    ----------
    shape : str
        One of `SHAPES`.
    radius_px : float
        Of a disc of about its area [px].
    rng : Generator
        Draws its proportions and its orientation.
    roughness : float
        Standard deviation by which the outline is displaced, relative to the radius. Particles of
        less than 4 px stay smooth.
    displacement : NoiseField, optional
        From which the displacements are cut.

    Returns
    -------
    ndarray of float32, shape (2 n + 1, 2 n + 1)
        The particle's centre lies on the middle pixel.
    """
    longest = _LONGEST.get(shape, 1.45) * (1 + 2 * roughness)
    half = int(np.ceil(radius_px * longest)) + 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    u = (x * np.cos(angle) + y * np.sin(angle)) / radius_px
    v = (y * np.cos(angle) - x * np.sin(angle)) / radius_px
    if displacement is not None and radius_px >= 4:
        u = u + roughness * displacement.window(u.shape, rng)
        v = v + roughness * displacement.window(v.shape, rng)
    return (SHAPES[shape](u, v, rng) * radius_px).astype(np.float32)


def _ball(squared_radius: Map) -> Map:
    """Thickness of a ball of radius 1 at a squared distance from its axis."""
    return 2 * np.sqrt(np.maximum(1 - squared_radius, 0))


def _sphere(u: Map, v: Map, rng: np.random.Generator) -> Map:
    """A ball, in six of ten draws a slightly irregular one."""
    squared_radius = u**2 + v**2
    if rng.random() < 0.4:
        return _ball(squared_radius)
    polar = np.arctan2(v, u)
    bumps = sum(
        rng.normal(0, 0.05 / k) * np.cos(k * polar + rng.uniform(0, 2 * np.pi)) for k in range(2, 6)
    )
    return _ball(squared_radius / np.square(1 + bumps))


def _ellipsoid(u: Map, v: Map, rng: np.random.Generator) -> Map:
    stretch = rng.uniform(1.1, 1.7)
    return _ball((u / stretch) ** 2 + (v * stretch) ** 2)


def _rod(u: Map, v: Map, rng: np.random.Generator) -> Map:
    """With round or, in three of ten draws, square ends."""
    length = rng.uniform(1.2, 2.1)
    width = min(np.pi / 4 / length + 0.15, 0.9)
    if rng.random() < 0.3:
        return 1.6 * width * ((np.abs(u) < length) & (np.abs(v) < 0.85 * width))
    beyond = np.maximum(np.abs(u) - (length - width), 0)
    return width * _ball((beyond**2 + v**2) / width**2)


def _polyhedron(u: Map, v: Map, rng: np.random.Generator) -> Map:
    """Convex: the lowest of some planes, cut by an outline of three to eight corners."""
    top = np.full_like(u, 1.0)
    corners = int(rng.integers(3, 9))
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.normal(0, 0.12, corners)
    apothem = np.cos(np.pi / corners) * 1.12
    regular = rng.random() < 0.4
    slopes = np.full(corners, rng.uniform(0.5, 4.0)) if regular else rng.uniform(0.6, 4.0, corners)
    for angle, slope in zip(angles, slopes, strict=True):
        inside = apothem * rng.uniform(0.9, 1.05) - (u * np.cos(angle) + v * np.sin(angle))
        top = np.minimum(top, inside * slope)
    return 1.6 * np.maximum(top, 0)


def _cube(u: Map, v: Map, rng: np.random.Generator) -> Map:
    """Rounded more or less: flat on its face, an octahedron on its tip, or convex."""
    power = rng.choice([3.0, 5.0, 8.0, 14.0])
    aspect = rng.uniform(0.8, 1.25) if rng.random() < 0.5 else 1.0
    radius = np.abs(1.08 * aspect * u) ** power + np.abs(1.08 / aspect * v) ** power
    radius = radius ** (1 / power)
    top = rng.random()
    if top < 0.5:
        return 1.7 * (radius < 1)
    if top < 0.75:
        return 1.9 * np.maximum(1 - radius, 0)
    return 1.7 * np.sqrt(np.maximum(1 - radius**power, 0))


def _plate(u: Map, v: Map, rng: np.random.Generator) -> Map:
    outline = _polyhedron(u, v, rng) if rng.random() < 0.5 else _ball(u**2 + v**2)
    return rng.uniform(0.2, 0.8) * (outline > 0)


def _hollow(u: Map, v: Map, rng: np.random.Generator) -> Map:
    """A hollow ball, or, in a quarter of the draws, a hollow box."""
    inner = rng.uniform(0.5, 0.93)
    if rng.random() < 0.25:
        radius = 1.05 * (u**4 + v**4) ** 0.25
        return 0.3 * (radius < 1) + 1.2 * ((radius < 1) & (radius > inner))
    squared_radius = u**2 + v**2
    return _ball(squared_radius) - inner * _ball(squared_radius / inner**2)


def _core_shell(u: Map, v: Map, rng: np.random.Generator) -> Map:
    """A core, in four of ten draws off the middle, in a shell that scatters less."""
    core, shell = rng.uniform(0.25, 0.85), rng.uniform(0.05, 0.5)
    shift = rng.uniform(-0.3, 0.3, 2) * (1 - core) if rng.random() < 0.4 else np.zeros(2)
    inner = ((u - shift[0]) ** 2 + (v - shift[1]) ** 2) / core**2
    return shell * _ball(u**2 + v**2) + (1 - shell) * core * _ball(inner)


def _spindle(u: Map, v: Map, rng: np.random.Generator) -> Map:
    length = rng.uniform(1.5, 2.2)
    width = 0.9 / length * rng.uniform(0.8, 1.2)
    half = width * np.maximum(1 - (np.abs(u) / length) ** rng.choice([1.0, 1.6, 2.0]), 0)
    return 1.8 * np.sqrt(np.maximum(half**2 - v**2, 0))


def _urchin(u: Map, v: Map, rng: np.random.Generator) -> Map:
    """With four to thirteen spikes."""
    polar = np.arctan2(v, u)
    spikes, depth = int(rng.integers(4, 14)), rng.uniform(0.1, 0.35) * rng.uniform(0.6, 1)
    wave = np.cos(spikes * polar + 1.5 * np.cos(polar + rng.uniform(0, 2 * np.pi)))
    return _ball((u**2 + v**2) / np.square(1 + depth * wave))


SHAPES: dict[str, Callable[[Map, Map, np.random.Generator], Map]] = {
    "sphere": _sphere,
    "ellipsoid": _ellipsoid,
    "rod": _rod,
    "polyhedron": _polyhedron,
    "cube": _cube,
    "plate": _plate,
    "hollow": _hollow,
    "core_shell": _core_shell,
    "spindle": _spindle,
    "urchin": _urchin,
}
"""What draws each shape, from coordinates in radii."""

_LONGEST = {"rod": 2.6, "ellipsoid": 1.8, "spindle": 2.4, "urchin": 1.7}
"""Half the length of the longest of a shape, in radii; 1.45 for any other."""
