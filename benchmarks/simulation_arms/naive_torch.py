"""A first script in torch: textbook multislice, every slice in memory at once.

Atoms are shared out bilinearly among four pixels, as in abTEM.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from simulation_arms.task import ENERGY_keV, SLICE_nm

from hrtem_shift.microscope.electrons import interaction_per_V_nm, wavelength_nm
from hrtem_shift.microscope.scattering import POTENTIAL_V_nm2, scattering_factor_nm
from hrtem_shift.structures.scenes import Scene

torch.set_num_threads(1)


def atoms_of(scene: Scene) -> Scene:
    """What `exit_wave` takes."""
    return scene


def exit_wave(scene: Scene, n: int) -> torch.Tensor:
    """Wave (n, n) behind the scene."""
    field_nm, _, height_nm = scene.size_nm
    slices = round(height_nm / SLICE_nm)
    q_per_nm = np.fft.fftfreq(n, field_nm / n)
    q = np.hypot(q_per_nm[:, None], q_per_nm[None, :])
    positions = torch.from_numpy(scene.positions_nm)
    spectra = torch.zeros((slices, n, n), dtype=torch.complex64)
    for element in np.unique(scene.atomic_numbers):
        density = bilinear(positions[scene.atomic_numbers == element], scene.size_nm, slices, n)
        factor = POTENTIAL_V_nm2 * scattering_factor_nm(int(element), q) * (n / field_nm) ** 2
        spectra += torch.fft.fft2(density) * torch.from_numpy(factor.astype(np.float32))
    phase = interaction_per_V_nm(ENERGY_keV) * torch.fft.ifft2(spectra).real
    transmissions = torch.exp(1j * phase)
    band = q < 2 / 3 / 2 * n / field_nm
    propagator = np.exp(-1j * np.pi * wavelength_nm(ENERGY_keV) * SLICE_nm * q**2) * band
    step = torch.from_numpy(propagator.astype(np.complex64))
    wave = torch.ones((n, n), dtype=torch.complex64)
    for transmission in transmissions:
        wave = torch.fft.ifft2(torch.fft.fft2(wave * transmission) * step)
    return wave


def bilinear(
    positions_nm: torch.Tensor, size_nm: tuple[float, float, float], slices: int, n: int
) -> torch.Tensor:
    """Atoms per pixel, float32 (slices, n, n)."""
    density = torch.zeros(slices * n * n)
    index = (positions_nm[:, 2] / size_nm[2] * slices).long().clamp(max=slices - 1)
    y, x = positions_nm[:, 1] * (n / size_nm[1]), positions_nm[:, 0] * (n / size_nm[0])
    row, column = y.floor(), x.floor()
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (1 - (y - row - down).abs()) * (1 - (x - column - across).abs())
        place = (index * n + (row.long() + down) % n) * n + (column.long() + across) % n
        density.index_add_(0, place, weight.float())
    return density.view(slices, n, n)


def as_array(tensor: torch.Tensor) -> NDArray[np.generic]:
    """(y, x) in memory."""
    return tensor.numpy()
