"""Lattice planes that an image of a crystal shows: their spacings, strongest first."""

from __future__ import annotations

from itertools import product
from math import ceil

import numpy as np

from hrtem_shift.microscope.scattering import scattering_factor_nm
from hrtem_shift.structures.unit_cells import Crystal

_SAME = 1e-6
"""Relative difference below which two spacings are one."""
_ABSENT = 1e-6
"""Part of the strongest reflection below which one is extinct."""


def strongest_spacings(crystal: Crystal, narrowest_nm: float, count: int = 3) -> dict[str, float]:
    """Spacings of the planes that diffract most in many small particles of the crystal.

    The kinematic intensity of a ring is d times the sum of |F|² over its planes: a thin particle
    shows a plane within a range of tilts that is proportional to d.
    F(hkl) = sum f_e(1/d) exp(2 pi i (h x + k y + l z)), atoms at rest.

    Parameters
    ----------
    crystal : Crystal
        Its unit cell.
    narrowest_nm : float
        Spacings below this are not looked at.
    count : int
        At most so many.

    Returns
    -------
    dict
        Indices such as ``111`` to the spacing, nm, widest first.
    """
    most = [
        ceil(float(np.linalg.norm(vector)) / narrowest_nm) for vector in crystal.cell_nm
    ]  # |h| <= |a| / d
    every = product(*(range(-highest, highest + 1) for highest in most))
    planes = np.array([hkl for hkl in every if any(hkl)], dtype=np.int64)
    q_per_nm = np.linalg.norm(planes @ crystal.reciprocal_per_nm, axis=1)
    inside = q_per_nm * narrowest_nm <= 1 + _SAME
    planes, q_per_nm = planes[inside], q_per_nm[inside]
    factors = np.zeros((len(planes), len(crystal)))
    for element in np.unique(crystal.atomic_numbers):
        of_element = crystal.atomic_numbers == element
        factors[:, of_element] = scattering_factor_nm(int(element), q_per_nm)[:, None]
    waves = np.exp(2j * np.pi * planes @ crystal.fractional.T)
    intensities = np.abs((factors * waves).sum(axis=1)) ** 2
    order = np.argsort(q_per_nm, kind="stable")
    rings = np.split(order, np.flatnonzero(np.diff(q_per_nm[order]) > _SAME * q_per_nm.max()) + 1)
    strengths = np.array([(intensities[ring] / q_per_nm[ring]).sum() for ring in rings])
    seen = np.flatnonzero(strengths > _ABSENT * strengths.max())
    chosen = sorted(seen[np.argsort(-strengths[seen], kind="stable")][:count])
    return {_name(planes[rings[k]]): float(1 / q_per_nm[rings[k][0]]) for k in chosen}


def _name(planes: np.ndarray) -> str:
    """Indices of one plane of a ring, without minus signs where there is such a one."""
    indices = max(([*map(int, hkl)] for hkl in planes), key=lambda hkl: (min(hkl) >= 0, hkl))
    return "".join(map(str, indices))
