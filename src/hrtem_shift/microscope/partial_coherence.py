"""Partial coherence without envelopes: images of many foci and tilts, added up.

An envelope multiplies the wave: it is exact for the interference with the unscattered beam
alone, and it takes electrons away. Each electron of an exposure has a focus and a direction
of its own; here so many of them are imaged by a coherent lens that the sum of their
intensities has converged. A tilt is that of the illumination of a thin object: its wave is
the same, times exp(2 pi i q0 r), and passes the lens at q + q0.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.aberrations import aberration_polynomial, gradient, harmonic
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.microscope.electrons import wavelength_nm

TOLERANCE = 1e-4
"""Of the envelope of every frequency in the band."""
MOST_NODES = 100
MOST_IMAGES = 10_000


def coherent_lenses(
    lens: Lens, energy_keV: float, band_per_nm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coherent lenses whose images, added by weight, are the image of a partially coherent one.

    Focus and both tilts are normal; each is replaced by the nodes of a Gauss-Hermite
    quadrature, as many as keep every phase difference within the band to `TOLERANCE`.

    Parameters
    ----------
    lens : Lens
        Aberrations and the two widths.
    energy_keV : float
        Energy of the electrons, keV.
    band_per_nm : float
        Highest frequency of the wave, 1/nm.

    Returns
    -------
    polynomials : array of float64, shape (M, 7, 7)
        chi of each, as `aberration_polynomial` gives it.
    weights : array of float64, shape (M,)
        Their sum is 1.

    Raises
    ------
    InputError
        More than 10,000 images would have to be added.
    """
    wavelength = wavelength_nm(energy_keV)
    chi = aberration_polynomial(lens, energy_keV)
    rad_per_nm = np.zeros_like(chi)  # of defocus
    rad_per_nm[:3, :3] = -math.pi * wavelength * harmonic(2, 0).real
    tilt_std_per_nm = 1e-3 * lens.illumination_angle_std_mrad / wavelength
    foci, focus_weights = _nodes(
        math.pi * wavelength * lens.focal_spread_std_nm * band_per_nm**2, lens
    )
    tilts, tilt_weights = _nodes(2 * tilt_std_per_nm * _steepest(chi, band_per_nm), lens)
    if len(foci) * len(tilts) ** 2 > MOST_IMAGES:
        raise _too_incoherent(lens)
    polynomials = [
        shifted(
            chi + focus * lens.focal_spread_std_nm * rad_per_nm,
            tilt_y * tilt_std_per_nm,
            tilt_x * tilt_std_per_nm,
        )
        for focus, tilt_y, tilt_x in product(foci, tilts, tilts)
    ]
    weights = [math.prod(each) for each in product(focus_weights, tilt_weights, tilt_weights)]
    return np.stack(polynomials), np.array(weights)


def shifted(c: NDArray[np.float64], qy_per_nm: float, qx_per_nm: float) -> NDArray[np.float64]:
    """Coefficients of the polynomial c with its argument moved: c(q + q0)."""

    def along(q0: float) -> NDArray[np.float64]:
        n = len(c)
        binomials = [[math.comb(j, i) * q0 ** max(j - i, 0) for j in range(n)] for i in range(n)]
        return np.array(binomials)

    return along(qy_per_nm) @ c @ along(qx_per_nm).T


def _steepest(chi: NDArray[np.float64], band_per_nm: float) -> float:
    """Largest slope of chi in the band, rad nm."""
    q = np.linspace(-band_per_nm, band_per_nm, 201)
    slopes = [np.polynomial.polynomial.polygrid2d(q, q, slope) for slope in gradient(chi)]
    inside = np.hypot(q[:, None], q) <= band_per_nm
    return float(np.hypot(*slopes)[inside].max())


def _nodes(phase_std_rad: float, lens: Lens) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions in standard deviations, and weights, that average a normal phase."""
    phases_rad = np.linspace(0, phase_std_rad, 101)
    for number in range(1, MOST_NODES + 1):
        positions, weights = _gauss_hermite(number)
        averaged = np.cos(np.multiply.outer(phases_rad, positions)) @ weights
        if np.abs(averaged - np.exp(-0.5 * phases_rad**2)).max() <= TOLERANCE:
            return positions, weights
    raise _too_incoherent(lens)


@lru_cache(maxsize=MOST_NODES)
def _gauss_hermite(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    positions, weights = np.polynomial.hermite_e.hermegauss(number)
    return positions, weights / weights.sum()


def _too_incoherent(lens: Lens) -> InputError:
    return InputError(
        f"a focal spread of {lens.focal_spread_std_nm:g} nm and an illumination angle of "
        f"{lens.illumination_angle_std_mrad:g} mrad",
        where="coherence",
        why=f"Their explicit average takes more than {MOST_IMAGES:,} images",
        fix="Use 'quasi_coherent', a narrower spread, or larger pixels",
    )
