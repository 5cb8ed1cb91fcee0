"""Objects of several crystals: grain boundaries, polycrystals, cores and shells.

Every part is cut from its own crystal by its own volume. One rule joins them: **an atom of a
later part that is nearer than the minimum distance to an atom of an earlier one is left out**.
The earlier part (the first grain, the core) is always whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import Crystal, fill, random_rotation
from hrtem_shift.structures.volumes import HalfSpace, Volume

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation


TRIES = 20
"""Draws of the points of random grains."""


@dataclass(frozen=True, eq=False)
class Grain:
    """A crystal, the volume that it fills, and how it lies in it (see `crystals.fill`)."""

    crystal: Crystal
    volume: Volume
    rotation: Rotation | None = None
    offset_fractional: ArrayLike = (0.0, 0.0, 0.0)
    origin_nm: ArrayLike = (0.0, 0.0, 0.0)

    def atoms(self) -> Atoms:
        """All atoms inside; an error if there are none."""
        atoms = fill(
            self.crystal,
            self.volume,
            rotation=self.rotation,
            offset_fractional=self.offset_fractional,
            origin_nm=self.origin_nm,
        )
        if not len(atoms):
            raise InputError(
                f"a grain of {self.crystal.name} without atoms",
                where="grains",
                why="No nucleus lies in its volume",
                fix="Give it a larger volume",
            )
        return atoms


def join_apart(
    parts: Sequence[Atoms],
    min_distance_nm: float,
    *,
    field_nm: tuple[float, float] | None = None,
) -> Atoms:
    """Join parts; of atoms that are too near, those of the earlier part stay.

    Parameters
    ----------
    parts : sequence of Atoms
        From the one that stays whole. Distances within a part are not checked.
    min_distance_nm : float
        No atom is nearer than this to one of another part, nm.
    field_nm : tuple of float, optional
        Edges (x, y) of a field that repeats; distances then count across its borders too.

    Returns
    -------
    Atoms
        In the order of the parts, with the regions that they had.

    Raises
    ------
    InputError
        The distance is negative or not finite.
    """
    if not 0 <= min_distance_nm < np.inf:
        raise InputError(
            f"a minimum distance of {min_distance_nm:g} nm",
            where="min_distance_nm",
            why="A distance is finite and not negative",
            fix="Give one such as 0.2",
        )
    kept: list[Atoms] = []
    for part in parts:
        near = _nearer(part, Atoms.joined(kept), min_distance_nm, field_nm)
        kept.append(part.select(~near))
    return Atoms.joined(kept)


def polycrystal(grains: Sequence[Grain], *, min_distance_nm: float) -> Atoms:
    """Fill grains and join them.

    Parameters
    ----------
    grains : sequence of Grain
        Their volumes may touch or overlap; earlier grains come first.
    min_distance_nm : float
        Smallest distance across a boundary, nm.

    Returns
    -------
    Atoms
        Region k is the k-th grain, counted from 1.

    Raises
    ------
    InputError
        A grain holds no atom, or the distance is negative.
    """
    parts = [grain.atoms().with_region(k) for k, grain in enumerate(grains, start=1)]
    return join_apart(parts, min_distance_nm)


def bicrystal(
    volume: Volume,
    crystals: tuple[Crystal, Crystal],
    rotations: tuple[Rotation, Rotation],
    *,
    normal: ArrayLike = (1, 0, 0),
    point_nm: ArrayLike = (0, 0, 0),
    offsets_fractional: tuple[ArrayLike, ArrayLike] = ((0, 0, 0), (0, 0, 0)),
    origin_nm: ArrayLike = (0.0, 0.0, 0.0),
    min_distance_nm: float,
) -> Atoms:
    """Two grains with a plane boundary.

    Parameters
    ----------
    volume : Volume
        The outline of both together.
    crystals : tuple of Crystal
        Below and above the boundary; twice the same for a grain boundary of one phase.
    rotations : tuple of scipy.spatial.transform.Rotation
        Their orientations, for example from `orientations.symmetric_tilt`.
    normal, point_nm : array, shape (3,)
        Normal of the boundary, from the first grain to the second, and a point on it.
    offsets_fractional : tuple of array
        Shift of each lattice, in fractions of its cell.
    origin_nm : array, shape (3,)
        Point about which both lattices are turned (see `crystals.fill`).
    min_distance_nm : float
        Smallest distance across the boundary, nm; the second grain gives way.

    Returns
    -------
    Atoms
        Region 1 is below the boundary, 2 above.

    Raises
    ------
    InputError
        A grain holds no atom, or the distance is negative.
    """
    x, y, z = np.asarray(normal, dtype=np.float64).tolist()
    below = HalfSpace.below(point_nm, (x, y, z))
    sides = volume & below, volume - below
    parts = zip(crystals, sides, rotations, offsets_fractional, strict=True)
    grains = [Grain(*part, origin_nm) for part in parts]
    return polycrystal(grains, min_distance_nm=min_distance_nm)


def random_grains(
    crystal: Crystal,
    volume: Volume,
    count: int,
    rng: np.random.Generator,
    *,
    min_distance_nm: float,
) -> Atoms:
    """Fill a volume about the origin with grains of one crystal: Voronoi cells, turned at random.

    The cells' points are drawn in the middle of the volume; of `TRIES` draws the one whose points
    are farthest apart is taken. The first grain keeps the crystal's axes.

    Returns
    -------
    Atoms
        Region k is the k-th grain, counted from 1.

    Raises
    ------
    InputError
        A grain holds no atom, or the distance is negative.
    """
    from scipy.spatial.distance import pdist
    from scipy.spatial.transform import Rotation

    low_nm, high_nm = volume.bounds_nm()
    draws = rng.uniform(-0.25, 0.25, (TRIES, count, 3)) * (high_nm - low_nm)
    points_nm = max(draws, key=lambda draw: pdist(draw).min(initial=np.inf))
    grains = []
    for k, point_nm in enumerate(points_nm):
        cell = volume
        for other_nm in np.delete(points_nm, k, axis=0):
            x, y, z = (other_nm - point_nm).tolist()
            cell = cell & HalfSpace.below((point_nm + other_nm) / 2, (x, y, z))
        rotation = random_rotation(rng) if k else Rotation.identity()
        grains.append(Grain(crystal, cell, rotation, rng.random(3)))
    return polycrystal(grains, min_distance_nm=min_distance_nm)


def core_shell(
    core: Grain,
    shell: Crystal,
    volume: Volume,
    *,
    rotation: Rotation | None = None,
    offset_fractional: ArrayLike | None = None,
    min_distance_nm: float,
) -> Atoms:
    """A core of one crystal in a shell of another.

    Parameters
    ----------
    core : Grain
        The core, always whole, also where it sticks out of the shell.
    shell : Crystal
        What surrounds it.
    volume : Volume
        Outline of core and shell together.
    rotation : scipy.spatial.transform.Rotation, optional
        Orientation of the shell; the core's by default (cube on cube). Other relations come
        from `orientations.epitaxial`.
    offset_fractional : array, shape (3,), optional
        Shift of the shell's lattice; the core's by default.
    min_distance_nm : float
        Smallest distance across the interface, nm; the shell gives way.

    Returns
    -------
    Atoms
        Region 1 is the core, 2 the shell.

    Raises
    ------
    InputError
        Core or shell holds no atom, or the distance is negative.
    """
    outer = Grain(
        shell,
        volume - core.volume,
        core.rotation if rotation is None else rotation,
        core.offset_fractional if offset_fractional is None else offset_fractional,
        core.origin_nm,
    )
    return polycrystal([core, outer], min_distance_nm=min_distance_nm)


def _nearer(
    atoms: Atoms, others: Atoms, distance_nm: float, field_nm: tuple[float, float] | None
) -> NDArray[np.bool_]:
    """Which atoms are nearer than a distance to any of the others."""
    from scipy.spatial import cKDTree

    if not len(others) or not len(atoms) or distance_nm == 0:
        return np.zeros(len(atoms), dtype=bool)
    here_nm, there_nm = atoms.positions_nm, others.positions_nm
    if field_nm is None:
        tree = cKDTree(there_nm)
    else:
        here_nm, there_nm = wrapped(here_nm, field_nm), wrapped(there_nm, field_nm)
        tree = cKDTree(there_nm, boxsize=(*field_nm, 0))
    gap_nm, _ = tree.query(here_nm, distance_upper_bound=distance_nm)
    return np.isfinite(gap_nm)


def wrapped(
    positions_nm: NDArray[np.float64], field_nm: tuple[float, float]
) -> NDArray[np.float64]:
    """Positions (N, 3) brought into a field that repeats, 0 <= x < field, and y; nm."""
    inside_nm = positions_nm.copy()
    inside_nm[:, :2] %= field_nm
    # A remainder of a tiny negative number rounds to the field itself.
    inside_nm[:, :2][inside_nm[:, :2] >= field_nm] = 0.0
    return inside_nm
