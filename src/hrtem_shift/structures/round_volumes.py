"""Round volumes: sphere, ellipsoid, cylinder."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.structures.volume_algebra import TOLERANCE_NM, ConvexVolume
from hrtem_shift.structures.volume_lines import (
    Interval,
    Vector,
    around,
    as_vector,
    between_planes,
    check_size,
    check_vector,
    through_ball,
    unusable,
)

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Sphere(ConvexVolume):
    """A ball: centre (x, y, z) and diameter, nm."""

    centre_nm: Vector
    diameter_nm: float

    def __post_init__(self) -> None:
        check_vector(self.centre_nm, "Sphere.centre_nm")
        check_size(self.diameter_nm, "Sphere.diameter_nm")

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points not farther from the centre than the radius."""
        from_centre = np.asarray(points_nm) - self.centre_nm
        limit2 = (self.diameter_nm / 2 + TOLERANCE_NM) ** 2
        inside: NDArray[np.bool_] = np.einsum("ij,ij->i", from_centre, from_centre) <= limit2
        return inside

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """One radius to both sides of the centre."""
        half = self.diameter_nm / 2 * float(np.linalg.norm(direction))
        return around(self.centre_nm, direction, half)

    def interval_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> Interval:
        """Where lines enter and leave, each (n,), nm."""
        return through_ball(origins_nm - self.centre_nm, direction, self.diameter_nm / 2)

    def moved(self, by_nm: ArrayLike) -> Sphere:
        """Shifted by a vector (3,), nm."""
        return Sphere(as_vector(np.asarray(self.centre_nm) + by_nm), self.diameter_nm)

    def rotated(self, rotation: Rotation) -> Sphere:
        """Turned about the origin, which moves its centre only."""
        return Sphere(as_vector(rotation.apply(self.centre_nm)), self.diameter_nm)


@dataclass(frozen=True)
class Ellipsoid(ConvexVolume):
    """Centre and the three diameters along x, y and z, nm; `rotated` gives it other axes."""

    centre_nm: Vector
    diameters_nm: Vector

    def __post_init__(self) -> None:
        check_vector(self.centre_nm, "Ellipsoid.centre_nm")
        for diameter_nm in check_vector(self.diameters_nm, "Ellipsoid.diameters_nm"):
            check_size(diameter_nm, "Ellipsoid.diameters_nm")

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points inside or on the surface."""
        semi_axes = np.asarray(self.diameters_nm) / 2 + TOLERANCE_NM
        scaled = (np.asarray(points_nm) - self.centre_nm) / semi_axes
        inside: NDArray[np.bool_] = np.einsum("ij,ij->i", scaled, scaled) <= 1
        return inside

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """Half-width |(a d_x, b d_y, c d_z)| about the centre."""
        half = np.linalg.norm(np.asarray(self.diameters_nm) / 2 * np.asarray(direction))
        return around(self.centre_nm, direction, float(half))

    def interval_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> Interval:
        """Where lines enter and leave, each (n,), nm."""
        semi_axes = np.asarray(self.diameters_nm) / 2
        return through_ball((origins_nm - self.centre_nm) / semi_axes, direction / semi_axes, 1.0)


@dataclass(frozen=True)
class Cylinder(ConvexVolume):
    """Round rod about an axis through its centre; without a length it is endless."""

    centre_nm: Vector
    axis: Vector
    diameter_nm: float
    length_nm: float = inf

    def __post_init__(self) -> None:
        check_vector(self.centre_nm, "Cylinder.centre_nm")
        if not np.linalg.norm(check_vector(self.axis, "Cylinder.axis")) > 0:
            raise unusable("an axis of length 0", "Cylinder.axis", "It has no direction")
        check_size(self.diameter_nm, "Cylinder.diameter_nm")
        if not self.length_nm > 0:
            check_size(self.length_nm, "Cylinder.length_nm")

    @property
    def unit_axis(self) -> NDArray[np.float64]:
        """Unit vector (3,)."""
        return np.asarray(self.axis, float) / np.linalg.norm(self.axis)

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points inside or on the surface."""
        from_centre = np.asarray(points_nm) - self.centre_nm
        along = from_centre @ self.unit_axis
        across = from_centre - along[:, None] * self.unit_axis
        round_ = np.einsum("ij,ij->i", across, across) <= (self.diameter_nm / 2 + TOLERANCE_NM) ** 2
        inside: NDArray[np.bool_] = round_ & (np.abs(along) <= self.length_nm / 2 + TOLERANCE_NM)
        return inside

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """Half-width of the rod's shadow about the centre's."""
        direction = np.asarray(direction, dtype=np.float64)
        along = float(self.unit_axis @ direction)
        across = float(np.linalg.norm(direction - along * self.unit_axis))
        half = self.diameter_nm / 2 * across
        if abs(along) > 1e-12 * across:  # else infinity times zero
            half += self.length_nm / 2 * abs(along)
        return around(self.centre_nm, direction, half)

    def interval_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> Interval:
        """Where lines enter and leave, each (n,), nm; infinite where they never do."""
        axis, from_centre = self.unit_axis, origins_nm - self.centre_nm
        height, slope = from_centre @ axis, float(direction @ axis)
        enter, leave = through_ball(
            from_centre - height[:, None] * axis, direction - slope * axis, self.diameter_nm / 2
        )
        first, last = between_planes(height, slope, -self.length_nm / 2, self.length_nm / 2)
        return np.maximum(enter, first), np.minimum(leave, last)
