"""How strongly free atoms scatter electrons.

Source: I. Lobato and D. Van Dyck, Acta Cryst. A70 (2014) 636-649: five terms that have the
right limits: Mott-Bethe at high q, finite at q = 0.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from math import pi

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.electrons import CHARGE_C, ELECTRON_MASS_kg, PLANCK_J_s

POTENTIAL_V_nm2 = PLANCK_J_s**2 / (2 * pi * ELECTRON_MASS_kg * CHARGE_C) * 1e18
"""h² / (2 pi m e): scattering amplitude in nm -> Fourier transform of the potential, V nm³."""

NM_PER_ANGSTROM = 0.1


def scattering_factor_nm(atomic_number: int, q_per_nm: NDArray[np.floating]) -> NDArray[np.float64]:
    """Electron scattering factor f_e(q) = sum a (2 + b q²) / (1 + b q²)².

    Not multiplied by the relativistic mass: that stands in the interaction constant.

    Parameters
    ----------
    atomic_number : int
        Element, 1 to 103, neutral.
    q_per_nm : array
        Spatial frequencies 1/d, 1/nm.

    Returns
    -------
    array of float64, same shape
        f_e, nm.

    Raises
    ------
    InputError
        No such element in the table.
    """
    check_elements([atomic_number])
    a_angstrom, b_angstrom2 = _coefficients()[int(atomic_number)]
    q2_per_nm2 = np.square(np.asarray(q_per_nm, dtype=np.float64))
    total = np.zeros_like(q2_per_nm2)
    for a, b in zip(a_angstrom, b_angstrom2, strict=True):
        bq2 = b * NM_PER_ANGSTROM**2 * q2_per_nm2
        total += a * NM_PER_ANGSTROM * (2 + bq2) / (1 + bq2) ** 2
    return total


def check_elements(atomic_numbers: NDArray[np.integer] | list[int]) -> None:
    """Raise `InputError` unless every element is in the table."""
    unknown = sorted({int(z) for z in atomic_numbers} - set(_coefficients()))
    if unknown:
        raise InputError(
            f"no scattering factor for atomic number {', '.join(map(str, unknown))}",
            where="atomic_numbers",
            why="The table of Lobato and Van Dyck (2014) goes from 1 to 103",
            fix="Correct the elements of the structure",
        )


@cache
def _coefficients() -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Atomic number -> a (5,) in Angstrom, b (5,) in Angstrom², from lobato.csv."""
    text = files("hrtem_shift.microscope").joinpath("lobato.csv").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line and not line.startswith("#")][1:]
    table = [np.array(row.split(","), dtype=np.float64) for row in rows]
    return {int(row[0]): (row[1:6], row[6:11]) for row in table}
