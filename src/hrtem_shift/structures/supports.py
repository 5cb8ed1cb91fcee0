"""Crystalline supports: a slab of crystal across a field that repeats in x and y.

Field and crystal rarely fit each other. A slab keeps its lattice unstrained and is cut at the
borders; where two atoms then come too near across a border, one is left out. A field from
`commensurate_field_nm` has no such seam.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS, fill
from hrtem_shift.structures.grains import wrapped
from hrtem_shift.structures.orientations import aligned
from hrtem_shift.structures.volumes import Box

if TYPE_CHECKING:
    from hrtem_shift.structures.crystals import Crystal

LARGEST_INDEX = 6
"""Repeats across a direction are looked for up to this index."""


def crystal_support(
    crystal: Crystal,
    field_nm: tuple[float, float],
    thickness_nm: float,
    *,
    plane: Sequence[int] = (0, 0, 1),
    direction: ArrayLike = (1, 0, 0),
    angle_degrees: float = 0.0,
    offset_fractional: ArrayLike = (0.0, 0.0, 0.0),
    seam_distance_nm: float = 0.15,
) -> Atoms:
    """Slab of a crystal that fills a field.

    Parameters
    ----------
    crystal : Crystal
        What to cut.
    field_nm : tuple of float
        Edges (x, y) of the field, nm.
    thickness_nm : float
        Atoms within this height are cut out, nm; then the lowest is put at z = 0.
    plane, direction : array, shape (3,)
        Plane (hkl) that lies across the beam, and direction [uvw] in it.
    angle_degrees : float
        Angle of that direction from the x axis, counter-clockwise.
    offset_fractional : array, shape (3,)
        Shift of the lattice, in fractions of its cell: where the slab's faces cut it.
    seam_distance_nm : float
        Of two atoms nearer than this across a border, the later is left out, nm. Keep it
        below the crystal's bonds.

    Returns
    -------
    Atoms
        0 <= x < field_nm[0], 0 <= y < field_nm[1], 0 <= z <= thickness_nm.

    Raises
    ------
    InputError
        A size is not above zero, the direction does not lie in the plane, or no atom is in
        the slab.
    """
    along = np.cos(np.radians(angle_degrees)), np.sin(np.radians(angle_degrees)), 0.0
    rotation = aligned(crystal, plane=plane, direction=direction, along=along)
    slab = Box.between((0, 0, 0), (*field_nm, thickness_nm))
    atoms = fill(crystal, slab, rotation=rotation, offset_fractional=offset_fractional)
    if not len(atoms):
        raise InputError(
            f"a support of {field_nm[0]:g} x {field_nm[1]:g} x {thickness_nm:g} nm",
            where="support",
            why=f"No atom of {crystal.name} lies in it",
            fix="Give a thicker one, or another offset_fractional",
        )
    atoms = atoms.moved([0, 0, -atoms.positions_nm[:, 2].min()])
    keep = _without_seam(atoms.positions_nm, field_nm, seam_distance_nm)
    # Rounding may have left atoms on the far border, which is the near one again.
    inside_nm = wrapped(atoms.positions_nm, field_nm)
    return Atoms(inside_nm, atoms.atomic_numbers, atoms.region).select(keep)


def molybdenum_disulphide(
    field_nm: tuple[float, float], layers: int = 1, *, angle_degrees: float = 0.0
) -> Atoms:
    """MoS2 sheets, 2H, across a field; sulphur at z = 0 and on top.

    Parameters
    ----------
    field_nm : tuple of float
        Edges (x, y) of the field, nm; see `commensurate_field_nm`.
    layers : int
        Number of S-Mo-S sheets.
    angle_degrees : float
        Angle of the a axis, [11-20], from the x axis.

    Raises
    ------
    InputError
        Fewer than one layer.
    """
    if layers < 1:
        raise InputError(
            f"{layers} layers", where="support", why="There is at least one", fix="Give 1 or more"
        )
    crystal = CRYSTALS["MoS2"]
    # The cell's faces and its middle lie between sheets.
    thickness_nm = layers * float(crystal.cell_nm[2, 2]) / 2
    return crystal_support(crystal, field_nm, thickness_nm, angle_degrees=angle_degrees)


def commensurate_field_nm(
    crystal: Crystal,
    about_nm: tuple[float, float],
    *,
    plane: Sequence[int] = (0, 0, 1),
    direction: Sequence[int] = (1, 0, 0),
) -> tuple[float, float]:
    """Field nearest to a wanted one in which a slab repeats without a seam.

    Parameters
    ----------
    crystal, plane, direction
        As for `crystal_support`, with an angle of 0 (or 180) degrees.
    about_nm : tuple of float
        Wanted edges (x, y), nm.

    Returns
    -------
    tuple of float
        Edges (x, y), nm: whole numbers of the crystal's repeats along the direction and
        across it, at least one.

    Raises
    ------
    InputError
        No lattice vector up to `LARGEST_INDEX` lies in the plane across the direction.
    """
    indices = np.array(list(product(range(-LARGEST_INDEX, LARGEST_INDEX + 1), repeat=3)))
    vectors_nm = indices @ crystal.cell_nm
    lengths_nm = np.linalg.norm(vectors_nm, axis=1)
    along_nm = np.asarray(direction) @ crystal.cell_nm
    step_nm = float(np.linalg.norm(along_nm))
    across = np.abs(vectors_nm @ along_nm) < 1e-6 * lengths_nm * step_nm
    fitting = lengths_nm[across & (indices @ np.asarray(plane) == 0) & (lengths_nm > 0)]
    if not len(fitting):
        raise InputError(
            f"a field along {tuple(direction)} in {tuple(plane)} of {crystal.name}",
            where="support",
            why="The lattice does not repeat at a right angle to it",
            fix="Choose another direction, or live with a seam",
        )
    repeats_nm = np.array([step_nm, fitting.min()])
    x_nm, y_nm = np.maximum(np.round(about_nm / repeats_nm), 1) * repeats_nm
    return float(x_nm), float(y_nm)


def _without_seam(
    positions_nm: NDArray[np.float64], field_nm: tuple[float, float], distance_nm: float
) -> NDArray[np.bool_]:
    """Which atoms to keep so that none is too near another across a border."""
    from scipy.spatial import cKDTree

    tree = cKDTree(wrapped(positions_nm, field_nm), boxsize=(*field_nm, 0))
    pairs = tree.query_pairs(distance_nm, output_type="ndarray")
    apart_nm = np.linalg.norm(positions_nm[pairs[:, 0]] - positions_nm[pairs[:, 1]], axis=1)
    keep = np.ones(len(positions_nm), dtype=bool)
    across = np.sort(pairs[apart_nm > distance_nm], axis=1)
    for earlier, later in across[np.lexsort(across.T[::-1])]:
        keep[later] &= not keep[earlier]
    return keep
