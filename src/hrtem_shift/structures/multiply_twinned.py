"""Multiply twinned particles: decahedra and icosahedra of face-centred cubic metals.

Five or twenty tetrahedra of the bulk do not close: gaps of 7.4 degrees (decahedron) and of
1.5 sr (icosahedron) remain. Here every grain is strained homogeneously, at constant volume
per atom, until they do. Shapes and counts: S. Ino, J. Phys. Soc. Japan 21, 346 (1966);
L. D. Marks, Phil. Mag. A 49, 81 (1984); A. L. Mackay, Acta Cryst. 15, 916 (1962).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.unit_cells import Crystal

if TYPE_CHECKING:
    from hrtem_shift.structures.volume_algebra import Volume


def decahedron(crystal: Crystal, width: int, height: int = 1, notch: int = 1) -> Atoms:
    """Five grains about a common [110] axis.

    Parameters
    ----------
    crystal : Crystal
        Face-centred cubic, one element.
    width, height : int
        Atoms along the edges of the (100) side faces, across and along the axis: m and n of
        Marks' (m, n, p). A height of 1 is the pentagonal bipyramid, which has no side faces.
    notch : int
        Depth of the re-entrant grooves at the twin planes, in atoms: p of (m, n, p). 1 is the
        shape of Ino, without grooves; 2 is that of Marks.

    Returns
    -------
    Atoms
        The axis along z, its middle in the origin, a twin plane at y = 0, x > 0; `region` is
        the grain, 0 to 4. Atoms that grains share are in the one of lowest number.

    Raises
    ------
    InputError
        A number below 1, or a crystal that is not face-centred cubic of one element.
    """
    _check(crystal, width=width, height=height, notch=notch)
    steps = _decahedron_steps(width, height, notch)
    element = int(crystal.atomic_numbers[0])
    grains = [
        Atoms.of(positions_nm, element, grain)
        for grain, positions_nm in enumerate(_decahedron_grains_nm(crystal, steps))
    ]
    # A grain owns its interior and its first twin plane; the axis is the first grain's.
    on_axis = ~steps[:, :2].any(axis=1)
    kept = [(steps[:, 0] > 0) | (on_axis & (grain == 0)) for grain in range(5)]
    return Atoms.joined([atoms.select(keep) for atoms, keep in zip(grains, kept, strict=True)])


def decahedron_outline(crystal: Crystal, width: int, height: int = 1, notch: int = 1) -> Volume:
    """Volume of a decahedron, faces through the outermost nuclei, with its grooves.

    Parameters
    ----------
    crystal, width, height, notch
        As in `decahedron`.

    Returns
    -------
    Volume
        Union of five convex grains.

    Raises
    ------
    InputError
        As `decahedron`, or a width of 1 without grooves, which is a row of atoms.
    """
    from hrtem_shift.structures.polyhedra import ConvexPolyhedron
    from hrtem_shift.structures.volume_algebra import Union

    _check(crystal, width=width, height=height, notch=notch)
    steps = _decahedron_steps(width, height, notch)
    grains = _decahedron_grains_nm(crystal, steps)
    return Union(tuple(ConvexPolyhedron.from_points(grain) for grain in grains))


def icosahedron(crystal: Crystal, shells: int) -> Atoms:
    """Twenty grains about a common corner: the icosahedron of Mackay.

    Parameters
    ----------
    crystal : Crystal
        Face-centred cubic, one element.
    shells : int
        Closed shells about the central atom: 1 has 13 atoms, 2 has 55, then 147, 309.

    Returns
    -------
    Atoms
        Centre in the origin, fivefold axes along (0, 1, golden ratio) and its likes, so that
        x, y and z are twofold; `region` is the grain, 0 to 19. Atoms that grains share are in
        the one of lowest number.

    Raises
    ------
    InputError
        Not one shell, or a crystal that is not face-centred cubic of one element.
    """
    _check(crystal, shells=shells)
    corners = _icosahedron_corners()
    steps = np.array(
        [
            (i, j, k)
            for i in range(shells + 1)
            for j in range(shells + 1 - i)
            for k in range(shells + 1 - i - j)
        ]
    )
    radial_nm = _icosahedron_radial_nm(neighbour_nm(crystal))
    seen: set[tuple[tuple[int, int], ...]] = set()
    grains = []
    for grain, face in enumerate(_faces(corners)):
        names = [tuple((c, int(n)) for c, n in zip(face, row, strict=True) if n) for row in steps]
        new = np.array([name not in seen for name in names])
        seen.update(names)
        positions_nm = steps[new] @ corners[list(face)] * radial_nm
        grains.append(Atoms.of(positions_nm, int(crystal.atomic_numbers[0]), grain))
    return Atoms.joined(grains)


def neighbour_nm(crystal: Crystal) -> float:
    """Distance of nearest neighbours in a face-centred cubic crystal, a / sqrt(2), nm."""
    return float(np.cbrt(np.sqrt(2) / crystal.atoms_per_nm3))


def _decahedron_steps(width: int, height: int, notch: int) -> NDArray[np.float64]:
    """Sites of a grain in steps along its tetrahedron's edges, shape (n, 3)."""
    ring = width + 2 * notch - 3  # outermost ring of atom columns about the axis
    columns = [
        (i, j)
        for i in range(ring + 1)
        for j in range(ring + 1 - i)
        if max(i, j) <= width + notch - 2
    ]
    steps = [(i, j, k) for i, j in columns for k in range(height + ring - i - j)]
    return np.array(steps) - [0, 0, (height + ring - 1) / 2]


def _decahedron_grains_nm(
    crystal: Crystal, steps: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Positions of each grain, those that it shares with its neighbours included."""
    return [steps @ vectors for vectors in _decahedron_vectors_nm(neighbour_nm(crystal))]


def _decahedron_vectors_nm(neighbour: float) -> NDArray[np.float64]:
    """Edges of each grain's tetrahedron as rows: two twin planes, the axis; (5, 3, 3)."""
    # The bulk has cos = 1/3 between the twin planes; 72 degrees at the same area.
    across = neighbour * np.sqrt(3) / 2 * np.sqrt(np.sqrt(8) / 3 / np.sin(2 * np.pi / 5))
    turn = 2 * np.pi / 5 * np.arange(6)
    arms = np.column_stack(
        [across * np.cos(turn), across * np.sin(turn), np.full(6, neighbour / 2)]
    )
    axis = np.array([0, 0, neighbour])
    return np.array([(arms[g], arms[(g + 1) % 5], axis) for g in range(5)])


def _icosahedron_radial_nm(neighbour: float) -> float:
    """Spacing of shells at the corners that keeps the volume of a primitive cell."""
    corners = _icosahedron_corners()
    cell = abs(np.linalg.det(corners[list(_faces(corners)[0])]))
    return float(np.cbrt(neighbour**3 / np.sqrt(2) / cell))


def _icosahedron_corners() -> NDArray[np.float64]:
    """Unit vectors to the twelve corners."""
    golden = (1 + np.sqrt(5)) / 2
    first = [(0.0, s, t * golden) for s in (-1, 1) for t in (-1, 1)]
    corners = np.array([np.roll(corner, shift) for shift in range(3) for corner in first])
    return corners / np.linalg.norm(corners[0])


def _faces(corners: NDArray[np.float64]) -> list[tuple[int, int, int]]:
    """Triples of corners that are neighbours of each other: the twenty faces."""
    near = corners @ corners.T > 0.4  # neighbours have 1/sqrt(5)
    triples = combinations(range(len(corners)), 3)
    return [(a, b, c) for a, b, c in triples if near[a, b] and near[b, c] and near[a, c]]


def _check(crystal: Crystal, **counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise InputError(
                f"{count} atoms or shells",
                where=name,
                why="A particle has one at least",
                fix="Give a whole number from 1 on",
            )
    if not is_face_centred_cubic(crystal):
        raise InputError(
            crystal.name,
            where="crystal",
            why="Its cell is not the cubic one with an atom of one kind in each corner and face",
            fix="Take a face-centred cubic metal, such as Au, Ag or Cu",
        )


def is_face_centred_cubic(crystal: Crystal) -> bool:
    """Whether atoms of one kind stand in the corners and faces of a cube, and nowhere else."""
    edge_nm = np.cbrt(crystal.volume_nm3)
    cubic = np.allclose(crystal.cell_nm @ crystal.cell_nm.T, np.eye(3) * edge_nm**2)
    if not (cubic and len(crystal) == 4 and len(set(crystal.atomic_numbers.tolist())) == 1):
        return False
    halves = np.sort(2 * (crystal.fractional - crystal.fractional[0]) % 2, axis=1)
    return np.allclose(np.sort(halves, axis=0)[1:], [0, 1, 1])
