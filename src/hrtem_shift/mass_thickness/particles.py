"""Thickness maps of single particles, drawn with random shape and orientation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KINDS = ("sphere", "ellipsoid", "rod", "polyhedron", "plate", "hollow", "core_shell")


def thickness_map(kind: str, radius_px: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Thickness of one particle [px] on a square just large enough; 0 beside it.

    Relative to a disc of the radius, the area is 1 for spheres, ellipsoids, hollow and core-shell
    particles, 1.05 to 1.35 for rods, 0.4 to 1.2 for polyhedra and plates (least for triangles), but
    for the rounding to whole pixels. The square cuts off very sharp corners, in under 1 % of the
    polyhedra.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    radius_px : float
        Of a disc of about its area [px].
    rng : Generator
        Draws its shape and its orientation.

    Returns
    -------
    ndarray of float32, shape (2 n + 1, 2 n + 1)
        The particle's centre lies on the middle pixel.
    """
    longest = {"rod": 2.6, "ellipsoid": 1.8}.get(kind, 1.45)
    half = int(np.ceil(radius_px * longest)) + 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    u = (x * np.cos(angle) + y * np.sin(angle)) / radius_px
    v = (y * np.cos(angle) - x * np.sin(angle)) / radius_px
    return (_SHAPES[kind](u, v, rng) * radius_px).astype(np.float32)


def _ball(r2: NDArray) -> NDArray:
    """Thickness of a ball of radius 1 where the squared distance from its axis is `r2`."""
    return 2 * np.sqrt(np.maximum(1 - r2, 0))


def _sphere(u: NDArray, v: NDArray, rng: np.random.Generator) -> NDArray:
    bumps = sum(
        rng.normal(0, 0.06 / k) * np.cos(k * np.arctan2(v, u) + rng.uniform(0, 6.3))
        for k in range(2, 6)
    )
    return _ball((u**2 + v**2) / np.square(1 + bumps))


def _ellipsoid(u: NDArray, v: NDArray, rng: np.random.Generator) -> NDArray:
    stretch = rng.uniform(1.1, 1.7)
    return _ball((u / stretch) ** 2 + (v * stretch) ** 2)


def _rod(u: NDArray, v: NDArray, rng: np.random.Generator) -> NDArray:
    length = rng.uniform(1.2, 2.1)
    width = min(np.pi / 4 / length + 0.15, 0.9)
    beyond = np.maximum(np.abs(u) - (length - width), 0)
    return width * _ball((beyond**2 + v**2) / width**2)


def _polyhedron(u: NDArray, v: NDArray, rng: np.random.Generator) -> NDArray:
    """Convex: the lowest of some planes on either side, cut by an outline."""
    top = np.full_like(u, 1.0)
    corners = int(rng.integers(3, 9))
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.normal(0, 0.12, corners)
    apothem = np.cos(np.pi / corners) * 1.12
    for angle in angles:
        away = apothem * rng.uniform(0.9, 1.05) - (u * np.cos(angle) + v * np.sin(angle))
        top = np.minimum(top, away * rng.uniform(0.6, 4.0))
    return 1.6 * np.maximum(top, 0)


def _plate(u: NDArray, v: NDArray, rng: np.random.Generator) -> NDArray:
    outline = _polyhedron(u, v, rng) if rng.random() < 0.5 else _ball(u**2 + v**2)
    return rng.uniform(0.2, 0.8) * (outline > 0)


def _hollow(u: NDArray, v: NDArray, rng: np.random.Generator) -> NDArray:
    inner = rng.uniform(0.5, 0.85)
    r2 = u**2 + v**2
    return _ball(r2) - inner * _ball(r2 / inner**2)


def _core_shell(u: NDArray, v: NDArray, rng: np.random.Generator) -> NDArray:
    core = rng.uniform(0.4, 0.8)
    r2 = u**2 + v**2
    return 0.4 * _ball(r2) + core * _ball(r2 / core**2)


_SHAPES = {
    "sphere": _sphere,
    "ellipsoid": _ellipsoid,
    "rod": _rod,
    "polyhedron": _polyhedron,
    "plate": _plate,
    "hollow": _hollow,
    "core_shell": _core_shell,
}
