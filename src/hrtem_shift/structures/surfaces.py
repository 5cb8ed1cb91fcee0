"""Surfaces of particles: which atoms are outside, their normals, and adsorbed molecules.

An atom is on the surface if it lacks neighbours *and* those it has are to one side of it. The
second condition leaves out the surroundings of vacancies, grain boundaries and the sites of a
compound that have few bonds in the bulk, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

ONE_SIDED = 0.1
"""Surface atoms have an exposure above this; a flat surface has 3/8, the bulk 0."""

TURNS = 8
"""Orientations that are tried at each site before it is given up."""


def coordination_numbers(atoms: Atoms, bond_nm: float) -> NDArray[np.int64]:
    """Number of atoms within a distance of each atom, shape (N,).

    Parameters
    ----------
    atoms : Atoms
        All atoms that may be neighbours.
    bond_nm : float
        Longest distance of neighbours, nm; 1.2 times the bond length is usual.
    """
    from scipy.spatial import cKDTree

    pairs = cKDTree(atoms.positions_nm).query_pairs(_length(bond_nm), output_type="ndarray")
    return np.bincount(pairs.ravel(), minlength=len(atoms)).astype(np.int64)


def exposure(atoms: Atoms, reach_nm: float) -> NDArray[np.float64]:
    """How one-sided the surroundings of each atom are, and which way is out.

    Parameters
    ----------
    atoms : Atoms
        All atoms of the object.
    reach_nm : float
        Radius of what counts as surroundings, nm; two or three shells of neighbours.

    Returns
    -------
    array, shape (N, 3)
        From the mean position of the surroundings to the atom, in units of `reach_nm`: 0 in
        the bulk, 3/8 of the outward normal on a flat surface of a continuum.
    """
    from scipy.spatial import cKDTree

    pairs = cKDTree(atoms.positions_nm).query_pairs(_length(reach_nm), output_type="ndarray")
    first, second = pairs.T
    apart_nm = atoms.positions_nm[first] - atoms.positions_nm[second]
    count = np.bincount(pairs.ravel(), minlength=len(atoms))
    sums = [
        np.bincount(first, along, len(atoms)) - np.bincount(second, along, len(atoms))
        for along in apart_nm.T
    ]
    return np.stack(sums, axis=-1) / (np.maximum(count, 1) * reach_nm)[:, None]


def outward_normals(atoms: Atoms, reach_nm: float) -> NDArray[np.float64]:
    """Unit vectors (N, 3) away from each atom's surroundings; 0 where these are even."""
    outward = exposure(atoms, reach_nm)
    length = np.linalg.norm(outward, axis=1, keepdims=True)
    return np.divide(outward, length, out=np.zeros_like(outward), where=length > 1e-9)


def surface_atoms(
    atoms: Atoms, *, bond_nm: float, reach_nm: float | None = None
) -> NDArray[np.bool_]:
    """Which atoms are on the surface.

    Parameters
    ----------
    atoms : Atoms
        One object.
    bond_nm : float
        Longest distance of neighbours, nm.
    reach_nm : float, optional
        Radius of the surroundings that must be one-sided (see `exposure`), nm; twice
        `bond_nm` by default.

    Returns
    -------
    array of bool, shape (N,)
        Fewer neighbours than the best surrounded atom of the same element, and an exposure
        above `ONE_SIDED`.
    """
    neighbours = coordination_numbers(atoms, bond_nm)
    full = np.zeros(int(atoms.atomic_numbers.max(initial=0)) + 1, dtype=np.int64)
    np.maximum.at(full, atoms.atomic_numbers, neighbours)
    outward = exposure(atoms, 2 * bond_nm if reach_nm is None else reach_nm)
    lacks = neighbours < full[atoms.atomic_numbers]
    return lacks & (np.linalg.norm(outward, axis=1) > ONE_SIDED)


def adsorbed(
    particle: Atoms,
    molecule: Atoms,
    *,
    rng: np.random.Generator,
    height_nm: float,
    min_distance_nm: float,
    bond_nm: float,
    count: int | None = None,
    sites: NDArray[np.bool_] | None = None,
    orientation: Literal["normal", "random"] = "normal",
    region: int | None = None,
) -> Atoms:
    """Put copies of a molecule on top of random surface atoms.

    Parameters
    ----------
    particle : Atoms
        What they are adsorbed on.
    molecule : Atoms
        Anchor at the origin, the rest along +z (see `molecules`).
    rng : numpy.random.Generator
        Source of every random number.
    height_nm : float
        Distance of the anchor from its surface atom, along the outward normal, nm.
    min_distance_nm : float
        No atom of a molecule is nearer to the particle or to another molecule, nm.
    bond_nm : float
        Longest distance of neighbours in the particle, nm (see `surface_atoms`).
    count : int, optional
        How many; as many as fit by default.
    sites : array of bool, shape (N,), optional
        Atoms that may be chosen, for example one region's; those inside are left out.
    orientation : str
        ``normal``: upright, turned at random about the normal; ``random``: any way.
    region : int, optional
        Region of all molecules; the next after the particle's by default.

    Returns
    -------
    Atoms
        The particle, unchanged, and after it the molecules one by one.

    Raises
    ------
    InputError
        Fewer than `count` fit, or the anchor itself would be too near.
    """
    if not 0 < min_distance_nm <= height_nm:
        raise _refused(
            f"a height of {height_nm:g} nm with a minimum distance of {min_distance_nm:g} nm",
            "The anchor would be too near to the atom that it sits on",
            "Give a height not below the minimum distance, and both above zero",
        )
    if not len(molecule) or (count is not None and count < 0):
        raise _refused(
            f"{count} molecules of {len(molecule)} atoms",
            "Neither may be negative, and a molecule has an atom",
            "Correct it",
        )
    may = surface_atoms(particle, bond_nm=bond_nm)
    normals = outward_normals(particle, 2 * bond_nm)
    order = rng.permutation(np.flatnonzero(may if sites is None else may & sites))
    crowd = _Crowd(particle, molecule, min_distance_nm)
    placed: list[Atoms] = []
    for site in order:
        if len(placed) == count:
            break
        anchor_nm = particle.positions_nm[site] + height_nm * normals[site]
        turns = _turns(normals[site], orientation, rng)  # (t, 3, 3)
        free_nm = crowd.first_that_fits(molecule.positions_nm @ turns.swapaxes(1, 2) + anchor_nm)
        if free_nm is not None:
            placed.append(replace(molecule, positions_nm=free_nm))
    if count is not None and len(placed) < count:
        raise _refused(
            f"{count} molecules",
            f"Only {len(placed)} fit on {len(order)} surface atoms",
            "Ask for fewer, or lower min_distance_nm",
        )
    top = int(particle.region.max(initial=0)) + 1 if region is None else region
    return Atoms.joined([particle, Atoms.joined(placed).with_region(top)])


class _Crowd:
    """Copies of a molecule that keep a distance from a particle and from each other."""

    def __init__(self, particle: Atoms, molecule: Atoms, distance_nm: float) -> None:
        from scipy.spatial import cKDTree

        self.particle: cKDTree = cKDTree(particle.positions_nm)
        self.distance_nm = distance_nm * (1 - 1e-9)  # the anchor's own height may equal it
        span_nm = float(np.linalg.norm(molecule.positions_nm, axis=1).max())
        self.reach_nm = span_nm + distance_nm  # of an anchor to what its molecule may meet
        self.guests_nm = np.empty((0, 3))

    def first_that_fits(self, tries_nm: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Of positions (t, m, 3) about one anchor, the first (m, 3) with room, which it takes."""
        from scipy.spatial import cKDTree

        anchor_nm = tries_nm[0, 0]
        from_anchor_nm = np.linalg.norm(self.guests_nm - anchor_nm, axis=1)
        if from_anchor_nm.min(initial=np.inf) < self.distance_nm:
            return None
        guests = cKDTree(self.guests_nm[from_anchor_nm < self.reach_nm])
        free = np.ones(len(tries_nm), dtype=bool)
        for tree in (self.particle, guests):
            gap_nm, _ = tree.query(tries_nm[free], distance_upper_bound=self.distance_nm)
            free[free] = np.isinf(gap_nm).all(axis=1)
            if not free.any():
                return None
        first_nm = tries_nm[np.argmax(free)]
        self.guests_nm = np.concatenate([self.guests_nm, first_nm])
        return first_nm


def _turns(
    normal: NDArray[np.float64], orientation: str, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Rotation matrices (TURNS, 3, 3) to try at a site."""
    from scipy.spatial.transform import Rotation

    if orientation == "random":
        return np.asarray(Rotation.from_quat(rng.standard_normal((TURNS, 4))).as_matrix())
    if orientation != "normal":
        raise _refused(
            f"orientation '{orientation}'", "It is 'normal' or 'random'", "Choose one of them"
        )
    # Columns are where x, y and z go: z along the normal, x anywhere across it.
    across = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    across /= np.linalg.norm(across)
    spins = rng.uniform(0, 2 * np.pi, TURNS)[:, None]
    x = np.cos(spins) * across + np.sin(spins) * np.cross(normal, across)
    return np.stack([x, np.cross(normal, x), np.broadcast_to(normal, x.shape)], axis=-1)


def _length(length_nm: float) -> float:
    if not 0 < length_nm < np.inf:
        raise _refused(f"a distance of {length_nm:g} nm", "It must be above zero", "Correct it")
    return length_nm


def _refused(what: str, why: str, fix: str) -> InputError:
    return InputError(what, where="surfaces", why=why, fix=fix)
