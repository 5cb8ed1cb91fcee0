"""Miller indices: planes, directions, and the families that a crystal's symmetry makes of them.

Three indices (h, k, l), or four (h, k, i, l) for hexagonal cells, where i = -h - k.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.unit_cells import Crystal

Miller = tuple[int, ...]

_SAME_NM = 1e-4


def plane_normal(crystal: Crystal, plane: Sequence[int]) -> NDArray[np.float64]:
    """Unit normal (3,) of a plane (hkl) in the crystal's frame: along h a* + k b* + l c*."""
    normal = np.array(three_indices(plane)) @ crystal.reciprocal_per_nm
    return normal / np.linalg.norm(normal)


def spacing_nm(crystal: Crystal, plane: Sequence[int]) -> float:
    """Distance between neighbouring planes (hkl) of the lattice, nm."""
    vector = np.array(three_indices(plane)) @ crystal.reciprocal_per_nm
    return float(1 / np.linalg.norm(vector))


def snapped_nm(crystal: Crystal, plane: Sequence[int], distance_nm: float) -> float:
    """Distance of the lattice plane (hkl) that is nearest to a distance from the origin, nm."""
    step = spacing_nm(crystal, plane)
    return float(round(distance_nm / step) * step)


def direction(crystal: Crystal, indices: ArrayLike) -> NDArray[np.float64]:
    """Unit vector (3,) along u a + v b + w c, the direction [uvw]."""
    vector = np.asarray(indices, dtype=np.float64) @ crystal.cell_nm
    return vector / np.linalg.norm(vector)


def angle_degrees(crystal: Crystal, first: Sequence[int], second: Sequence[int]) -> float:
    """Angle between the normals of two planes, degrees."""
    cosine = plane_normal(crystal, first) @ plane_normal(crystal, second)
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


def family(
    crystal: Crystal, plane: Sequence[int], operations: NDArray[np.int64] | None = None
) -> list[Miller]:
    """All planes that are equivalent to one.

    Parameters
    ----------
    crystal : Crystal
        Gives the symmetry.
    plane : sequence of int
        (h, k, l) or (h, k, i, l).
    operations : array of int, shape (n, 3, 3), optional
        The symmetry to use in place of `point_group`, for example `lattice_symmetry`.

    Returns
    -------
    list of tuple of int
        Three indices each, sorted downwards, the plane itself among them.
    """
    group = point_group(crystal) if operations is None else operations
    # x' = M x in fractions; a plane's indices are covariant: h' = h M^-1, and M^-1 is in the group.
    images = np.array(three_indices(plane)) @ group
    return sorted({(int(h), int(k), int(l_)) for h, k, l_ in images}, reverse=True)


@lru_cache(maxsize=64)
def lattice_symmetry(crystal: Crystal) -> NDArray[np.int64]:
    """Rotations and reflections that keep the cell's lattice, whatever is in the cell.

    Returns
    -------
    array of int, shape (n, 3, 3)
        Matrices M on columns of fractional coordinates; 48 for a cubic cell.

    Notes
    -----
    Entries from -1 to 1 suffice for the conventional cells of cubic, hexagonal, tetragonal and
    orthorhombic crystals and for reduced cells; other settings may lose operations.
    """
    metric = crystal.cell_nm @ crystal.cell_nm.T
    matrices = np.array(list(product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    images = matrices.transpose(0, 2, 1) @ metric @ matrices
    limit = 1e-4 * np.abs(metric).max()
    chosen = matrices[np.abs(images - metric).max(axis=(1, 2)) < limit].astype(np.int64)
    chosen.setflags(write=False)
    return chosen


@lru_cache(maxsize=64)
def point_group(crystal: Crystal) -> NDArray[np.int64]:
    """Rotations and reflections that, with some shift, map the crystal onto itself.

    Returns
    -------
    array of int, shape (n, 3, 3)
        As `lattice_symmetry`, of which it keeps those that the atoms obey: 24 for zinc
        blende, 12 for wurtzite.
    """
    lattice = lattice_symmetry(crystal)
    chosen = lattice[[_is_symmetry(crystal, matrix) for matrix in lattice]]
    chosen.setflags(write=False)
    return chosen


def three_indices(plane: Sequence[int]) -> Miller:
    """(h, k, l) of a plane given by three or four indices.

    Raises
    ------
    InputError
        Not three or four whole numbers, all zero, or four whose first three do not add to zero.
    """
    indices = tuple(int(index) for index in plane)
    whole = indices == tuple(plane) and any(indices)
    if whole and len(indices) == 3:
        return indices
    if whole and len(indices) == 4 and sum(indices[:3]) == 0:
        return indices[0], indices[1], indices[3]
    raise InputError(
        f"{tuple(plane)} is no plane",
        where="Miller indices",
        why="Three whole numbers, not all zero, are needed, or four with h + k + i = 0",
        fix="Write it like (1, 1, 1) or (1, 0, -1, 0)",
    )


def _is_symmetry(crystal: Crystal, matrix: NDArray[np.int64]) -> bool:
    """Is there a shift with which the matrix maps every atom onto one of its element?"""
    elements, counts = np.unique(crystal.atomic_numbers, return_counts=True)
    rarest = crystal.fractional[crystal.atomic_numbers == elements[counts.argmin()]]
    images = crystal.fractional @ matrix.T
    first = rarest[0] @ matrix.T
    return any(_maps(crystal, images + (target - first)) for target in rarest)


def _maps(crystal: Crystal, images: NDArray[np.float64]) -> bool:
    apart = images[:, None] - crystal.fractional
    gap_nm = np.linalg.norm((apart - np.round(apart)) @ crystal.cell_nm, axis=-1)
    same = crystal.atomic_numbers[:, None] == crystal.atomic_numbers
    return bool(((gap_nm < _SAME_NM) & same).any(axis=1).all())
