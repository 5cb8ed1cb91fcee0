"""abTEM's loop as it comes out when conditions are drawn into arrays: NumPy's numbers.

The only difference to `abtem_script`, and a common one: single precision is lost on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import abtem
import numpy as np
from simulation_arms.abtem_script import as_array, atoms_of, exit_wave, transfer, wave_from

from hrtem_shift.microscope.conditions import ImagingConditions

__all__ = ["as_array", "atoms_of", "exit_wave", "images", "wave_from"]


def images(
    wave: abtem.Waves, conditions: Sequence[ImagingConditions]
) -> list[abtem.measurements.Images]:
    """One contrast transfer function a condition."""
    spectrum = wave.ensure_reciprocal_space()
    return [spectrum.apply_ctf(in_double(transfer(one))).intensity() for one in conditions]


def in_double(ctf: abtem.CTF) -> abtem.CTF:
    """The same function, with NumPy's numbers."""
    numbers = {name: np.float64(value) for name, value in ctf.aberration_coefficients.items()}
    return abtem.CTF(aberration_coefficients=numbers, focal_spread=np.float64(ctf.focal_spread))
