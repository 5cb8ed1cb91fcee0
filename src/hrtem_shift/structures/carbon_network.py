"""Amorphous carbon as a network of bonds, nearer to the real one than hard spheres.

Atoms start evenly spread. In each of three rounds the nearest pairs are bonded, nearest
first, most atoms to three neighbours and some to four, without rings of three or four;
then sweeps over all near pairs restore bond lengths, the distances across bond angles, and
a gap to strangers. This is geometry (position-based dynamics), not energy: no forces, no
temperature. docs/amorphous-carbon.md compares its coordination and radial distribution with
hard spheres and with the literature.

This module imports numba; import it where atoms are made, not where parameters are read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.bond_relaxation import (
    count_nearer,
    form_bonds,
    near_pairs,
    restore_distances,
)
from hrtem_shift.structures.carbon_limits import DIAMOND_PER_NM3, LONGEST_MINIMUM_NM

REACH_NM = 0.255
"""Pairs up to here are listed: bonds, second neighbours, strangers that come too near."""
LONGEST_BOND_NM = 0.28
"""Width of the bins that sort the pairs by length; all listed pairs may be bonded."""
RELAX = (np.array([0.233, 0.136, 0.252, 0.242]), np.array([0.7, 1.0, 0.45, 0.45]), 9)
SETTLE = (np.array([0.243, 0.136, 0.252, 0.242]), np.array([0.7, 0.68, 0.3, 0.3]), 8)
"""Wanted distances (nm) and stiffness of strangers, bonds, and second neighbours across a
threefold and a fourfold atom; and the sweeps. Found by a random search for coordination, peaks
of g(r) and time at 2.2 g/cm³. Bonds are wanted shorter than they come out (their peak is at
0.148 nm), because the rest of the network stretches them."""


def carbon_network(
    size_nm: tuple[float, float, float],
    *,
    density_per_nm3: float,
    min_distance_nm: float,
    rng: np.random.Generator,
    rounds: int = 3,
) -> NDArray[np.float64]:
    """Fill a box with bonded carbon atoms, periodic in x, y and z.

    Parameters
    ----------
    size_nm : tuple of float
        Edges (x, y, z) of the box, nm; atoms have 0 <= position < edge. As a film, its
        faces at z = 0 and the upper edge are cuts through the network.
    density_per_nm3 : float
        Atoms per nm³; 110.3 is 2.2 g/cm³. More atoms are fourfold in denser carbon.
    min_distance_nm : float
        No two atoms are nearer than this, across all borders.
    rng : numpy.random.Generator
        Source of every random number.
    rounds : int
        Rounds of bonding and relaxing; time is proportional.

    Returns
    -------
    array, shape (N, 3)
        Positions (x, y, z), nm; N is density times volume, rounded.

    Raises
    ------
    InputError
        The density or the minimum distance is not one of carbon, or the box is too small.
    """
    _check(size_nm, density_per_nm3, min_distance_nm, rounds)
    size = np.array(size_nm, dtype=np.float64)
    positions = _spread(size, density_per_nm3, rng)
    fourfold = rng.random(len(positions)) < _fourfold(density_per_nm3)
    valence = np.where(fourfold, 4, 3).astype(np.int8)
    for _ in range(rounds):
        first, second = _pairs(positions, size, REACH_NM)
        kind = np.empty(len(first), np.int8)
        form_bonds(positions, size, first, second, LONGEST_BOND_NM, valence, kind)
        restore_distances(positions, size, first, second, kind, *RELAX)
    restore_distances(positions, size, first, second, kind, *SETTLE)
    _part(positions, size, min_distance_nm)
    return positions


def _spread(
    size: NDArray[np.float64], density: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """One atom at a random place in each cell of a grid, give or take a few cells."""
    count = round(density * float(np.prod(size)))
    shape = np.maximum(np.round(size * density ** (1 / 3)), 1).astype(np.int64)
    cells = int(np.prod(shape))
    cell = ((np.arange(count) + rng.random()) * (cells / count)).astype(np.int64) % cells
    corner = np.stack(np.unravel_index(cell, tuple(shape)), axis=1)
    return np.asarray((corner + rng.random((count, 3))) * (size / shape))


def _fourfold(density: float) -> float:
    """Share of atoms that may take four bonds at once: 0.35 at 2.2 g/cm³, all in diamond."""
    return float(np.clip(0.35 + 0.01 * (density - 110.3), 0, 1))


def _pairs(
    positions: NDArray[np.float64], size: NDArray[np.float64], reach_nm: float
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    room = 12 * len(positions) + 1024  # three times what evenly spread atoms need
    while True:
        first = np.empty(room, np.int32)
        second = np.empty_like(first)
        count = near_pairs(positions, size, reach_nm, first, second)
        if count >= 0:
            return first[:count], second[:count]
        room *= 2


def _part(positions: NDArray[np.float64], size: NDArray[np.float64], distance: float) -> None:
    """Push pairs apart that are nearer than the minimum distance, until there is none."""
    target, stiffness = np.full(4, distance * (1 + 1e-6)), np.ones(4)
    while True:
        first, second = _pairs(positions, size, distance + 0.02)
        if not count_nearer(positions, size, first, second, distance):
            return
        kind = np.zeros(len(first), np.int8)
        restore_distances(positions, size, first, second, kind, target, stiffness, 16)


def _check(
    size_nm: tuple[float, float, float], density: float, distance: float, rounds: int
) -> None:
    if min(*size_nm, density, distance, rounds) <= 0:
        raise InputError(
            f"a film of {size_nm} nm, {density:g} atoms per nm³ at least {distance:g} nm apart, "
            f"in {rounds} rounds",
            where="carbon",
            why="A size, a density, a distance and a number of rounds are above zero",
            fix="Correct the negative or zero value",
        )
    if density > DIAMOND_PER_NM3:
        raise InputError(
            f"{density:g} atoms per nm³",
            where="density_per_nm3",
            why=f"Diamond has {DIAMOND_PER_NM3:g}",
            fix="Give a density of carbon, 110.3 for 2.2 g/cm³",
        )
    if distance > LONGEST_MINIMUM_NM:
        raise InputError(
            f"a minimum distance of {distance:g} nm",
            where="min_distance_nm",
            why=f"Carbon bonds are as short as {LONGEST_MINIMUM_NM:g} nm",
            fix="Give a shorter one, or make hard spheres",
        )
    if min(size_nm) < 3 * REACH_NM:
        raise InputError(
            f"a film of {size_nm[0]:g} x {size_nm[1]:g} x {size_nm[2]:g} nm",
            where="field_nm, thickness_nm",
            why=f"An edge is shorter than {3 * REACH_NM:g} nm, three times the reach of an atom",
            fix="Give a wider field or a thicker film",
        )
