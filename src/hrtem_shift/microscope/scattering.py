"""How strongly free atoms scatter electrons: two tables for neutral atoms of Z = 1 to 103.

``lobato``: I. Lobato and D. Van Dyck, Acta Cryst. A70 (2014) 636-649: five terms that have
the right limits: Mott-Bethe at high q, finite at q = 0.
``kirkland``: E. J. Kirkland, Advanced Computing in Electron Microscopy, Appendix C: three
Lorentzians and three Gaussians, fitted up to q = 120 1/nm.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from math import pi
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.electrons import CHARGE_C, ELECTRON_MASS_kg, PLANCK_J_s

POTENTIAL_V_nm2 = PLANCK_J_s**2 / (2 * pi * ELECTRON_MASS_kg * CHARGE_C) * 1e18
"""h² / (2 pi m e): scattering amplitude in nm -> Fourier transform of the potential, V nm³."""

NM_PER_ANGSTROM = 0.1

Parametrization = Literal["lobato", "kirkland"]


def scattering_factor_nm(
    atomic_number: int,
    q_per_nm: NDArray[np.floating],
    parametrization: Parametrization = "lobato",
) -> NDArray[np.float64]:
    """Electron scattering factor f_e(q).

    Lobato: sum a (2 + b q²) / (1 + b q²)²; Kirkland: sum a / (q² + b) + c exp(-d q²).
    Not multiplied by the relativistic mass: that stands in the interaction constant.

    Parameters
    ----------
    atomic_number : int
        Element, 1 to 103, neutral.
    q_per_nm : array
        Spatial frequencies 1/d, 1/nm.
    parametrization : {"lobato", "kirkland"}
        Which table.

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
    coefficients = _coefficients(parametrization)[int(atomic_number)]
    q2 = np.square(np.asarray(q_per_nm, dtype=np.float64) * NM_PER_ANGSTROM)  # 1/Angstrom²
    total_A = np.zeros_like(q2)
    if parametrization == "lobato":
        for a, b in coefficients.reshape(2, 5).T:
            total_A += a * (2 + b * q2) / (1 + b * q2) ** 2
    else:
        for a, b, c, d in coefficients.reshape(4, 3).T:
            total_A += a / (q2 + b) + c * np.exp(-d * q2)
    return total_A * NM_PER_ANGSTROM


def check_elements(atomic_numbers: NDArray[np.integer] | list[int]) -> None:
    """Raise `InputError` unless every element is in the table."""
    unknown = sorted({int(z) for z in atomic_numbers} - set(_coefficients("lobato")))
    if unknown:
        raise InputError(
            f"no scattering factor for atomic number {', '.join(map(str, unknown))}",
            where="atomic_numbers",
            why="The tables of scattering factors go from 1 to 103",
            fix="Correct the elements of the structure",
        )


@cache
def _coefficients(parametrization: Parametrization) -> dict[int, NDArray[np.float64]]:
    """Atomic number -> its row of ``lobato.csv`` or ``kirkland.csv``, in Angstrom."""
    table = files("hrtem_shift.microscope").joinpath(f"{parametrization}.csv")
    lines = table.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line and not line.startswith("#")][1:]
    numbers = [np.array(row.split(","), dtype=np.float64) for row in rows]
    return {int(row[0]): row[1:] for row in numbers}
