"""Pieces cut out of crystals.

Lengths are nm, positions are rows (x, y, z).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystal_library import CRYSTALS
from hrtem_shift.structures.unit_cells import Crystal, face_centred_cubic
from hrtem_shift.structures.volume_algebra import TOLERANCE_NM, Volume

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

__all__ = [
    "CRYSTALS",
    "Crystal",
    "face_centred_cubic",
    "fill",
    "random_rotation",
]

MOST_SITES = 50_000_000
"""A volume around which more sites than this would be tried is refused: a micrometre, not nm."""

_SITES_AT_ONCE = 1_000_000


def random_rotation(rng: np.random.Generator) -> Rotation:
    """Rotation drawn uniformly from SO(3).

    A normalised vector of four normal deviates is a uniform unit quaternion; uniform
    Euler angles would crowd orientations around the beam.
    """
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(rng.standard_normal(4))


def fill(
    crystal: Crystal,
    volume: Volume,
    *,
    rotation: Rotation | None = None,
    offset_fractional: ArrayLike = (0.0, 0.0, 0.0),
    origin_nm: ArrayLike = (0.0, 0.0, 0.0),
) -> Atoms:
    """Cut a volume out of a crystal.

    Parameters
    ----------
    crystal : Crystal
        What to cut from.
    volume : Volume
        Holds every nucleus; its place and orientation are the scene's.
    rotation : scipy.spatial.transform.Rotation, optional
        Turns the crystal's axes into those of the scene.
    offset_fractional : array, shape (3,)
        Shift of the lattice, in fractions of the cell vectors.
    origin_nm : array, shape (3,)
        Where in the scene the lattice point (0, 0, 0), not shifted, is. The lattice does not
        depend on the volume, so that neighbouring volumes of equal settings are one crystal.

    Returns
    -------
    Atoms
        In the order of cells, then of sites in the cell; none where no nucleus is inside.

    Raises
    ------
    InputError
        The volume is not bounded, or so large that more than `MOST_SITES` would be tried.
    """
    cell_nm = crystal.cell_nm
    if rotation is not None:
        cell_nm = rotation.apply(cell_nm)
    origin = np.asarray(origin_nm, dtype=np.float64)
    sites = crystal.fractional + np.asarray(offset_fractional) % 1.0
    parts = []
    for cells in _cells_within(volume, cell_nm, origin, sites):
        positions_nm = (cells[:, None, :] + sites).reshape(-1, 3) @ cell_nm + origin
        elements = np.tile(crystal.atomic_numbers, len(cells))
        parts.append(Atoms.of(positions_nm, elements).select(volume.contains(positions_nm)))
    return Atoms.joined(parts)


def _cells_within(
    volume: Volume,
    cell_nm: NDArray[np.float64],
    origin_nm: NDArray[np.float64],
    sites: NDArray[np.float64],
) -> Iterator[NDArray[np.float64]]:
    """Indices of all cells that may have a site in a volume, shape (n, 3), a part at a time."""
    low, high = np.array([volume.extent_nm(vector) for vector in np.linalg.inv(cell_nm).T]).T
    if not np.isfinite([low, high]).all():
        raise InputError(
            f"a volume that reaches from {low} to {high} cells",
            where="volume",
            why="A crystal without end has no list of atoms",
            fix="Intersect it with something finite, such as a Box",
        )
    # A sphere of the tolerance reaches this many cells; rounding is far below.
    slack = 10 * TOLERANCE_NM * np.linalg.norm(np.linalg.inv(cell_nm), axis=0)
    shift = origin_nm @ np.linalg.inv(cell_nm)
    first = np.ceil(low - shift - sites.max(axis=0) - slack)
    last = np.floor(high - shift - sites.min(axis=0) + slack)
    count = np.prod(np.maximum(last - first + 1, 0)) * len(sites)
    if count > MOST_SITES:
        raise InputError(
            f"a volume around which {count:.2g} atoms lie",
            where="volume",
            why=f"More than {MOST_SITES:.2g} do not fit into memory",
            fix="Check its lengths, which are in nm",
        )
    axes = [np.arange(start, stop + 1) for start, stop in zip(first, last, strict=True)]
    for layers in np.array_split(axes[0], max(1, int(count // _SITES_AT_ONCE))):
        yield np.stack(np.meshgrid(layers, *axes[1:], indexing="ij"), axis=-1).reshape(-1, 3)
