"""The objective lens: wave aberration to fifth order, partial coherence, contrast transfer.

Frequencies are q = 1/d in 1/nm. The wave is transferred by E(q) exp(-i chi(q)). For a round
lens chi = pi lambda C1 q² + (pi/2) lambda³ C3 q⁴ + (pi/3) lambda⁵ C5 q⁶ with C1 = -defocus:
underfocus is positive. The other aberrations follow Krivanek et al., Ultramicroscopy 78
(1999) 1: with alpha = lambda q and f the angle from +x to +y,
chi = (2 pi / lambda) sum C_nm alpha^(n+1) / (n+1) cos m (f - f_nm).

Every term is a polynomial in qy and qx. So is chi, and so is the logarithm of its envelope:
a lens is two small matrices of coefficients c with the value sum c[i, j] qy^i qx^j.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.microscope.conditions import Aberrations, Lens
from hrtem_shift.microscope.electrons import wavelength_nm

NM_PER_UM = 1e3
NM_PER_MM = 1e6
DEGREE = 6
"""Of chi in q."""
TERMS = {  # field of `Aberrations`: nm in its unit, order n, symmetry m
    "defocus_nm": (-1.0, 1, 0),
    "c12_nm": (1.0, 1, 2),
    "c21_nm": (1.0, 2, 1),
    "c23_nm": (1.0, 2, 3),
    "cs_mm": (NM_PER_MM, 3, 0),
    "c32_um": (NM_PER_UM, 3, 2),
    "c34_um": (NM_PER_UM, 3, 4),
    "c41_um": (NM_PER_UM, 4, 1),
    "c43_um": (NM_PER_UM, 4, 3),
    "c45_um": (NM_PER_UM, 4, 5),
    "c50_mm": (NM_PER_MM, 5, 0),
    "c52_mm": (NM_PER_MM, 5, 2),
    "c54_mm": (NM_PER_MM, 5, 4),
    "c56_mm": (NM_PER_MM, 5, 6),
}


def aberration_polynomial(aberrations: Aberrations, energy_keV: float) -> NDArray[np.float64]:
    """Coefficients of chi.

    Parameters
    ----------
    aberrations : Aberrations
        All of them are used.
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    array of float64, shape (7, 7)
        c with chi = sum c[i, j] qy^i qx^j in rad, q in 1/nm; 0 for i + j > 6.
    """
    wavelength = wavelength_nm(energy_keV)
    c = np.zeros((DEGREE + 1, DEGREE + 1))
    for name, (unit_nm, n, m) in TERMS.items():
        magnitude = getattr(aberrations, name)
        if magnitude != 0:
            azimuth_deg = getattr(aberrations, f"c{n}{m}_azimuth_deg") if m else 0.0
            turned = harmonic(n + 1, m) * np.exp(-1j * m * math.radians(azimuth_deg))
            size = 2 * math.pi * wavelength**n * magnitude * unit_nm / (n + 1)
            c[: n + 2, : n + 2] += size * turned.real
    return c


def log_envelope_polynomial(lens: Lens, energy_keV: float) -> NDArray[np.float64]:
    """Coefficients of the logarithm of E, the envelope of a quasi-coherent lens.

    ln E = -(pi lambda Delta q²)² / 2 - s² abs(grad chi)² / 2: Delta is the standard deviation
    of the focus, s that of the illumination's angle, and the gradient is taken along both
    directions of alpha = lambda q. Frank, Optik 38 (1973) 519.

    Parameters
    ----------
    lens : Lens
        Aberrations and the two widths.
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    array of float64, shape (11, 11)
        c with ln E = sum c[i, j] qy^i qx^j, q in 1/nm.
    """
    wavelength = wavelength_nm(energy_keV)
    c = np.zeros((2 * DEGREE - 1, 2 * DEGREE - 1))
    spread_rad_nm2 = math.pi * wavelength * lens.focal_spread_std_nm
    c[:5, :5] -= 0.5 * spread_rad_nm2**2 * harmonic(4, 0).real
    if lens.illumination_angle_std_mrad > 0:
        spread_per_nm = 1e-3 * lens.illumination_angle_std_mrad / wavelength
        for slope in gradient(aberration_polynomial(lens, energy_keV)):
            c -= 0.5 * spread_per_nm**2 * square(slope)
    return c


@lru_cache
def harmonic(order: int, symmetry: int) -> NDArray[np.complex128]:
    """Coefficients, shape (order + 1, order + 1), of q^order exp(i symmetry f)."""
    extra = (order - symmetry) // 2
    of_y = polynomial.polymul(
        polynomial.polypow([1, 1j], symmetry + extra), polynomial.polypow([1, -1j], extra)
    )
    c: NDArray[np.complex128] = np.fliplr(np.diag(of_y))
    c.setflags(write=False)
    return c


def gradient(c: NDArray[np.float64]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Coefficients, shape (n - 1, n - 1), of the slopes along qy and qx of one of shape (n, n)."""
    return polynomial.polyder(c, axis=0)[:, :-1], polynomial.polyder(c, axis=1)[:-1]


def square(c: NDArray[np.floating]) -> NDArray[np.float64]:
    """Coefficients, shape (2 n - 1, 2 n - 1), of the square of one of shape (n, n)."""
    n = len(c)
    product = np.zeros((2 * n - 1, 2 * n - 1))
    for i, j in np.argwhere(c):
        product[i : i + n, j : j + n] += c[i, j] * c
    return product


def wave_aberration(
    qy_per_nm: ArrayLike, qx_per_nm: ArrayLike, aberrations: Aberrations, energy_keV: float
) -> NDArray[np.float64]:
    """Aberration function chi of any lens.

    Parameters
    ----------
    qy_per_nm, qx_per_nm : array_like
        Spatial frequencies 1/d along y and x, 1/nm.
    aberrations : Aberrations
        All of them are used.
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    array of float64, shape of the frequencies after broadcasting
        chi, rad; the wave is multiplied by exp(-i chi).
    """
    return _value(aberration_polynomial(aberrations, energy_keV), qy_per_nm, qx_per_nm)


def wave_transfer(
    qy_per_nm: ArrayLike, qx_per_nm: ArrayLike, lens: Lens, energy_keV: float
) -> NDArray[np.complex128]:
    """What a wave is multiplied by: E exp(-i chi).

    Parameters
    ----------
    qy_per_nm, qx_per_nm, lens, energy_keV
        As in `wave_aberration`.

    Returns
    -------
    array of complex128, shape of the frequencies after broadcasting
        abs between 0 and 1.
    """
    log_envelope = _value(log_envelope_polynomial(lens, energy_keV), qy_per_nm, qx_per_nm)
    chi = wave_aberration(qy_per_nm, qx_per_nm, lens, energy_keV)
    transfer: NDArray[np.complex128] = np.exp(log_envelope - 1j * chi)
    return transfer


def contrast_transfer(
    qy_per_nm: ArrayLike,
    qx_per_nm: ArrayLike,
    lens: Lens,
    energy_keV: float,
    amplitude_fraction: float = 0.0,
) -> NDArray[np.complex128]:
    """Contrast transfer T of a weak object through any lens.

    The object psi = 1 + (i sqrt(1 - Q²) - Q) phi gives the image 1 - 2 T phi, to which the
    frequencies q and -q of the wave contribute. Where chi = even + odd, as coma and threefold
    astigmatism make it, T = E exp(-i odd) (-sqrt(1 - Q²) sin even + Q cos even): the odd part
    shifts fringes, the even part alone decides abs T.

    Parameters
    ----------
    qy_per_nm, qx_per_nm, lens, energy_keV
        As in `wave_aberration`.
    amplitude_fraction : float
        Q, the share of amplitude contrast, 0 to 1.

    Returns
    -------
    array of complex128, shape of the frequencies after broadcasting
        T(-q) = conj T(q), abs T <= 1; real for a round lens, as `phase_contrast_transfer`.
    """
    scattered = amplitude_fraction - 1j * math.sqrt(1 - amplitude_fraction**2)
    here = wave_transfer(qy_per_nm, qx_per_nm, lens, energy_keV)
    opposite = wave_transfer(np.negative(qy_per_nm), np.negative(qx_per_nm), lens, energy_keV)
    transfer: NDArray[np.complex128] = (scattered * here + np.conj(scattered * opposite)) / 2
    return transfer


def _value(
    c: NDArray[np.float64], qy_per_nm: ArrayLike, qx_per_nm: ArrayLike
) -> NDArray[np.float64]:
    qy, qx = np.broadcast_arrays(np.asarray(qy_per_nm, float), np.asarray(qx_per_nm, float))
    value: NDArray[np.float64] = polynomial.polyval2d(qy, qx, c)
    return value


def aberration_phase(
    q_per_nm: NDArray[np.floating], *, defocus_nm: float, cs_mm: float, energy_keV: float
) -> NDArray[np.float64]:
    """Aberration function chi of a round lens of third order.

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
    """Contrast transfer T = E (-sqrt(1 - Q²) sin chi + Q cos chi) of a weak object, round lens.

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


def scherzer_defocus_nm(cs_mm: float, energy_keV: float, passband: int = 1) -> float:
    """Extended Scherzer defocus sqrt((2 n - 1/2) Cs lambda), with the sign of Cs, nm.

    Parameters
    ----------
    cs_mm : float
        Spherical aberration, mm, signed.
    energy_keV : float
        Energy of the electrons, keV.
    passband : int
        n, from 1: chi is stationary at -(n - 1/4) pi in the middle of the n-th passband.

    Returns
    -------
    float
        Defocus, nm.
    """
    product_nm2 = (2 * passband - 0.5) * abs(cs_mm) * NM_PER_MM * wavelength_nm(energy_keV)
    return math.copysign(math.sqrt(product_nm2), cs_mm)


def point_resolution_nm(cs_mm: float, energy_keV: float) -> float:
    """First zero of T at extended Scherzer defocus, as a distance (Cs lambda³ / 6)^(1/4), nm."""
    return float((abs(cs_mm) * NM_PER_MM * wavelength_nm(energy_keV) ** 3 / 6) ** 0.25)


def corrected_optimum(limit_per_nm: float, energy_keV: float) -> tuple[float, float]:
    """Defocus and Cs of a corrected lens, for phase contrast up to its information limit.

    Parameters
    ----------
    limit_per_nm : float
        Information limit g, 1/nm.
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    tuple of float
        Defocus 16 / (9 lambda g²), nm, and C3 = 64 / (27 lambda³ g⁴), mm: Lentzen, Microsc.
        Microanal. 12 (2006) 191.
    """
    wavelength = wavelength_nm(energy_keV)
    c3_nm = 64 / (27 * wavelength**3 * limit_per_nm**4)
    return 16 / (9 * wavelength * limit_per_nm**2), c3_nm / NM_PER_MM


def focal_spread_std_nm(
    cc_mm: float,
    energy_keV: float,
    *,
    energy_spread_std_eV: float,
    voltage_instability: float = 0.0,
    current_instability: float = 0.0,
) -> float:
    """Spread of the focus, Cc sqrt((dE / E)² + (dV / V)² + (2 dI / I)²).

    Parameters
    ----------
    cc_mm : float
        Chromatic aberration, mm, in its relativistic definition: the change of focus per
        relative change of the energy E.
    energy_keV : float
        Energy E of the electrons, keV.
    energy_spread_std_eV : float
        Standard deviation dE of the electrons' energy, eV: a FWHM divided by 2.35482.
    voltage_instability, current_instability : float
        Relative standard deviations of the high voltage and of the current of the lens.

    Returns
    -------
    float
        Standard deviation, nm.
    """
    energy_spread = energy_spread_std_eV / (energy_keV * 1e3)
    return (
        cc_mm * NM_PER_MM * math.hypot(energy_spread, voltage_instability, 2 * current_instability)
    )


def information_limit_nm(focal_spread_std_nm: float, energy_keV: float) -> float:
    """Distance sqrt(pi lambda Delta / 2), nm, at which the temporal envelope is exp(-2)."""
    return math.sqrt(math.pi * wavelength_nm(energy_keV) * focal_spread_std_nm / 2)
