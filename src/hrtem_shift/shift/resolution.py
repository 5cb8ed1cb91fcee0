"""Transfer as a network sees it: with the resolution in q of its receptive field.

A network that sees a field of width L cannot tell spatial frequencies apart that differ by less
than about 1 / L. Rings that are finer than that are washed out, and fringes that the lens
displaces by more than the field are lost: both are the same fact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.microscope.electrons import wavelength_nm

AnyLens = TypeVar("AnyLens", bound=Lens)


def as_resolved(
    lenses: Sequence[AnyLens], receptive_field_nm: float, energy_keV: float
) -> list[AnyLens]:
    """Lenses whose transfer is smoothed in q by a Gaussian of standard deviation 1 / L.

    Parameters
    ----------
    lenses : sequence of Lens
        Conditions.
    receptive_field_nm : float
        Width L of what a network sees around a pixel.
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    list of Lens
        The same with a wider illumination.

    Notes
    -----
    To first order in the curvature of chi, smoothing T by a Gaussian of standard deviation s in
    each direction of q multiplies it by exp(-s² abs(grad chi)² / 2). That is the envelope of a
    spread of the illumination by the angle wavelength * s (Frank, Optik 38 (1973) 519), whose
    variance is added to that of the lens.
    """
    angle_mrad = 1e3 * wavelength_nm(energy_keV) / receptive_field_nm
    return [
        lens.model_copy(
            update={
                "illumination_angle_std_mrad": math.hypot(
                    lens.illumination_angle_std_mrad, angle_mrad
                )
            }
        )
        for lens in lenses
    ]
