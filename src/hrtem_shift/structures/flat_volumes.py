"""Volumes with flat faces, and one whose inside a function decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.structures.volume_algebra import TOLERANCE_NM, ConvexVolume, Volume
from hrtem_shift.structures.volume_lines import (
    Interval,
    Vector,
    around,
    as_vector,
    between_planes,
    check_size,
    check_vector,
    unusable,
)


@dataclass(frozen=True)
class Slab(ConvexVolume):
    """What lies between two parallel planes, ``low_nm <= point · normal <= high_nm``.

    The normal need not be a unit vector; the distances are along its unit vector.
    """

    normal: Vector
    low_nm: float
    high_nm: float

    def __post_init__(self) -> None:
        if not np.linalg.norm(check_vector(self.normal, f"{self._name}.normal")) > 0:
            raise unusable("a normal of length 0", f"{self._name}.normal", "It has no direction")
        if not self.low_nm < self.high_nm:
            raise unusable(
                f"planes at {self.low_nm:g} and {self.high_nm:g} nm",
                self._name,
                "The first must lie below the second",
            )

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def unit_normal(self) -> NDArray[np.float64]:
        """Unit vector (3,)."""
        return np.asarray(self.normal, float) / np.linalg.norm(self.normal)

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points between the planes or on them."""
        height = np.asarray(points_nm) @ self.unit_normal
        inside: NDArray[np.bool_] = (height >= self.low_nm - TOLERANCE_NM) & (
            height <= self.high_nm + TOLERANCE_NM
        )
        return inside

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """The planes' distances along the normal, infinite along anything else."""
        direction = np.asarray(direction, dtype=np.float64)
        along = float(self.unit_normal @ direction)
        if np.linalg.norm(direction - along * self.unit_normal) > 1e-12 * abs(along):
            return -inf, inf
        low, high = sorted((self.low_nm * along, self.high_nm * along))
        return low, high

    def interval_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> Interval:
        """Where lines enter and leave, each (n,), nm; infinite where they never do."""
        normal = self.unit_normal
        return between_planes(
            origins_nm @ normal, float(direction @ normal), self.low_nm, self.high_nm
        )


@dataclass(frozen=True, init=False)
class HalfSpace(Slab):
    """What lies below a plane, ``point · normal <= distance_nm``, the normal pointing out."""

    def __init__(self, normal: Vector, distance_nm: float) -> None:
        object.__setattr__(self, "normal", as_vector(normal))
        object.__setattr__(self, "low_nm", -inf)
        object.__setattr__(self, "high_nm", float(distance_nm))
        self.__post_init__()

    @staticmethod
    def below(point_nm: ArrayLike, normal: Vector) -> HalfSpace:
        """Half-space whose plane passes through a point (3,), nm."""
        unit = np.asarray(normal, float) / np.linalg.norm(normal)
        return HalfSpace(normal, float(np.asarray(point_nm, float) @ unit))

    @property
    def distance_nm(self) -> float:
        """Distance of the plane from the origin along the normal, nm."""
        return self.high_nm


@dataclass(frozen=True)
class Box(ConvexVolume):
    """Centre and the edges along x, y and z, nm; `rotated` gives it other axes."""

    centre_nm: Vector
    size_nm: Vector

    def __post_init__(self) -> None:
        check_vector(self.centre_nm, "Box.centre_nm")
        for edge_nm in check_vector(self.size_nm, "Box.size_nm"):
            check_size(edge_nm, "Box.size_nm")

    @staticmethod
    def between(low_nm: ArrayLike, high_nm: ArrayLike) -> Box:
        """Box from its lowest to its highest corner, each (3,), nm."""
        low, high = np.asarray(low_nm, float), np.asarray(high_nm, float)
        return Box(as_vector((low + high) / 2), as_vector(high - low))

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points inside or on the surface."""
        from_centre = np.abs(np.asarray(points_nm) - self.centre_nm)
        return np.all(from_centre <= np.asarray(self.size_nm) / 2 + TOLERANCE_NM, axis=1)

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """Sum of the half-edges' shadows about the centre's."""
        half = float(np.abs(np.asarray(self.size_nm) / 2 * np.asarray(direction)).sum())
        return around(self.centre_nm, direction, half)

    def interval_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> Interval:
        """Where lines enter and leave, each (n,), nm."""
        from_centre = origins_nm - self.centre_nm
        slabs = [
            between_planes(from_centre[:, i], float(direction[i]), -edge_nm / 2, edge_nm / 2)
            for i, edge_nm in enumerate(self.size_nm)
        ]
        return (
            np.max([enter for enter, _ in slabs], axis=0),
            np.min([leave for _, leave in slabs], axis=0),
        )


@dataclass(frozen=True)
class Where(Volume):
    """A volume of your own: wherever a function says so, inside a box.

    Parameters
    ----------
    inside : callable
        Takes points (N, 3) in nm, returns (N,) of bool.
    low_nm, high_nm : tuple of float
        Corners of the box outside of which nothing belongs to it.
    """

    inside: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    low_nm: Vector
    high_nm: Vector

    @property
    def box(self) -> Box:
        """The box around it."""
        return Box.between(self.low_nm, self.high_nm)

    def __post_init__(self) -> None:
        _ = self.box

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points of the box for which the function is true."""
        points_nm = np.asarray(points_nm)
        return self.box.contains(points_nm) & np.asarray(self.inside(points_nm), dtype=bool)

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """That of the box."""
        return self.box.extent_nm(direction)
