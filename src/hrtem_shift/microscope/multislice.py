"""Exit waves by multislice, many scenes at a time.

A scene is cut into slices across the beam. Each slice is projected to its middle plane,
where the wave is multiplied by exp(i sigma V); between planes it propagates in vacuum by
exp(-i pi lambda dz q²), limited to 2/3 of Nyquist so that products do not alias.
Kirkland, Advanced Computing in Electron Microscopy, 3rd ed., chapter 6.

A tilted beam is written as its carrier exp(2 pi i q0 r) times a wave that is periodic. The
latter is computed: between planes it also moves along by dz tan(tilt).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, pi, tan
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.electrons import interaction_per_V_nm, wavelength_nm
from hrtem_shift.microscope.potential import Grid, Planes, SlicePotentials
from hrtem_shift.microscope.scattering import Parametrization, check_elements
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
    oversampling: int = Field(default=1, ge=1, le=8)  # finer pixels while the wave is computed
    parametrization: Parametrization = "lobato"
    beam_tilt_x_mrad: float = Field(default=0.0, ge=-50, le=50)  # +: towards +x on the way
    beam_tilt_y_mrad: float = Field(default=0.0, ge=-50, le=50)

    @field_validator("pixels")
    @classmethod
    def _even(cls, pixels: int) -> int:
        if pixels % 2:
            raise ValueError(f"{pixels} is odd; the transforms need an even number of pixels")
        return pixels


def exit_wave(
    scene: Scene, settings: MultisliceSettings, device: str | torch.device = "cpu"
) -> torch.Tensor:
    """Wave behind one scene, complex64 (H, W): the case of one of `exit_waves`."""
    return exit_waves([scene], settings, device)[0, 0]


def exit_waves(
    scenes: Sequence[Scene],
    settings: MultisliceSettings,
    device: str | torch.device = "cpu",
    seeds: Sequence[int] | None = None,
) -> torch.Tensor:
    """Waves behind scenes that are lit by a plane wave of amplitude 1.

    Parameters
    ----------
    scenes : sequence of Scene, K of them
        Atoms in boxes that share one square field; their heights may differ.
    settings : MultisliceSettings
        Energy, grid, slices, tilt.
    device : str or torch.device
        Where to compute. One CPU thread gives the same bytes each time, alone or among
        many; a GPU adds in any order and differs in the last digits.

    Returns
    -------
    complex64 tensor, shape (K, P, H, W)
        Wave in the plane z = ``scene.size_nm[2]`` of each scene; sample (i, j) stands at
        y = i and x = j times the pixel size.

    Raises
    ------
    InputError
        The pixel is too coarse, a slice thicker than a scene, an element unknown, an
        atom nowhere or outside the box along the beam, or the fields not square or unlike.
    """
    import torch

    for scene in scenes:
        check(scene, settings)
    device = torch.device(device)
    n = settings.pixels
    waves = torch.empty((len(scenes), 1, n, n), dtype=torch.complex64, device=device)
    if not scenes:
        return waves
    engine = _Engine(settings, scenes[0].size_nm[0], device)
    specimens = [(k, 0) for k in range(len(scenes))]
    together = len(scenes) if device.type == "cuda" else 1
    for first in range(0, len(specimens), together):
        chunk = specimens[first : first + together]
        stacks = [
            cut(scenes[k].positions_nm, scenes[k].atomic_numbers, scenes[k].size_nm[2], settings)
            for k, _ in chunk
        ]
        for place, wave in engine.waves(stacks):
            waves[chunk[place]] = wave
    return waves


@dataclass(frozen=True)
class Stack:
    """Slices of one specimen that have atoms, in the order of the beam.

    Attributes
    ----------
    positions_nm : array, shape (N, 3)
        Atoms.
    atomic_numbers : array, shape (N,)
        Their elements.
    index : array, shape (N,)
        Slice of each atom, counted among those that have some.
    ways_nm : array, shape (slices,)
        From the middle of each slice to that of the next, and to the exit plane: a wave
        passes empty slices in one step.
    """

    positions_nm: NDArray[np.float64]
    atomic_numbers: NDArray[np.int64]
    index: NDArray[np.int64]
    ways_nm: NDArray[np.float64]


def cut(
    positions_nm: NDArray[np.float64],
    atomic_numbers: NDArray[np.int64],
    height_nm: float,
    settings: MultisliceSettings,
) -> Stack:
    """Cut atoms into slices of equal thickness, at most that of the settings."""
    number = ceil(round(height_nm / settings.slice_thickness_nm, 9))
    thickness_nm = height_nm / number
    all_of_them = np.clip((positions_nm[:, 2] / thickness_nm).astype(int), 0, number - 1)
    occupied, index = np.unique(all_of_them, return_inverse=True)
    ways_nm = np.diff([*(occupied + 0.5), float(number)]) * thickness_nm
    return Stack(positions_nm, atomic_numbers, index, ways_nm)


class _Engine:
    """Sends waves through stacks, on one grid; keeps what all of them need."""

    def __init__(self, settings: MultisliceSettings, field_nm: float, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.grid = Grid(settings.pixels * settings.oversampling, field_nm)
        self.potentials = SlicePotentials(self.grid, device, settings.parametrization)
        self.interaction = interaction_per_V_nm(settings.energy_keV)

    def waves(self, stacks: list[Stack]) -> Iterator[tuple[int, torch.Tensor]]:
        """Place in the list and exit wave (H, W) of each stack, the shortest first."""
        import torch

        n = self.grid.pixels
        order = sorted(range(len(stacks)), key=lambda place: -len(stacks[place].ways_nm))
        ways_nm = [stacks[place].ways_nm for place in order]
        wave = torch.ones((len(order), n, n), dtype=torch.complex64, device=self.device)
        ways_before, step = np.empty(0), wave
        pairs = self._pairs([stacks[place] for place in order])
        for index in range(len(ways_nm[0]) + 1):
            while len(order) and index == len(ways_nm[len(order) - 1]):
                yield order.pop(), self._cropped(wave[len(order)])
            if not order:
                return
            wave = wave[: len(order)]
            if index % 2 == 0:
                phase = torch.view_as_real(next(pairs).mul_(self.interaction))
                cosine, sine = torch.cos(phase), torch.sin(phase)
            part = (slice(len(order)), ..., index % 2)
            wave = wave.mul_(torch.complex(cosine[part], sine[part]))
            ways = np.array([way[index] for way in ways_nm[: len(order)]])
            if not np.array_equal(ways, ways_before):
                ways_before, step = ways, propagator(self.grid, ways, self.settings, self.device)
            wave = torch.fft.ifft2(torch.fft.fft2(wave).mul_(step))

    def _pairs(self, stacks: list[Stack]) -> Iterator[torch.Tensor]:
        """Potentials (B, H, W) of two slices at a time, of the stacks that have them."""
        import torch

        item = np.repeat(np.arange(len(stacks)), [len(stack.index) for stack in stacks])
        index = np.concatenate([stack.index for stack in stacks])
        element = np.concatenate([stack.atomic_numbers for stack in stacks])
        xy_nm = np.concatenate([stack.positions_nm[:, :2] for stack in stacks])
        pair = index // 2
        order = np.lexsort((element, pair))
        x_nm, y_nm = torch.from_numpy(xy_nm[order].T.copy()).to(self.device)
        plane = torch.from_numpy((2 * item + index % 2)[order]).to(self.device)
        atoms: dict[int, Planes] = {}
        for key, start, stop in _runs(pair[order] * 1000 + element[order]):
            run = slice(start, stop)
            atoms.setdefault(key // 1000, {})[key % 1000] = x_nm[run], y_nm[run], plane[run]
        for number, planes in atoms.items():
            alive = sum(len(stack.ways_nm) > 2 * number for stack in stacks)
            yield self.potentials.pairs_V_nm(planes, alive)

    def _cropped(self, wave: torch.Tensor) -> torch.Tensor:
        """The wave on the pixels that are asked for."""
        return wave


def propagator(
    grid: Grid,
    ways_nm: Sequence[float] | NDArray[np.float64],
    settings: MultisliceSettings,
    device: torch.device,
) -> torch.Tensor:
    """exp(-i pi lambda dz q² - 2 pi i dz q tan(tilt)) within 2/3 of Nyquist, zero beyond.

    Returns complex64 (B, H, W), one for each way dz.
    """
    import torch

    q_per_nm = grid.q_per_nm()
    ways = np.asarray(ways_nm, dtype=np.float64)[:, None]
    # Exponentials of the two axes multiply: 2 n of them in place of n².
    along_y, along_x = (
        torch.from_numpy(
            np.exp(
                -1j * pi * ways * wavelength_nm(settings.energy_keV) * q_per_nm**2
                - 2j * pi * ways * q_per_nm * tan(tilt_mrad * 1e-3)
            )
        ).to(device)
        for tilt_mrad in (settings.beam_tilt_y_mrad, settings.beam_tilt_x_mrad)
    )
    q2 = np.square(q_per_nm)
    inside = q2[:, None] + q2[None, :] <= (BAND_LIMIT / 2 / grid.pixel_size_nm) ** 2
    step = along_y[:, :, None] * along_x[:, None, :]
    return step.mul_(torch.from_numpy(inside).to(device)).to(torch.complex64)


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
