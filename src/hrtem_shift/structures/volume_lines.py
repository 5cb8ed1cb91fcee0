"""Where straight lines pass through simple shapes, and the checks that shapes share.

Lines are ``origin + t direction``, many origins and one direction; an interval of t that
begins after its end means that a line misses.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError

Vector = tuple[float, float, float]
Interval = tuple[NDArray[np.float64], NDArray[np.float64]]


def through_ball(
    origins: NDArray[np.float64], direction: NDArray[np.float64], radius: float
) -> Interval:
    """Where |origin + t direction| <= radius; always or never for a direction of zero."""
    a = float(direction @ direction)
    c = np.einsum("ij,ij->i", origins, origins) - radius**2
    if a < 1e-24:
        inside = c <= 0
        return np.where(inside, -inf, inf), np.where(inside, inf, -inf)
    b = origins @ direction
    discriminant = b**2 - a * c
    root = np.sqrt(np.maximum(discriminant, 0))
    hit = discriminant > 0
    return np.where(hit, (-b - root) / a, inf), np.where(hit, (-b + root) / a, -inf)


def between_planes(start: NDArray[np.float64], slope: float, low: float, high: float) -> Interval:
    """Where low <= start + t slope <= high; always or never for a slope of zero."""
    if abs(slope) < 1e-12:
        inside = (start >= low) & (start <= high)
        return np.where(inside, -inf, inf), np.where(inside, inf, -inf)
    first, second = (low - start) / slope, (high - start) / slope
    return np.minimum(first, second), np.maximum(first, second)


def around(centre_nm: Vector, direction: ArrayLike, half_nm: float) -> tuple[float, float]:
    """Extent along a direction of what reaches equally far to both sides of a centre."""
    middle = float(np.asarray(centre_nm) @ np.asarray(direction, float))
    return middle - half_nm, middle + half_nm


def as_vector(values: ArrayLike) -> Vector:
    """Three numbers as a tuple of float."""
    x, y, z = np.asarray(values, dtype=np.float64).tolist()
    return x, y, z


def check_vector(values: Sequence[float], where: str) -> NDArray[np.float64]:
    """Three finite numbers as an array, or an `InputError`."""
    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise unusable(f"{values!r}", where, "It must be three finite numbers")
    return vector


def check_size(size_nm: float, where: str) -> None:
    """Raise `InputError` for a length that is not finite and above zero."""
    if not 0 < size_nm < inf:
        raise unusable(f"a size of {size_nm:g} nm", where, "It must be finite and above zero")


def unusable(what: str, where: str, why: str) -> InputError:
    """Error about the shape that a user described."""
    return InputError(what, where=where, why=why, fix="Correct it, lengths are in nm")
