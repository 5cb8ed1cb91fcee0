"""Orientations of crystals: planes and directions brought onto given axes, tilts, epitaxy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.miller import direction as direction_of
from hrtem_shift.structures.miller import plane_normal, three_indices

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

    from hrtem_shift.structures.crystals import Crystal


def aligned(
    crystal: Crystal,
    *,
    plane: Sequence[int],
    direction: ArrayLike,
    normal: ArrayLike = (0, 0, 1),
    along: ArrayLike = (1, 0, 0),
) -> Rotation:
    """Rotation that lays a plane across one axis and a direction in it along another.

    Parameters
    ----------
    crystal : Crystal
        What to turn.
    plane : sequence of int
        Miller indices (h, k, l) or (h, k, i, l); their normal is rotated onto `normal`.
    direction : array, shape (3,)
        Indices [uvw] of a direction in that plane, rotated onto `along`.
    normal, along : array, shape (3,)
        Axes of the scene; of `along` only what is perpendicular to `normal` counts.

    Returns
    -------
    scipy.spatial.transform.Rotation

    Raises
    ------
    InputError
        The direction does not lie in the plane (h u + k v + l w is not 0), or one is zero.
    """
    from scipy.spatial.transform import Rotation

    indices = np.asarray(direction, dtype=np.float64)
    if not indices.any() or abs(np.dot(three_indices(plane), indices)) > 1e-9:
        raise InputError(
            f"direction {indices.tolist()} with plane {tuple(plane)}",
            where="orientation",
            why="It does not lie in the plane: h u + k v + l w must be 0",
            fix="Choose a direction in the plane",
        )
    crystal_axes = _frame(plane_normal(crystal, plane), direction_of(crystal, indices))
    scene_axes = _frame(_unit(normal, "normal"), np.asarray(along, dtype=np.float64))
    return Rotation.from_matrix(scene_axes.T @ crystal_axes)


def epitaxial(
    crystal: Crystal,
    *,
    plane: Sequence[int],
    direction: ArrayLike,
    on: Crystal,
    on_plane: Sequence[int],
    on_direction: ArrayLike,
    on_rotation: Rotation | None = None,
) -> Rotation:
    """Rotation of a crystal that grows on another: (hkl) || (HKL) and [uvw] || [UVW].

    Parameters
    ----------
    crystal, plane, direction
        What grows, and its plane and direction (see `aligned`).
    on, on_plane, on_direction
        What it grows on.
    on_rotation : scipy.spatial.transform.Rotation, optional
        Orientation of the crystal below; none by default.

    Returns
    -------
    scipy.spatial.transform.Rotation

    Raises
    ------
    InputError
        A direction does not lie in its plane.
    """
    below = aligned(on, plane=on_plane, direction=on_direction)
    above = aligned(crystal, plane=plane, direction=direction)
    rotation = below.inv() * above
    return rotation if on_rotation is None else on_rotation * rotation


def symmetric_tilt(axis: ArrayLike, angle_degrees: float) -> tuple[Rotation, Rotation]:
    """Half the angle to either side about an axis: the two grains of a symmetric boundary.

    With a cubic crystal, ``axis`` (0, 0, 1), a boundary across x and 36.87 degrees this is
    the boundary Sigma 5 (310).
    """
    from scipy.spatial.transform import Rotation

    half = _unit(axis, "axis") * np.radians(angle_degrees) / 2
    return Rotation.from_rotvec(half), Rotation.from_rotvec(-half)


def _frame(normal: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows: along, across, normal; right-handed and orthonormal."""
    along = _unit(along - (along @ normal) * normal, "along")
    return np.stack([along, np.cross(normal, along), normal])


def _unit(vector: ArrayLike, name: str) -> NDArray[np.float64]:
    values = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(values))
    if values.shape != (3,) or not 1e-9 < length < np.inf:
        raise InputError(
            f"{name} {values.tolist()}",
            where="orientation",
            why="It gives no direction",
            fix="Give three numbers that are not all zero (and `along` not parallel to `normal`)",
        )
    return values / length
