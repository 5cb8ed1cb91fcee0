"""Frozen phonons: atoms at rest, each displaced at random.

Electrons pass in 1e-15 s, atoms vibrate in 1e-13 s: each electron meets another frozen
arrangement, and an image is the mean of their intensities. Atoms move on their own here
(Einstein's model). Kirkland, Advanced Computing in Electron Microscopy, 3rd ed., section 7.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.elements import symbol

DEBYE_WALLER_B_A2 = {
    "Be": 0.433,
    "C": 0.144,  # diamond; atoms of amorphous films move more
    "Mg": 1.86,
    "Al": 0.797,
    "Si": 0.497,
    "Ca": 2.04,
    "Sc": 0.764,
    "Ti": 0.526,
    "V": 0.586,
    "Cr": 0.257,
    "Fe": 0.332,  # body-centred
    "Ni": 0.365,
    "Cu": 0.564,
    "Zn": 1.17,
    "Ge": 0.614,
    "Y": 0.876,
    "Zr": 0.582,
    "Nb": 0.460,
    "Mo": 0.220,
    "Pd": 0.456,
    "Ag": 0.752,
    "Sn": 1.16,
    "Ta": 0.330,
    "W": 0.163,
    "Pt": 0.381,
    "Au": 0.635,
    "Pb": 2.18,
}
"""B of elemental crystals at 300 K, Angstrom².

Peng, Ren, Dudarev and Whelan, Acta Cryst. A52 (1996) 456-470, table 1.
"""


def displacements_std_nm(
    atomic_numbers: NDArray[np.integer], given_nm: Mapping[str, float]
) -> NDArray[np.float64]:
    """How far each atom moves: standard deviation along one axis, u = sqrt(B / 8 pi²).

    Parameters
    ----------
    atomic_numbers : array, shape (N,)
        Elements.
    given_nm : mapping
        Symbol -> standard deviation, nm; stands before the table.

    Returns
    -------
    array of float64, shape (N,)
        nm.

    Raises
    ------
    InputError
        An element is neither given nor in the table.
    """
    elements, inverse = np.unique(atomic_numbers, return_inverse=True)
    symbols = [symbol(element) for element in elements]
    unknown = [name for name in symbols if not {name} & {*given_nm, *DEBYE_WALLER_B_A2}]
    if unknown:
        raise InputError(
            f"no thermal displacement known for {', '.join(unknown)}",
            where="multislice.displacement_std_nm",
            why="The table holds elemental crystals; in a compound atoms move differently",
            fix=f"Give sqrt(B / 8 pi²) in nm, such as {{{unknown[0]}: 0.008}}, "
            "or set phonon_configurations to 0",
        )
    table_nm = [
        given_nm[name] if name in given_nm else 0.1 * sqrt(DEBYE_WALLER_B_A2[name] / (8 * pi**2))
        for name in symbols
    ]
    return np.array(table_nm, dtype=np.float64)[inverse]


def frozen_phonons(
    positions_nm: NDArray[np.float64],
    std_nm: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Positions (N, 3) moved along each axis by normal distances of deviation `std_nm` (N,)."""
    return positions_nm + std_nm[:, None] * rng.standard_normal(positions_nm.shape)
