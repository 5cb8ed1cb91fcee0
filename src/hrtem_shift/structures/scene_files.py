"""Scenes as files: extended xyz, read and written, and a bridge to ASE.

Files hold Angstrom, as every reader of xyz expects; nm end at this border. Object and region
of each atom are columns of their own, so that labels can be made from a file alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrtem_shift.errors import InputError
from hrtem_shift.files import atomic_write
from hrtem_shift.structures.elements import atomic_number, symbol
from hrtem_shift.structures.scenes import Scene

if TYPE_CHECKING:
    from ase import Atoms as AseAtoms

ANGSTROM_PER_NM = 10.0
PROPERTIES = "species:S:1:pos:R:3:object_id:I:1:region:I:1"


def write_extxyz(path: Path, scene: Scene) -> None:
    """Write a scene as extended xyz, whole or not at all.

    Positions have eight decimals of an Angstrom; the box is the `Lattice`, periodic in x and
    y. Every program that reads plain xyz reads it, too.
    """
    x, y, z = (edge * ANGSTROM_PER_NM for edge in scene.size_nm)
    header = f'Lattice="{x:.8f} 0 0 0 {y:.8f} 0 0 0 {z:.8f}" Properties={PROPERTIES} pbc="T T F"'
    lines = [
        f"{symbol(element)} {a:.8f} {b:.8f} {c:.8f} {object_id} {region}"
        for element, (a, b, c), object_id, region in zip(
            scene.atomic_numbers.tolist(),
            (scene.positions_nm * ANGSTROM_PER_NM).tolist(),
            scene.object_id.tolist(),
            _region(scene).tolist(),
            strict=True,
        )
    ]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join([str(len(lines)), header, *lines, ""]), encoding="utf-8")


def write_prismatic(path: Path, scene: Scene, rms_nm: Mapping[str, float]) -> None:
    """Write a scene in the xyz format of Prismatic and computem, whole or not at all.

    Parameters
    ----------
    rms_nm : mapping
        Symbol -> thermal displacement, root mean square along one axis, nm.

    Raises
    ------
    InputError
        An element of the scene has no displacement.
    """
    symbols = [symbol(element) for element in np.unique(scene.atomic_numbers)]
    missing = [name for name in symbols if name not in rms_nm]
    if missing:
        raise InputError(
            f"no thermal displacement of {', '.join(missing)}",
            where="rms_nm",
            why="The format has one for every atom",
            fix="Give each element's root mean square in nm, 0 for none",
        )
    edges = " ".join(f"{edge * ANGSTROM_PER_NM:.8f}" for edge in scene.size_nm)
    lines = [
        f"{element} {a:.8f} {b:.8f} {c:.8f} 1.0 {rms_nm[symbol(element)] * ANGSTROM_PER_NM:.6f}"
        for element, (a, b, c) in zip(
            scene.atomic_numbers.tolist(),
            (scene.positions_nm * ANGSTROM_PER_NM).tolist(),
            strict=True,
        )
    ]
    with atomic_write(path) as temporary:
        text = "\n".join(["hrtem-shift scene", edges, *lines, "-1", ""])
        temporary.write_text(text, encoding="utf-8")


def read_extxyz(path: Path) -> Scene:
    """Read a scene from extended or plain xyz.

    Parameters
    ----------
    path : Path
        A file of `write_extxyz`, or any xyz with an orthogonal ``Lattice`` in its second
        line. Without the columns object_id and region all atoms belong to object 0.

    Returns
    -------
    Scene
        Without particles: a file holds atoms, no outlines.

    Raises
    ------
    InputError
        The file is no xyz, has no orthogonal box, or names an unknown element.
    """
    try:
        count, header, *lines = Path(path).read_text(encoding="utf-8").splitlines()
        rows = [line.split() for line in lines[: int(count)]]
        if len(rows) != int(count):
            raise ValueError(f"{count} atoms are announced, {len(rows)} are there")
        columns = _columns(header)
        x = columns["pos"]
        return Scene(
            size_nm=_box_nm(header),
            positions_nm=np.array(
                [[float(v) for v in row[x : x + 3]] for row in rows], dtype=np.float64
            ).reshape(-1, 3)
            / ANGSTROM_PER_NM,
            atomic_numbers=np.array(
                [atomic_number(row[columns["species"]]) for row in rows], np.int64
            ),
            object_id=_integers(rows, columns.get("object_id")),
            region=_integers(rows, columns.get("region")),
            particles=(),
        )
    except (ValueError, IndexError, KeyError, InputError) as error:
        raise InputError(
            f"not a readable scene ({error})",
            where=str(path),
            why="A scene is an extended xyz file with an orthogonal Lattice, in Angstrom",
            fix="Write it again with write_extxyz, or as extxyz by ASE",
        ) from error


def to_ase(scene: Scene) -> AseAtoms:
    """Scene as ``ase.Atoms`` (Angstrom), with arrays object_id and region.

    Raises
    ------
    InputError
        ASE is not installed.
    """
    ase = _ase()
    atoms = ase.Atoms(
        numbers=scene.atomic_numbers,
        positions=scene.positions_nm * ANGSTROM_PER_NM,
        cell=np.array(scene.size_nm) * ANGSTROM_PER_NM,
        pbc=(True, True, False),
    )
    atoms.set_array("object_id", scene.object_id)
    atoms.set_array("region", _region(scene))
    return atoms


def from_ase(atoms: AseAtoms) -> Scene:
    """Scene from ``ase.Atoms`` in an orthogonal cell; atoms keep object_id and region."""
    cell = np.asarray(atoms.cell)
    if not np.allclose(cell, np.diag(np.diag(cell))) or not (np.diag(cell) > 0).all():
        raise InputError(
            f"a cell of {cell.tolist()} A",
            where="ase.Atoms",
            why="A scene is a box with edges along x, y and z",
            fix="Give the atoms an orthogonal cell",
        )
    zeros = np.zeros(len(atoms), dtype=np.int64)
    edges = np.diag(cell) / ANGSTROM_PER_NM
    return Scene(
        size_nm=(float(edges[0]), float(edges[1]), float(edges[2])),
        positions_nm=np.asarray(atoms.positions) / ANGSTROM_PER_NM,
        atomic_numbers=np.asarray(atoms.numbers, dtype=np.int64),
        object_id=np.asarray(atoms.arrays.get("object_id", zeros), dtype=np.int64),
        region=np.asarray(atoms.arrays.get("region", zeros), dtype=np.int64),
        particles=(),
    )


def _ase() -> Any:
    try:
        import ase
    except ImportError as error:
        raise InputError(
            "ASE is not installed",
            where="to_ase",
            why="The bridge to ASE needs it",
            fix='Install it with: pip install -c constraints.txt -e ".[ase]"',
        ) from error
    return ase


def _columns(header: str) -> dict[str, int]:
    """Name of each property -> its first column."""
    found = re.search(r"Properties=(\S+)", header)
    parts = (found.group(1) if found else "species:S:1:pos:R:3").split(":")
    columns, first = {}, 0
    for name, width in zip(parts[::3], parts[2::3], strict=True):
        columns[name] = first
        first += int(width)
    return columns


def _box_nm(header: str) -> tuple[float, float, float]:
    found = re.search(r'Lattice="([^"]+)"', header)
    if not found:
        raise ValueError("its second line has no Lattice")
    lattice = np.array([float(value) for value in found.group(1).split()]).reshape(3, 3)
    edges = np.diag(lattice) / ANGSTROM_PER_NM
    if not np.allclose(lattice, np.diag(np.diag(lattice))) or not (edges > 0).all():
        raise ValueError("its Lattice is not orthogonal")
    return float(edges[0]), float(edges[1]), float(edges[2])


def _region(scene: Scene) -> np.ndarray:
    return np.zeros(len(scene.positions_nm), np.int64) if scene.region is None else scene.region


def _integers(rows: list[list[str]], column: int | None) -> np.ndarray:
    values = [0] * len(rows) if column is None else [int(row[column]) for row in rows]
    return np.array(values, dtype=np.int64)
