"""Relativistic electrons: wavelength and interaction with a potential.

Constants are CODATA 2018; h, e and c are exact.
"""

from __future__ import annotations

import math

from hrtem_shift.errors import InputError

PLANCK_J_s = 6.62607015e-34
CHARGE_C = 1.602176634e-19
LIGHT_m_per_s = 299792458.0
ELECTRON_MASS_kg = 9.1093837015e-31

REST_ENERGY_keV = ELECTRON_MASS_kg * LIGHT_m_per_s**2 / CHARGE_C / 1e3  # 510.99895


def wavelength_nm(energy_keV: float) -> float:
    """Wavelength h c / sqrt(eV (2 m c² + eV)).

    Parameters
    ----------
    energy_keV : float
        Kinetic energy, keV: the accelerating voltage times the charge.

    Returns
    -------
    float
        Wavelength, nm.

    Raises
    ------
    InputError
        The energy is not between 1 and 3,000 keV.
    """
    _check(energy_keV)
    planck_light_keV_nm = PLANCK_J_s * LIGHT_m_per_s / CHARGE_C * 1e9 / 1e3
    return planck_light_keV_nm / math.sqrt(energy_keV * (2 * REST_ENERGY_keV + energy_keV))


def interaction_per_V_nm(energy_keV: float) -> float:
    """Interaction constant 2 pi m e lambda / h², with the relativistic mass m.

    Parameters
    ----------
    energy_keV : float
        Kinetic energy, keV.

    Returns
    -------
    float
        Phase in rad per projected potential in V nm.
    """
    mass_kg = ELECTRON_MASS_kg * (1 + energy_keV / REST_ENERGY_keV)
    per_V_m2 = 2 * math.pi * mass_kg * CHARGE_C / PLANCK_J_s**2
    return per_V_m2 * wavelength_nm(energy_keV) * 1e-9 * 1e-9  # lambda to m, 1/m to 1/nm


def _check(energy_keV: float) -> None:
    if not 1 <= energy_keV <= 3000:
        raise InputError(
            f"{energy_keV:g} keV",
            where="energy_keV",
            why="Electron microscopes work between 1 and 3,000 keV",
            fix="Give the accelerating voltage in kV, not in V",
        )
