"""Exit waves by multislice.

The scene is cut into slices across the beam. Each slice is projected to its middle plane,
where the wave is multiplied by exp(i sigma V); between planes it propagates in vacuum by
exp(-i pi lambda dz q²), limited to 2/3 of Nyquist so that products do not alias.
Kirkland, Advanced Computing in Electron Microscopy, 3rd ed., chapter 6.
"""

from __future__ import annotations

from math import ceil, pi
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.electrons import interaction_per_V_nm, wavelength_nm
from hrtem_shift.microscope.potential import Grid, SlicePotentials
from hrtem_shift.microscope.scattering import check_elements
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.structures.scenes import Scene

if TYPE_CHECKING:
    import torch

COARSEST_PIXEL_nm = 0.05
"""Its band limit, 6.7 1/nm, still passes the {111} and {200} planes of metals (4 to 5 1/nm)."""

BAND_LIMIT = 2 / 3
ROUNDING_nm = 1e-6


class MultisliceSettings(ParameterBlock):
    """How exit waves are computed."""

    energy_keV: float = Field(default=300, ge=1, le=3000)
    pixels: int = Field(default=512, ge=16)  # along each edge of the field; even
    slice_thickness_nm: float = Field(default=0.2, gt=0)

    @field_validator("pixels")
    @classmethod
    def _even(cls, pixels: int) -> int:
        if pixels % 2:
            raise ValueError(f"{pixels} is odd; the transforms need an even number of pixels")
        return pixels


def exit_wave(
    scene: Scene, settings: MultisliceSettings, device: str | torch.device = "cpu"
) -> torch.Tensor:
    """Wave behind a scene, lit by a plane wave of amplitude 1.

    Parameters
    ----------
    scene : Scene
        Atoms in a box with a square field.
    settings : MultisliceSettings
        Energy, grid, slices.
    device : str or torch.device
        Where to compute. One CPU thread gives the same bytes each time; a GPU adds in
        any order and differs in the last digits.

    Returns
    -------
    complex64 tensor, shape (H, W)
        Wave in the plane z = ``scene.size_nm[2]``; sample (i, j) stands at y = i and
        x = j times the pixel size.

    Raises
    ------
    InputError
        The pixel is too coarse, a slice thicker than the scene, an element unknown, an
        atom nowhere or outside the box along the beam, or the field not square.
    """
    import torch

    check(scene, settings)
    device = torch.device(device)
    grid = Grid(settings.pixels, scene.size_nm[0])
    potentials = SlicePotentials(grid, device)
    interaction = interaction_per_V_nm(settings.energy_keV)
    wave = torch.ones((grid.pixels, grid.pixels), dtype=torch.complex64, device=device)
    distance_before, step = -1.0, wave
    for atoms, distance_nm in _occupied_slices(scene, settings, device):
        phase = potentials.potential_V_nm(atoms).mul_(interaction)
        wave = wave.mul_(torch.complex(torch.cos(phase), torch.sin(phase)))
        if distance_nm != distance_before:
            step = propagator(grid, distance_nm, settings.energy_keV, device)
            distance_before = distance_nm
        wave = torch.fft.ifft2(torch.fft.fft2(wave).mul_(step))
    return wave


def propagator(
    grid: Grid, distance_nm: float, energy_keV: float, device: torch.device
) -> torch.Tensor:
    """exp(-i pi lambda dz q²) within 2/3 of Nyquist, zero beyond; complex64 (H, W)."""
    import torch

    qy2, qx2 = grid.q2_per_nm2()
    phase = -pi * wavelength_nm(energy_keV) * distance_nm
    # Exponentials of the two axes multiply: 2 n of them in place of n².
    step = np.exp(1j * phase * qy2) * np.exp(1j * phase * qx2)
    step[qy2 + qx2 > (BAND_LIMIT / 2 / grid.pixel_size_nm) ** 2] = 0
    return torch.from_numpy(step.astype(np.complex64)).to(device)


Atoms = dict[int, "tuple[torch.Tensor, torch.Tensor]"]


def _occupied_slices(
    scene: Scene, settings: MultisliceSettings, device: torch.device
) -> list[tuple[Atoms, float]]:
    """Atoms of each slice that has some, and the way to the next such slice's middle.

    Empty slices cost nothing: the wave passes several in one step. The last step ends in
    the exit plane.
    """
    import torch

    number = ceil(round(scene.size_nm[2] / settings.slice_thickness_nm, 9))
    thickness_nm = scene.size_nm[2] / number
    index = np.minimum((scene.positions_nm[:, 2] / thickness_nm).astype(int), number - 1)
    order = np.lexsort((scene.atomic_numbers, index))
    xy_nm = torch.from_numpy(scene.positions_nm[order, :2].T.copy()).to(device)
    bounds = _runs(index[order] * 1000 + scene.atomic_numbers[order])
    slices: dict[int, Atoms] = {}
    for key, start, stop in bounds:
        slices.setdefault(key // 1000, {})[key % 1000] = (
            xy_nm[0, start:stop],
            xy_nm[1, start:stop],
        )
    middles = [number_before + 0.5 for number_before in slices]
    ways = np.diff([*middles, float(number)])
    return [
        (atoms, float(way) * thickness_nm) for atoms, way in zip(slices.values(), ways, strict=True)
    ]


def _runs(keys: NDArray[np.integer]) -> list[tuple[int, int, int]]:
    """Sorted keys -> (key, start, stop) of each run of equal ones."""
    values, starts = np.unique(keys, return_index=True)
    stops = [*starts.tolist(), len(keys)][1:]
    return list(zip(values.tolist(), starts.tolist(), stops, strict=True))


def check(scene: Scene, settings: MultisliceSettings) -> None:
    """Raise `InputError` for a scene or a grid that would give a wrong wave."""
    x_nm, y_nm, z_nm = scene.size_nm
    if x_nm != y_nm:
        raise InputError(
            f"a field of {x_nm:g} x {y_nm:g} nm",
            where="scene",
            why="Waves are computed on square fields with square pixels",
            fix="Make both edges equal",
        )
    pixel_nm = x_nm / settings.pixels
    if pixel_nm > COARSEST_PIXEL_nm:
        raise InputError(
            f"a pixel of {pixel_nm:.3g} nm ({x_nm:g} nm in {settings.pixels} pixels)",
            where="multislice.pixels",
            why=f"Above {COARSEST_PIXEL_nm:g} nm the band limit cuts lattice fringes off",
            fix=f"Use at least {2 * ceil(x_nm / COARSEST_PIXEL_nm / 2)} pixels or a smaller field",
        )
    if settings.slice_thickness_nm > z_nm:
        raise InputError(
            f"slices of {settings.slice_thickness_nm:g} nm",
            where="multislice.slice_thickness_nm",
            why=f"The scene is only {z_nm:g} nm thick along the beam",
            fix="Use thinner slices; 0.1 to 0.2 nm is usual",
        )
    check_elements(np.unique(scene.atomic_numbers))
    if not np.isfinite(scene.positions_nm).all():
        raise InputError(
            "positions that are not finite numbers",
            where="scene",
            why="An atom without a place has no potential",
            fix="Remove the atoms whose position is NaN or infinite",
        )
    heights_nm = scene.positions_nm[:, 2]
    if len(heights_nm) and (
        heights_nm.min() < -ROUNDING_nm or heights_nm.max() > z_nm + ROUNDING_nm
    ):
        raise InputError(
            f"atoms between z = {heights_nm.min():g} and {heights_nm.max():g} nm",
            where="scene",
            why=f"The box along the beam is 0 to {z_nm:g} nm",
            fix="Shift the atoms or give a thicker box",
        )
