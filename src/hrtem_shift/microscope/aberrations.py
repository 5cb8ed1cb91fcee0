"""The objective lens: round aberrations, partial temporal coherence, contrast transfer.

Frequencies are q = 1/d in 1/nm. The wave is transferred by E(q) exp(-i chi(q)) with
chi = pi lambda C1 q² + (pi/2) lambda³ C3 q⁴ and C1 = -defocus: underfocus is positive.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.electrons import wavelength_nm

NM_PER_MM = 1e6


def aberration_phase(
    q_per_nm: NDArray[np.floating], *, defocus_nm: float, cs_mm: float, energy_keV: float
) -> NDArray[np.float64]:
    """Aberration function chi of a round lens.

    Parameters
    ----------
    q_per_nm : array
        Spatial frequencies 1/d, 1/nm.
    defocus_nm : float
        Defocus, nm, positive = underfocus.
    cs_mm : float
        Spherical aberration, mm, signed.
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    array of float64, same shape
        chi, rad; the wave is multiplied by exp(-i chi).
    """
    wavelength = wavelength_nm(energy_keV)
    q2 = np.square(np.asarray(q_per_nm, dtype=np.float64))
    c1_nm, c3_nm = -defocus_nm, cs_mm * NM_PER_MM
    return math.pi * wavelength * q2 * (c1_nm + 0.5 * wavelength**2 * c3_nm * q2)


def temporal_envelope(
    q_per_nm: NDArray[np.floating], *, focal_spread_std_nm: float, energy_keV: float
) -> NDArray[np.float64]:
    """Envelope exp(-(pi lambda Delta q²)² / 2) of a normal spread of defocus.

    Frank, Optik 38 (1973) 519.

    Parameters
    ----------
    q_per_nm : array
        Spatial frequencies 1/d, 1/nm.
    focal_spread_std_nm : float
        Standard deviation Delta of the defocus, nm (neither 1/e half width nor FWHM).
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    array of float64, same shape
        Between 0 and 1.
    """
    q2 = np.square(np.asarray(q_per_nm, dtype=np.float64))
    return np.exp(-0.5 * np.square(math.pi * wavelength_nm(energy_keV) * focal_spread_std_nm * q2))


def phase_contrast_transfer(
    q_per_nm: NDArray[np.floating],
    *,
    defocus_nm: float,
    cs_mm: float,
    focal_spread_std_nm: float,
    energy_keV: float,
    amplitude_fraction: float = 0.0,
) -> NDArray[np.float64]:
    """Contrast transfer T = E (-sqrt(1 - Q²) sin chi + Q cos chi) of a weak object.

    A weak object phi gives the image 1 - 2 T phi: T > 0 means dark atoms.

    Parameters
    ----------
    q_per_nm : array
        Spatial frequencies 1/d, 1/nm.
    defocus_nm, cs_mm, focal_spread_std_nm, energy_keV : float
        As in `aberration_phase` and `temporal_envelope`.
    amplitude_fraction : float
        Q, the share of amplitude contrast, 0 to 1.

    Returns
    -------
    array of float64, same shape
        T, between -1 and 1.
    """
    chi = aberration_phase(q_per_nm, defocus_nm=defocus_nm, cs_mm=cs_mm, energy_keV=energy_keV)
    phase_part = -math.sqrt(1 - amplitude_fraction**2) * np.sin(chi)
    envelope = temporal_envelope(
        q_per_nm, focal_spread_std_nm=focal_spread_std_nm, energy_keV=energy_keV
    )
    return envelope * (phase_part + amplitude_fraction * np.cos(chi))


def scherzer_defocus_nm(cs_mm: float, energy_keV: float) -> float:
    """Extended Scherzer defocus sqrt(1.5 Cs lambda), with the sign of Cs, nm."""
    product_nm2 = 1.5 * abs(cs_mm) * NM_PER_MM * wavelength_nm(energy_keV)
    return math.copysign(math.sqrt(product_nm2), cs_mm)
