"""Scenes as ``ase.Atoms``, and back: every format that ASE reads and writes.

ASE has Angstrom; nm end at this border. Object and region of each atom are arrays of their own,
which extended xyz keeps: ``ase.io.write("scene.xyz", to_ase(scene))``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hrtem_shift.errors import InputError
from hrtem_shift.structures.scenes import Scene

if TYPE_CHECKING:
    from ase import Atoms as AseAtoms

ANGSTROM_PER_NM = 10.0


def to_ase(scene: Scene) -> AseAtoms:
    """Scene as ``ase.Atoms`` (Angstrom), periodic in x and y, with arrays object_id and region."""
    import ase

    atoms = ase.Atoms(
        numbers=scene.atomic_numbers,
        positions=scene.positions_nm * ANGSTROM_PER_NM,
        cell=np.array(scene.size_nm) * ANGSTROM_PER_NM,
        pbc=(True, True, False),
    )
    region = np.zeros(len(atoms), np.int64) if scene.region is None else scene.region
    atoms.set_array("object_id", scene.object_id)
    atoms.set_array("region", region)
    return atoms


def from_ase(atoms: AseAtoms) -> Scene:
    """Scene from ``ase.Atoms``, without particles: they hold atoms, no outlines.

    Atoms keep object_id and region; without these arrays all belong to object 0.

    Raises
    ------
    InputError
        The cell is not orthogonal.
    """
    cell = np.asarray(atoms.cell)
    if not np.allclose(cell, np.diag(np.diag(cell))) or not (np.diag(cell) > 0).all():
        raise InputError(
            f"a cell of {cell.tolist()} A",
            where="ase.Atoms",
            why="A scene is a box with edges along x, y and z",
            fix="Give the atoms an orthogonal cell",
        )
    zeros = np.zeros(len(atoms), dtype=np.int64)
    x_nm, y_nm, z_nm = (np.diag(cell) / ANGSTROM_PER_NM).tolist()
    return Scene(
        size_nm=(x_nm, y_nm, z_nm),
        positions_nm=np.asarray(atoms.positions) / ANGSTROM_PER_NM,
        atomic_numbers=np.asarray(atoms.numbers, dtype=np.int64),
        object_id=np.asarray(atoms.arrays.get("object_id", zeros), dtype=np.int64),
        region=np.asarray(atoms.arrays.get("region", zeros), dtype=np.int64),
        particles=(),
    )
