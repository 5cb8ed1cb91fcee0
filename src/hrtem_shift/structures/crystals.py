"""Crystals and the pieces cut out of them.

A crystal is a unit cell with its atoms. Lengths are nm, positions are rows (x, y, z).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation


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
    """

    name: str
    cell_nm: NDArray[np.float64]
    fractional: NDArray[np.float64]
    atomic_numbers: NDArray[np.int64]


def face_centred_cubic(name: str, lattice_nm: float, atomic_number: int) -> Crystal:
    """Conventional cubic cell with four atoms."""
    return Crystal(
        name=name,
        cell_nm=np.eye(3) * lattice_nm,
        fractional=np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
        atomic_numbers=np.full(4, atomic_number),
    )


CRYSTALS = {
    "Au": face_centred_cubic("gold", 0.40782, 79),  # at room temperature
}
"""Crystals that a scene may name as its material."""


def random_rotation(rng: np.random.Generator) -> Rotation:
    """Rotation drawn uniformly from SO(3).

    A normalised vector of four normal deviates is a uniform unit quaternion; uniform
    Euler angles would crowd orientations around the beam.
    """
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(rng.standard_normal(4))


def fill_sphere(
    crystal: Crystal,
    diameter_nm: float,
    rotation: Rotation,
    offset_fractional: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cut a sphere around the origin out of a rotated crystal.

    Parameters
    ----------
    crystal : Crystal
        What to cut from.
    diameter_nm : float
        Diameter of the sphere that holds every nucleus, nm.
    rotation : scipy.spatial.transform.Rotation
        Turns the crystal's axes into those of the scene.
    offset_fractional : array, shape (3,)
        Shift of the lattice against the centre, in fractions of the cell: which atom,
        bond or hollow is in the middle.

    Returns
    -------
    positions_nm : array, shape (N, 3)
        Positions (x, y, z) about the centre of the sphere.
    atomic_numbers : array, shape (N,)
        Their elements.

    Raises
    ------
    InputError
        The diameter is not above zero, or so small that no atom is in the sphere.
    """
    if not diameter_nm > 0:
        raise _too_small(diameter_nm)
    radius_nm = diameter_nm / 2
    cells = _cells_around(crystal.cell_nm, radius_nm)
    sites = crystal.fractional + np.asarray(offset_fractional) % 1.0
    fractional = (cells[:, None, :] + sites[None, :, :]).reshape(-1, 3)
    positions_nm = fractional @ crystal.cell_nm
    inside = np.einsum("ij,ij->i", positions_nm, positions_nm) <= radius_nm**2
    if not inside.any():
        raise _too_small(diameter_nm)
    return rotation.apply(positions_nm[inside]), np.tile(crystal.atomic_numbers, len(cells))[inside]


def _cells_around(cell_nm: NDArray[np.float64], radius_nm: float) -> NDArray[np.float64]:
    """Indices of all cells that may reach into a sphere about the origin, shape (n, 3)."""
    spacing_nm = 1 / np.linalg.norm(np.linalg.inv(cell_nm), axis=0)  # between cell faces
    reach = np.ceil(radius_nm / spacing_nm).astype(int) + 2  # sites lie in cells 0 and 1
    axes = [np.arange(-n, n + 1, dtype=float) for n in reach]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _too_small(diameter_nm: float) -> InputError:
    return InputError(
        f"a sphere of {diameter_nm:g} nm",
        where="particle_diameter_nm",
        why="No atom lies inside it",
        fix="Give a diameter of at least one nanometre",
    )
