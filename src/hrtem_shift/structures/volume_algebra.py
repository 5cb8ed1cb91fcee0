"""Volumes and their algebra: union, intersection, difference, and rigid motions.

A volume says which points are in it, how far it reaches, and where a straight line may cross
its surface. The last makes thicknesses along the beam exact for any combination of convex
pieces: between two neighbouring crossings a line is wholly inside or wholly outside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import reflection

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

TOLERANCE_NM = 1e-9
"""Points this far outside a surface count as inside, so that atoms that lie exactly on a face
do not come and go with rounding."""

SAMPLING_STEP_NM = 0.01
"""Step along the beam through volumes whose surface has no formula."""

_POINTS_AT_ONCE = 4_000_000
_BEAM = np.array([0.0, 0.0, 1.0])


class Volume(ABC):
    """A region of space.

    A volume of your own needs `contains` and `extent_nm`; lines through it are then sampled
    every `SAMPLING_STEP_NM`, unless it has its own `crossings_nm`.
    """

    @abstractmethod
    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which points (N, 3), nm, are inside or on the surface, shape (N,)."""

    @abstractmethod
    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """Least and largest value of ``point · direction`` over the volume.

        Parameters
        ----------
        direction : array, shape (3,)
            Need not be a unit vector: a reciprocal vector gives a range of cells.

        Returns
        -------
        low, high : float
            Bounds that hold, exact for convex pieces; infinite where the volume is, and
            ``low > high`` where it is known to be empty.
        """

    def crossings_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Places along lines between which nothing changes.

        Parameters
        ----------
        origins_nm : array, shape (n, 3)
            A point of each line.
        direction : array, shape (3,)
            Unit vector along all of them.

        Returns
        -------
        array, shape (m, n)
            Distances from the origins, in any order, nm. A line leaves or enters the volume
            at these only, and outside of the outermost it is outside.
        """
        low, high = self.extent_nm(direction)
        if not low < high:
            return np.zeros((0, len(origins_nm)))
        steps = np.linspace(low, high, int(np.ceil((high - low) / SAMPLING_STEP_NM)) + 1)
        along: NDArray[np.float64] = steps[:, None] - origins_nm @ direction
        return along

    def bounds_nm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner (3,) of a box around the volume, nm; may be infinite."""
        extents = np.array([self.extent_nm(axis) for axis in np.eye(3)])
        return extents[:, 0], extents[:, 1]

    def chord_nm(self, x_nm: ArrayLike, y_nm: ArrayLike) -> NDArray[np.float64]:
        """Length of the beam's path (along z) inside the volume.

        Parameters
        ----------
        x_nm, y_nm : array
            Where the beam passes; shapes that broadcast against each other.

        Returns
        -------
        array
            Lengths, nm, of the broadcast shape. Exact for convex pieces and all that is
            combined from them; else sampled every `SAMPLING_STEP_NM`.
        """
        x, y = np.broadcast_arrays(np.asarray(x_nm, float), np.asarray(y_nm, float))
        lines_nm = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
        per_line = len(self.crossings_nm(lines_nm[:1], _BEAM)) + 1
        parts = max(1, len(lines_nm) * per_line // _POINTS_AT_ONCE)
        lengths = [self._inside_nm(part) for part in np.array_split(lines_nm, parts)]
        return np.concatenate(lengths).reshape(x.shape)

    def _inside_nm(self, lines_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Length inside along lines parallel to the beam, shape (n,)."""
        at_nm = np.sort(self.crossings_nm(lines_nm, _BEAM), axis=0)
        before, after = at_nm[:-1], at_nm[1:]
        piece, line = np.nonzero(before < after)
        before, after = before[piece, line], after[piece, line]
        points = lines_nm[line]
        points[:, 2] += _middle(before, after)
        lengths = np.where(self.contains(points), after - before, 0.0)
        return np.asarray(np.bincount(line, lengths, minlength=len(lines_nm)), dtype=np.float64)

    def moved(self, by_nm: ArrayLike) -> Volume:
        """Shifted by a vector (3,), nm."""
        return Placed(self, np.eye(3), _vector(by_nm))

    def rotated(self, rotation: Rotation) -> Volume:
        """Turned about the origin."""
        return Placed(self, rotation.as_matrix(), np.zeros(3))

    def mirrored(self, normal: ArrayLike) -> Volume:
        """Reflected in the plane through the origin with this normal (3,)."""
        return Placed(self, reflection(normal), np.zeros(3))

    def inverted(self) -> Volume:
        """Inverted through the origin."""
        return Placed(self, -np.eye(3), np.zeros(3))

    def strained(self, matrix: ArrayLike) -> Volume:
        """Mapped by a matrix (3, 3) about the origin, r -> M r: strain, shear, stretch."""
        return Strained(self, np.asarray(matrix, dtype=np.float64).reshape(3, 3))

    def __or__(self, other: Volume) -> Volume:
        return Union((*_parts(self, Union), *_parts(other, Union)))

    def __and__(self, other: Volume) -> Volume:
        return Intersection((*_parts(self, Intersection), *_parts(other, Intersection)))

    def __sub__(self, other: Volume) -> Volume:
        return Difference(self, other)


class ConvexVolume(Volume):
    """A volume that every line crosses in one piece."""

    @abstractmethod
    def interval_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where lines (see `crossings_nm`) enter and leave, each (n,); enter > leave: missed."""

    def crossings_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Where lines enter and leave; twice 0 where they miss."""
        both = np.stack(self.interval_nm(origins_nm, direction))
        return np.where(both[0] < both[1], both, 0.0)

    def _inside_nm(self, lines_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        enter, leave = self.interval_nm(lines_nm, _BEAM)
        return np.maximum(leave - enter, 0.0)


@dataclass(frozen=True)
class Union(Volume):
    """What is in any of the parts."""

    parts: tuple[Volume, ...]

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points inside of at least one part."""
        return np.any([part.contains(points_nm) for part in self.parts], axis=0)

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """From the least to the largest of all parts that are not empty."""
        extents = [part.extent_nm(direction) for part in self.parts]
        filled = [(low, high) for low, high in extents if low <= high] or extents[:1]
        return min(low for low, _ in filled), max(high for _, high in filled)

    def crossings_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Crossings with every part."""
        return _all_crossings(self.parts, origins_nm, direction)


@dataclass(frozen=True)
class Intersection(Volume):
    """What is in all of the parts; may be empty."""

    parts: tuple[Volume, ...]

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points inside of every part."""
        return np.all([part.contains(points_nm) for part in self.parts], axis=0)

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """What the extents of all parts share: may be more than the volume's own."""
        extents = [part.extent_nm(direction) for part in self.parts]
        return max(low for low, _ in extents), min(high for _, high in extents)

    def crossings_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Crossings with every part."""
        return _all_crossings(self.parts, origins_nm, direction)


@dataclass(frozen=True)
class Difference(Volume):
    """What is in one volume and not in the other; the cut face belongs to the other."""

    whole: Volume
    removed: Volume

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points inside of the whole and outside of what is removed."""
        return self.whole.contains(points_nm) & ~self.removed.contains(points_nm)

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """That of the whole: may be more than the volume's own."""
        return self.whole.extent_nm(direction)

    def crossings_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Crossings with both."""
        return _all_crossings((self.whole, self.removed), origins_nm, direction)


@dataclass(frozen=True, eq=False)
class Placed(Volume):
    """A volume turned about the origin, or reflected in it, then shifted."""

    volume: Volume
    matrix: NDArray[np.float64]
    """Orthogonal, shape (3, 3)."""
    shift_nm: NDArray[np.float64]
    """Shape (3,)."""

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points that are inside once the motion is undone."""
        return self.volume.contains((np.asarray(points_nm) - self.shift_nm) @ self.matrix)

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """Extent along the direction turned back, shifted."""
        low, high = self.volume.extent_nm(np.asarray(direction) @ self.matrix)
        by = float(self.shift_nm @ np.asarray(direction))
        return low + by, high + by

    def crossings_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Crossings of the lines moved back: a motion keeps distances."""
        return self.volume.crossings_nm(
            (origins_nm - self.shift_nm) @ self.matrix, direction @ self.matrix
        )

    def moved(self, by_nm: ArrayLike) -> Volume:
        """Shifted further by a vector (3,), nm."""
        return Placed(self.volume, self.matrix, self.shift_nm + _vector(by_nm))

    def rotated(self, rotation: Rotation) -> Volume:
        """Turned further about the origin."""
        turn = rotation.as_matrix()
        return Placed(self.volume, turn @ self.matrix, turn @ self.shift_nm)


@dataclass(frozen=True, eq=False)
class Strained(Volume):
    """A volume mapped by a matrix about the origin."""

    volume: Volume
    matrix: NDArray[np.float64]
    """Invertible, shape (3, 3)."""

    def __post_init__(self) -> None:
        if not abs(np.linalg.det(self.matrix)) > 0:
            raise InputError(
                f"matrix {self.matrix.tolist()}",
                where="Volume.strained",
                why="It flattens the volume: its determinant is zero",
                fix="Give a matrix that can be undone",
            )

    def contains(self, points_nm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Points that are inside once the map is undone."""
        return self.volume.contains(self._back(np.asarray(points_nm)))

    def extent_nm(self, direction: ArrayLike) -> tuple[float, float]:
        """Extent along the direction that the map makes of this one."""
        return self.volume.extent_nm(np.asarray(direction) @ self.matrix)

    def crossings_nm(
        self, origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Crossings of the lines mapped back, on their new scale."""
        back = self._back(direction)
        scale = float(np.linalg.norm(back))
        return self.volume.crossings_nm(self._back(origins_nm), back / scale) / scale

    def _back(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.solve(self.matrix, vectors.T).T, dtype=np.float64)


def _all_crossings(
    parts: Sequence[Volume], origins_nm: NDArray[np.float64], direction: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.concatenate([part.crossings_nm(origins_nm, direction) for part in parts])


def _middle(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """A place between two crossings, of which either may be infinite."""
    low = np.where(np.isinf(before), np.minimum(after, 1.0) - 2.0, before)
    high = np.where(np.isinf(after), np.maximum(low, -1.0) + 2.0, after)
    return (low + high) / 2


def _parts(volume: Volume, kind: type[Union] | type[Intersection]) -> tuple[Volume, ...]:
    """The parts of a union (intersection), so that a | b | c is one union of three."""
    return volume.parts if isinstance(volume, kind) else (volume,)


def _vector(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64).reshape(3)
