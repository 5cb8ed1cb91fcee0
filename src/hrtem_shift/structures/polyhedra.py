"""Convex polyhedra: from half-spaces, from points, and from the facets of a crystal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.miller import Miller, family, plane_normal, three_indices
from hrtem_shift.structures.unit_cells import Crystal
from hrtem_shift.structures.volume_algebra import TOLERANCE_NM, ConvexVolume

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

_ON_FACE = 1e-7
"""Vertices this near to a plane, as a share of the polyhedron's size, lie on it."""


@dataclass(frozen=True, eq=False)
class ConvexPolyhedron(ConvexVolume):
    """The intersection of half-spaces ``point · normal <= distance``.

    Attributes
    ----------
    normals : array, shape (m, 3)
        Outward; made unit vectors if they are not.
    distances_nm : array, shape (m,)
        Distances of the planes from the origin along the normals; may be negative.
    planes : tuple of tuple of int
        Miller indices of each plane, where they are known; () otherwise.

    Raises
    ------
    InputError
        The half-spaces share no volume, or one without end.
    """

    normals: NDArray[np.float64]
    distances_nm: NDArray[np.float64]
    planes: tuple[Miller, ...] = ()

    def __post_init__(self) -> None:
        normals = np.asarray(self.normals, dtype=np.float64).reshape(-1, 3)
        distances = np.asarray(self.distances_nm, dtype=np.float64).reshape(-1)
        lengths = np.linalg.norm(normals, axis=1)
        if len(normals) != len(distances) or not (lengths > 0).all():
            raise _no_polyhedron("each plane needs a normal and a distance")
        if not np.isfinite(distances).all():
            raise _no_polyhedron("a plane's distance is not a finite number")
        object.__setattr__(self, "normals", normals / lengths[:, None])
        object.__setattr__(self, "distances_nm", distances)
        _ = self.vertices_nm

    @staticmethod
    def from_points(points_nm: ArrayLike) -> ConvexPolyhedron:
        """Convex hull of points (n, 3), nm."""
        from scipy.spatial import ConvexHull, QhullError

        try:
            hull = ConvexHull(np.asarray(points_nm, dtype=np.float64).reshape(-1, 3))
        except (QhullError, ValueError) as error:
            raise _no_polyhedron("the points lie in one plane, or are fewer than four") from error
        planes = np.unique(np.round(hull.equations, 12), axis=0)  # coplanar triangles are a face
        return ConvexPolyhedron(planes[:, :3], -planes[:, 3])

    @staticmethod
    def from_facets(
        crystal: Crystal,
        distances_nm: Mapping[Miller, float],
        symmetric: bool = True,
        operations: NDArray[np.int64] | None = None,
    ) -> ConvexPolyhedron:
        """Crystal facets at given distances from the origin, in the crystal's frame.

        Parameters
        ----------
        crystal : Crystal
            Gives the facets' normals, and their families.
        distances_nm : mapping of Miller indices to float
            Planes (h, k, l), or (h, k, i, l), and their distances along the normal, nm.
        symmetric : bool
            Each entry stands for its whole family by the crystal's point group, in which
            (1, 1, 1) and (-1, -1, -1) of zinc blende are two; otherwise for itself alone.
        operations : array, shape (n, 3, 3), optional
            Symmetry in place of the point group (see `miller.family`).

        Raises
        ------
        InputError
            The facets leave a side open or no volume; a family is given twice.
        """
        planes: dict[Miller, float] = {}
        for plane, distance_nm in distances_nm.items():
            members = family(crystal, plane, operations) if symmetric else [three_indices(plane)]
            if planes.keys() & members:
                raise _no_polyhedron(f"the family of {tuple(plane)} is given twice")
            planes.update(dict.fromkeys(members, float(distance_nm)))
        normals = np.array([plane_normal(crystal, plane) for plane in planes])
        return ConvexPolyhedron(normals, np.array(list(planes.values())), tuple(planes))

    @cached_property
    def vertices_nm(self) -> NDArray[np.float64]:
        """Corners, shape (v, 3), nm."""
        from scipy.spatial import HalfspaceIntersection, QhullError

        if not _closed(self.normals):
            raise _no_polyhedron("the planes leave a side open")
        inside = _inner_point(self.normals, self.distances_nm)
        planes = np.column_stack([self.normals, -self.distances_nm])
        try:
            corners = HalfspaceIntersection(planes, inside).intersections
        except QhullError as error:
            raise _no_polyhedron("the planes share no volume") from error
        return _without_near(corners, _ON_FACE * np.abs(corners - inside).max())

    @cached_property
    def faces(self) -> tuple[NDArray[np.intp], ...]:
        """Indices of each plane's vertices, in turn about the normal; empty: cut away.

        Of planes that coincide, the first has the face.
        """
        heights = self.vertices_nm @ self.normals.T - self.distances_nm
        limit = 10 * _ON_FACE * np.ptp(self.vertices_nm, axis=0).max()
        on_face = [np.flatnonzero(np.abs(column) < limit) for column in heights.T]
        first = [
            all(set(index) != set(other) for other in on_face[:i])
            for i, index in enumerate(on_face)
        ]
        return tuple(
            self._in_turn(index, normal) if new and len(index) > 2 else index[:0]
            for index, normal, new in zip(on_face, self.normals, first, strict=True)
        )

    def _in_turn(self, index: NDArray[np.intp], normal: NDArray[np.float64]) -> NDArray[np.intp]:
        arms = self.vertices_nm[index] - self.vertices_nm[index].mean(axis=0)
        along, across = arms @ arms[0], arms @ np.cross(normal, arms[0])  # axes of equal length
        return index[np.argsort(np.arctan2(across, along))]

    @cached_property
    def facet_areas_nm2(self) -> NDArray[np.float64]:
        """Area of each plane's facet, shape (m,), nm²; 0 where it is cut away."""
        areas = np.zeros(len(self.normals))
        for i, index in enumerate(self.faces):
            corners = self.vertices_nm[index]
            if len(corners):
                arms = corners - corners[0]
                areas[i] = np.cross(arms[1:-1], arms[2:]).sum(axis=0) @ self.normals[i] / 2
        return areas

    @cached_property
    def volume_nm3(self) -> float:
        """Volume, nm³: a third of the sum of facet area times height over an inner point."""
        middle = self.vertices_nm.mean(axis=0)
        heights = self.distances_nm - self.normals @ middle
        return float(self.facet_areas_nm2 @ heights / 3)

    def area_nm2(self, planes: Sequence[Miller]) -> float:
        """Summed area of those facets whose Miller indices are among the given, nm²."""
        wanted = {three_indices(plane) for plane in planes}
        chosen = np.array([plane in wanted for plane in self.planes], dtype=bool)
        return float(self.facet_areas_nm2[chosen].sum())

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points inside or on the surface."""
        heights = np.asarray(points_nm) @ self.normals.T
        return np.all(heights <= self.distances_nm + TOLERANCE_NM, axis=1)

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """Least and largest over the corners."""
        along = self.vertices_nm @ np.asarray(direction, dtype=np.float64)
        return float(along.min()), float(along.max())

    def interval_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where lines enter and leave, each (n,), nm."""
        enter = np.full(len(origins_nm), -np.inf)
        leave = np.full(len(origins_nm), np.inf)
        for normal, distance_nm in zip(self.normals, self.distances_nm, strict=True):
            slope, room = float(normal @ direction), distance_nm - origins_nm @ normal
            if abs(slope) < 1e-12:
                leave[room < 0] = -np.inf
            elif slope > 0:
                np.minimum(leave, room / slope, out=leave)
            else:
                np.maximum(enter, room / slope, out=enter)
        return enter, leave

    def moved(self, by_nm: ArrayLike) -> ConvexPolyhedron:
        """Shifted by a vector (3,), nm."""
        along = self.normals @ np.asarray(by_nm, dtype=np.float64)
        corners = self.vertices_nm + np.asarray(by_nm, dtype=np.float64)
        return self._placed(self.normals, self.distances_nm + along, corners)

    def rotated(self, rotation: Rotation) -> ConvexPolyhedron:
        """Turned about the origin."""
        corners = rotation.apply(self.vertices_nm)
        return self._placed(rotation.apply(self.normals), self.distances_nm, corners)

    def scaled(self, factor: float) -> ConvexPolyhedron:
        """All distances from the origin times a factor."""
        if not 0 < factor < np.inf:
            raise _no_polyhedron(f"a scale of {factor:g} is not above zero")
        return self._placed(self.normals, self.distances_nm * factor, self.vertices_nm * factor)

    def _placed(
        self,
        normals: NDArray[np.float64],
        distances_nm: NDArray[np.float64],
        corners_nm: NDArray[np.float64],
    ) -> ConvexPolyhedron:
        """The same polyhedron elsewhere: its corners are known, so they are not sought anew."""
        shape = object.__new__(ConvexPolyhedron)
        shape.__dict__.update(
            normals=normals, distances_nm=distances_nm, planes=self.planes, vertices_nm=corners_nm
        )
        return shape


def _closed(normals: NDArray[np.float64]) -> bool:
    """Do half-spaces of these normals enclose anything? If 0 is inside their hull."""
    from scipy.spatial import ConvexHull, QhullError

    if len(normals) < 4:
        return False
    try:
        return bool((ConvexHull(normals).equations[:, 3] < -1e-9).all())
    except QhullError:
        return False


def _inner_point(
    normals: NDArray[np.float64], distances_nm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Centre of the largest ball between the planes, shape (3,)."""
    if distances_nm.min() > 0.01 * distances_nm.max():
        return np.zeros(3)
    from scipy.optimize import linprog

    # Maximise r where normal · centre + r <= distance.
    best = linprog(
        [0, 0, 0, -1],
        A_ub=np.column_stack([normals, np.ones(len(normals))]),
        b_ub=distances_nm,
        bounds=[(None, None)] * 3 + [(0, None)],
    )
    if not best.success or not best.x[3] > TOLERANCE_NM:
        raise _no_polyhedron("the planes share no volume")
    centre: NDArray[np.float64] = best.x[:3]
    return centre


def _without_near(points: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """Points of which no two are nearer than a distance."""
    kept = points[:0]
    for point in points:
        if not (np.abs(kept - point).max(axis=1) < distance).any():
            kept = np.vstack([kept, point])
    return kept


def _no_polyhedron(what: str) -> InputError:
    return InputError(
        what,
        where="ConvexPolyhedron",
        why="It encloses no finite volume",
        fix="Check the planes: normals point outwards, distances are from the origin in nm",
    )
