"""Crystals: a unit cell and the atoms in it.

Lengths are nm, cell vectors are rows, sites are in fractions of the cell vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.elements import atomic_number
from hrtem_shift.structures.space_groups import orbit

Site = tuple[str | int, Sequence[float]]
"""An element and its place in fractions of the cell vectors."""


@dataclass(frozen=True, eq=False)
class Crystal:
    """A unit cell and the atoms in it.

    Attributes
    ----------
    name : str
        What users call it.
    cell_nm : array, shape (3, 3)
        Cell vectors as rows, nm.
    fractional : array, shape (n, 3)
        Atoms in fractions of the cell vectors.
    atomic_numbers : array, shape (n,)
        Their elements.

    Raises
    ------
    InputError
        The cell has no volume, or sites and elements do not match.
    """

    name: str
    cell_nm: NDArray[np.float64]
    fractional: NDArray[np.float64]
    atomic_numbers: NDArray[np.int64]

    def __post_init__(self) -> None:
        if np.shape(self.cell_nm) != (3, 3) or not self.volume_nm3 > 0:
            raise _unusable(self.name, "the cell's vectors do not span a right-handed volume")
        sites = np.shape(self.fractional)
        if len(sites) != 2 or sites[1] != 3 or sites[:1] != np.shape(self.atomic_numbers):
            raise _unusable(
                self.name, f"{np.shape(self.atomic_numbers)} elements for sites of shape {sites}"
            )

    def __len__(self) -> int:
        return len(self.fractional)

    @property
    def volume_nm3(self) -> float:
        """Volume of the cell, nm³."""
        return float(np.linalg.det(self.cell_nm))

    @property
    def atoms_per_nm3(self) -> float:
        """Number density."""
        return len(self) / self.volume_nm3

    @property
    def reciprocal_per_nm(self) -> NDArray[np.float64]:
        """Reciprocal vectors a*, b*, c* as rows, 1/nm, without 2 pi: a · a* = 1."""
        return np.asarray(np.linalg.inv(self.cell_nm).T, dtype=np.float64)


def crystal_from_cell(
    name: str,
    sites: Sequence[Site],
    lengths_nm: Sequence[float],
    angles_degrees: Sequence[float] = (90, 90, 90),
) -> Crystal:
    """Crystal from the edges and angles of its cell and every atom in it.

    Parameters
    ----------
    name : str
        What users call it.
    sites : sequence of (element, place)
        All atoms of the cell: symbol or number, and place in fractions of the cell vectors.
    lengths_nm : sequence of float, shape (3,)
        Edges a, b, c, nm.
    angles_degrees : sequence of float, shape (3,)
        Angles alpha (between b and c), beta, gamma.

    Returns
    -------
    Crystal
        a lies along x, b in the plane of x and y.

    Raises
    ------
    InputError
        An unknown element, an edge that is not above zero, angles that close no cell.
    """
    return Crystal(
        name=name,
        cell_nm=cell_vectors_nm(name, lengths_nm, angles_degrees),
        fractional=np.array([fractions for _, fractions in sites], dtype=np.float64).reshape(-1, 3),
        atomic_numbers=np.array([atomic_number(element) for element, _ in sites], np.int64),
    )


def crystal_from_space_group(
    name: str,
    group: int | Sequence[str],
    sites: Sequence[Site],
    lengths_nm: Sequence[float],
    angles_degrees: Sequence[float] = (90, 90, 90),
) -> Crystal:
    """Crystal from its space group and one atom of each Wyckoff position.

    Parameters
    ----------
    name : str
        What users call it.
    group : int or sequence of str
        Number of a space group in `space_groups.GENERATORS` (origin choice 2 where there are
        two), or operations such as ``"-y,x-y,z+1/2"`` that generate the group, as a CIF lists.
    sites : sequence of (element, place)
        One atom of each orbit.
    lengths_nm, angles_degrees : sequence of float, shape (3,)
        The conventional cell, as in `crystal_from_cell`.

    Returns
    -------
    Crystal

    Raises
    ------
    InputError
        As `crystal_from_cell`; an unknown group; two atoms on one place.
    """
    full = [(element, site) for element, first in sites for site in orbit(group, first)]
    crystal = crystal_from_cell(name, full, lengths_nm, angles_degrees)
    apart = crystal.fractional[:, None] - crystal.fractional
    close = np.abs(apart - np.round(apart)).max(axis=-1) < 1e-3
    if close.sum() > len(crystal):
        raise _unusable(name, "two of its sites are the same place")
    return crystal


def crystal_from_cif(path: Path | str, name: str | None = None) -> Crystal:
    """Crystal from a CIF file, read by ASE.

    Parameters
    ----------
    path : path
        The file; its first structure is taken.
    name : str, optional
        What users call it; the file's name otherwise.

    Raises
    ------
    InputError
        The file cannot be read, or a site is only partly occupied.
    """
    from ase.io import read

    path = Path(path)
    try:
        atoms = read(path, format="cif")
    except Exception as error:  # of many kinds, by what is wrong with the file
        raise InputError(
            f"no crystal in it ({error})",
            where=str(path),
            why="ASE could not read it as CIF",
            fix="Open it in a crystal viewer and export it anew",
        ) from error
    for occupancy in atoms.info.get("occupancy", {}).values():
        if any(part < 1 for part in occupancy.values()):
            raise _unusable(str(path), "a site is only partly occupied, which one cell cannot show")
    return Crystal(
        name=name or path.stem,
        cell_nm=np.asarray(atoms.cell) / 10,
        fractional=atoms.get_scaled_positions(),
        atomic_numbers=atoms.numbers.astype(np.int64),
    )


def face_centred_cubic(name: str, lattice_nm: float, atomic_number: int) -> Crystal:
    """Conventional cubic cell with four atoms."""
    return Crystal(
        name=name,
        cell_nm=np.eye(3) * lattice_nm,
        fractional=np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
        atomic_numbers=np.full(4, atomic_number),
    )


def cell_vectors_nm(
    name: str, lengths_nm: ArrayLike, angles_degrees: ArrayLike
) -> NDArray[np.float64]:
    """Cell vectors as rows, nm: a along x, b in the plane of x and y."""
    lengths = np.asarray(lengths_nm, dtype=np.float64)
    cosines = np.cos(np.deg2rad(np.asarray(angles_degrees, dtype=np.float64)))
    if lengths.shape != (3,) or not ((lengths > 0) & np.isfinite(lengths)).all():
        raise _unusable(name, f"edges of {lengths.tolist()} nm; three above zero are needed")
    alpha, beta, gamma = np.where(np.abs(cosines) < 1e-15, 0.0, cosines)  # right angles exactly
    sine = np.sqrt(1 - gamma**2)
    height2 = 1 - beta**2 - ((alpha - beta * gamma) / sine) ** 2 if sine > 0 else 0.0
    if not height2 > 1e-12:
        raise _unusable(name, f"angles of {np.asarray(angles_degrees).tolist()} close no cell")
    unit = [
        [1, 0, 0],
        [gamma, sine, 0],
        [beta, (alpha - beta * gamma) / sine, np.sqrt(height2)],
    ]
    return np.array(unit) * lengths[:, None]


def _unusable(name: str, what: str) -> InputError:
    return InputError(
        what, where=f"crystal '{name}'", why="No crystal is made of it", fix="Correct its cell"
    )
