"""Amorphous carbon as hard spheres, put in one at a time.

Random sequential insertion: a random place is taken if no atom is nearer than the minimum
distance. A cell list makes each test constant in time. The film repeats in x and y and has
free surfaces in z. This is a random hard-sphere packing, not a relaxed carbon: its radial
distribution steps at the minimum distance and has no second shell.

This module imports numba; import it where atoms are made, not where parameters are read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.compiled import compiled
from hrtem_shift.errors import InputError
from hrtem_shift.structures.carbon_limits import DENSEST_PACKING


def amorphous_carbon(
    size_nm: tuple[float, float, float],
    *,
    density_per_nm3: float,
    min_distance_nm: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Fill a box with carbon atoms, periodic in x and y.

    Parameters
    ----------
    size_nm : tuple of float
        Edges (x, y, z) of the box, nm; atoms have 0 <= position < edge.
    density_per_nm3 : float
        Atoms per nm³; 110.3 is 2.2 g/cm³.
    min_distance_nm : float
        No two atoms are nearer than this, across the x and y borders too.
    rng : numpy.random.Generator
        Source of every random number.

    Returns
    -------
    array, shape (N, 3)
        Positions (x, y, z), nm, in the order of insertion; N is density times volume,
        rounded.

    Raises
    ------
    InputError
        The spheres cannot be packed that densely, or the box is too small for them.
    """
    _check(size_nm, density_per_nm3, min_distance_nm)
    size = np.array(size_nm, dtype=np.float64)
    positions = np.empty((round(density_per_nm3 * float(np.prod(size))), 3))
    # At least as wide as the minimum distance: only 27 cells can hold a neighbour.
    shape = np.maximum(np.floor(size / min_distance_nm).astype(np.int64), 1)
    newest = np.full(tuple(shape), -1, dtype=np.int64)
    older = np.empty(len(positions), dtype=np.int64)
    count = 0
    while count < len(positions):
        tries = rng.random((2 * (len(positions) - count) + 64, 3)) * size
        count = _insert(tries, size, min_distance_nm**2, newest, older, positions, count)
    return positions


def _check(size_nm: tuple[float, float, float], density: float, distance: float) -> None:
    if min(*size_nm, density, distance) <= 0:
        raise InputError(
            f"a film of {size_nm} nm, {density:g} atoms per nm³ at least {distance:g} nm apart",
            where="carbon",
            why="A size, a density and a distance are above zero",
            fix="Correct the negative or zero value",
        )
    packing = density * np.pi / 6 * distance**3
    if packing > DENSEST_PACKING:
        raise InputError(
            f"{density:g} atoms per nm³ at least {distance:g} nm apart fill {packing:.0%}",
            where="carbon_density_per_nm3, carbon_min_distance_nm",
            why=f"Random insertion of spheres jams above {DENSEST_PACKING:.0%}",
            fix="Lower the density or the minimum distance",
        )
    if min(size_nm[:2]) < 3 * distance:
        raise InputError(
            f"a film of {size_nm[0]:g} x {size_nm[1]:g} nm",
            where="field_nm",
            why=f"It is narrower than three times the minimum distance of {distance:g} nm",
            fix="Give a wider field",
        )


@compiled
def _insert(tries, size, min_distance2, newest, older, positions, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Insert tries in order until `positions` is full; return how many atoms there are.

    `newest` holds the last atom of each cell and `older` the one before each atom.
    """
    nx, ny, nz = newest.shape
    for x, y, z in tries:
        if count == len(positions):
            break
        ix = min(int(x / size[0] * nx), nx - 1)
        iy = min(int(y / size[1] * ny), ny - 1)
        iz = min(int(z / size[2] * nz), nz - 1)
        free = True
        for jx in range(ix - 1, ix + 2):
            for jy in range(iy - 1, iy + 2):
                for jz in range(max(iz - 1, 0), min(iz + 2, nz)):
                    other = newest[jx % nx, jy % ny, jz]
                    while free and other >= 0:
                        dx = abs(x - positions[other, 0])
                        dy = abs(y - positions[other, 1])
                        dz = z - positions[other, 2]
                        dx = min(dx, size[0] - dx)
                        dy = min(dy, size[1] - dy)
                        free = dx * dx + dy * dy + dz * dz >= min_distance2
                        other = older[other]
                    if not free:
                        break
                if not free:
                    break
            if not free:
                break
        if free:
            positions[count, 0], positions[count, 1], positions[count, 2] = x, y, z
            older[count] = newest[ix, iy, iz]
            newest[ix, iy, iz] = count
            count += 1
    return count
