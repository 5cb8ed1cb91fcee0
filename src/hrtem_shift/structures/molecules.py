"""Molecules that adsorb on surfaces: the anchor atom at the origin, the rest along +z.

Bond lengths and angles are those of the free molecules or textbook values for sp3 carbon
(CRC Handbook of Chemistry and Physics, section 9, "Bond lengths and angles in gas-phase
molecules"). Conformations are ideal, not relaxed on the surface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.parameters import nearest
from hrtem_shift.structures.atoms import Atoms

if TYPE_CHECKING:
    from ase import Atoms as AseAtoms

THIOLATES = {f"SC{n if n > 1 else ''}H{2 * n + 1}": n for n in range(1, 19)}
"""Alkanethiolates by name: the number of their carbon atoms."""

CC_NM, CH_NM, CS_NM, CO_NM, OH_NM = 0.153, 0.109, 0.182, 0.1128, 0.0958
WATER_DEGREES, CHAIN_DEGREES, HCH_DEGREES = 104.5, 112.0, 107.5

_OH_NM = (
    OH_NM * np.sin(np.radians(WATER_DEGREES / 2)),
    OH_NM * np.cos(np.radians(WATER_DEGREES / 2)),
)
_SMALL = {
    "CO": ([(0, 0, 0), (0, 0, CO_NM)], [6, 8]),
    "H2O": ([(0, 0, 0), (_OH_NM[0], 0, _OH_NM[1]), (-_OH_NM[0], 0, _OH_NM[1])], [8, 1, 1]),
}


MOLECULES = (*_SMALL, *THIOLATES)
"""Names that `molecule` knows."""


def molecule(name: str) -> Atoms:
    """A molecule of the library.

    Parameters
    ----------
    name : str
        ``CO`` (by its carbon), ``H2O`` (by its oxygen), ``SCH3`` and other thiolates
        ``SC2H5``, ``SC3H7`` ... ``SC18H37`` (by their sulphur, all-trans).

    Returns
    -------
    Atoms
        The anchor is the first atom, at the origin; the others point along +z.

    Raises
    ------
    InputError
        No such molecule.

    Examples
    --------
    >>> len(molecule("SC6H13"))
    20
    """
    if name in _SMALL:
        positions_nm, elements = _SMALL[name]
        return Atoms.of(np.array(positions_nm), np.array(elements))
    if name in THIOLATES:
        return thiolate(THIOLATES[name])
    raise InputError(
        f"no molecule '{name}'{nearest(name, MOLECULES)}",
        where="molecule",
        why="The library does not have it",
        fix="Take a known one, or your own with molecule_from_ase",
    )


def thiolate(carbons: int) -> Atoms:
    """All-trans alkanethiolate S(CH2)n-1CH3, sulphur first, the chain along +z.

    Raises
    ------
    InputError
        Fewer than one carbon atom.
    """
    if carbons < 1:
        raise InputError(
            f"a chain of {carbons} carbon atoms",
            where="thiolate",
            why="It has at least one",
            fix="Give a positive number",
        )
    chain_nm = _zigzag([CS_NM] + [CC_NM] * (carbons - 1))
    # Beyond the last carbon the zigzag would go on: there points the first hydrogen of CH3.
    tail_nm = _zigzag([CS_NM] + [CC_NM] * carbons)[-1]
    hydrogens = []
    for k in range(1, carbons + 1):
        after_nm = chain_nm[k + 1] if k < carbons else tail_nm
        hydrogens += _methylene(chain_nm[k], chain_nm[k - 1], after_nm)
    end_nm = chain_nm[-1] + CH_NM * _unit(tail_nm - chain_nm[-1])
    positions_nm = np.array([*chain_nm, *hydrogens, end_nm])
    elements = np.array([16] + [6] * carbons + [1] * (2 * carbons + 1))
    return anchored(Atoms.of(positions_nm, elements))


def anchored(atoms: Atoms, anchor: int = 0) -> Atoms:
    """Put one atom first and at the origin, and the middle of the others on the +z axis.

    Parameters
    ----------
    atoms : Atoms
        A molecule in any place and orientation.
    anchor : int
        Index of the atom that will touch the surface.

    Raises
    ------
    InputError
        There is no such atom.
    """
    from scipy.spatial.transform import Rotation

    if not 0 <= anchor < len(atoms):
        raise InputError(
            f"anchor {anchor} of {len(atoms)} atoms",
            where="molecule",
            why="There is no such atom",
            fix="Give the index of the atom that touches the surface, counted from 0",
        )
    order = np.r_[anchor, np.delete(np.arange(len(atoms)), anchor)]
    atoms = atoms.select(order).moved(-atoms.positions_nm[anchor])
    middle_nm = atoms.positions_nm.mean(axis=0)
    if np.linalg.norm(middle_nm) < 1e-9:  # one atom, or the anchor in the middle of all
        return atoms
    turn, _ = Rotation.align_vectors([[0, 0, 1.0]], [_unit(middle_nm)])
    return atoms.rotated(turn)


def molecule_from_ase(atoms: AseAtoms, anchor: int = 0) -> Atoms:
    """Molecule from ``ase.Atoms`` (Angstrom), anchored as in `anchored`.

    ``molecule_from_ase(ase.io.read("ligand.xyz"))`` reads a file, of any format of ASE.
    """
    return anchored(Atoms.of(np.asarray(atoms.positions) / 10, np.asarray(atoms.numbers)), anchor)


def _zigzag(bonds_nm: list[float]) -> list[NDArray[np.float64]]:
    """Places of a planar chain in x and z that starts at the origin."""
    half = np.radians(CHAIN_DEGREES) / 2
    steps = [
        length * np.array([np.cos(half) * (-1) ** k, 0.0, np.sin(half)])
        for k, length in enumerate(bonds_nm)
    ]
    return list(np.vstack([np.zeros(3), np.cumsum(steps, axis=0)]))


def _methylene(
    carbon_nm: NDArray[np.float64], before_nm: NDArray[np.float64], after_nm: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Two hydrogens of a chain carbon, above and below the plane of its two bonds."""
    away = -_unit(_unit(before_nm - carbon_nm) + _unit(after_nm - carbon_nm))
    half = np.radians(HCH_DEGREES) / 2
    sideways = np.array([0.0, 1.0, 0.0])
    return [
        carbon_nm + CH_NM * (np.cos(half) * away + sign * np.sin(half) * sideways)
        for sign in (1, -1)
    ]


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector))
