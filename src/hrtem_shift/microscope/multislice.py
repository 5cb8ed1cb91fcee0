"""Exit waves by multislice, many specimens at a time.

Each slice of a specimen is projected to its middle plane, where the wave is multiplied by
exp(i sigma V); between planes it propagates in vacuum by exp(-i pi lambda dz q²), limited
to 2/3 of Nyquist so that products do not alias.
Kirkland, Advanced Computing in Electron Microscopy, 3rd ed., chapter 6.

A tilted beam is written as its carrier exp(2 pi i q0 r) times a wave that is periodic. The
latter is computed: between planes it also moves along by dz tan(tilt).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import pi, tan
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.electrons import interaction_per_V_nm, wavelength_nm
from hrtem_shift.microscope.limits import batch_size, validate_simulation
from hrtem_shift.microscope.phonons import displacements_std_nm, frozen_phonons
from hrtem_shift.microscope.potential import Grid, Planes, SlicePotentials, corners
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.microscope.slices import Stack, cut
from hrtem_shift.seeds import generator_at
from hrtem_shift.structures.scenes import Scene

if TYPE_CHECKING:
    import torch

BAND_LIMIT = 2 / 3


def exit_wave(
    scene: Scene, settings: MultisliceSettings, device: str | torch.device = "cpu", seed: int = 0
) -> torch.Tensor:
    """Wave behind one scene, complex64 (H, W): the first of `exit_waves`."""
    first = settings.model_copy(
        update={"phonon_configurations": min(1, settings.phonon_configurations)}
    )
    return exit_waves([scene], first, device, [seed])[0, 0]


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
        Energy, grid, slices, tilt, phonons.
    device : str or torch.device
        Where to compute. One CPU thread gives the same bytes each time, alone or among
        many; a GPU adds in any order and differs in the last digits.
    seeds : sequence of int, optional
        One a scene. Configuration p is displaced by the generator at
        ``(seed, "phonons", p)``; not used for atoms at rest.

    Returns
    -------
    complex64 tensor, shape (K, P, H, W)
        Wave of P phonon configurations (1 for atoms at rest) in the plane
        z = ``scene.size_nm[2]`` of each scene; sample (i, j) stands at y = i and x = j
        times the pixel size. A tilted beam's carrier is left out.

    Raises
    ------
    InputError
        The pixel is too coarse, a slice thicker than a scene, an element or its thermal
        displacement unknown, an atom nowhere or outside the box along the beam, fields
        not square or unlike, seeds missing, or a wave larger than memory.
    """
    import torch

    device = torch.device(device)
    validate_simulation(scenes, settings, device, seeds)
    n, configurations = settings.pixels, max(1, settings.phonon_configurations)
    waves = torch.empty((len(scenes), configurations, n, n), dtype=torch.complex64, device=device)
    specimens = list(np.ndindex(len(scenes), configurations))
    if not specimens:
        return waves
    engine = _Engine(settings, scenes[0].size_nm[0], device)
    size = batch_size(scenes, settings, device)
    for first in range(0, len(specimens), size):
        chunk = specimens[first : first + size]
        stacks = [_stack(scenes[k], p, settings, seeds[k] if seeds else None) for k, p in chunk]
        for index, wave in engine.waves(stacks):
            waves[chunk[index]] = wave
    return waves


def _stack(scene: Scene, p: int, settings: MultisliceSettings, seed: int | None) -> Stack:
    """Configuration p of a scene, in slices."""
    positions_nm = scene.positions_nm
    if settings.phonon_configurations and seed is not None:
        std_nm = displacements_std_nm(scene.atomic_numbers, settings.displacement_std_nm)
        positions_nm = frozen_phonons(positions_nm, std_nm, generator_at(seed, "phonons", p))
    return cut(positions_nm, scene.atomic_numbers, scene.size_nm[2], settings.slice_thickness_nm)


class _Engine:
    """Sends waves through stacks, on one grid; keeps what all of them need."""

    def __init__(self, settings: MultisliceSettings, field_nm: float, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.grid = Grid(settings.pixels * settings.oversampling, field_nm)
        self.potentials = SlicePotentials(self.grid, device, settings.parametrization)
        self.interaction = interaction_per_V_nm(settings.energy_keV)

    def waves(self, stacks: list[Stack]) -> Iterator[tuple[int, torch.Tensor]]:
        """Index and exit wave (H, W) of each stack, as they end."""
        import torch

        # The longest first: those that go on are always the first of the batch.
        distances_nm = [stack.propagation_distances_nm for stack in stacks]
        order = sorted(range(len(stacks)), key=lambda stack: -len(distances_nm[stack]))
        distances_nm = [distances_nm[stack] for stack in order]
        pairs = self._pairs([stacks[stack] for stack in order])
        n = self.grid.pixels
        wave = torch.ones((len(order), n, n), dtype=torch.complex64, device=self.device)
        last_nm, step = np.empty(0), wave
        for index in range(len(distances_nm[0]) + 1):
            while order and index == len(distances_nm[len(order) - 1]):
                yield order.pop(), cropped(wave[len(order)], self.settings.pixels)
            if not order:
                return
            wave = wave[: len(order)]
            if index % 2 == 0:
                phase = torch.view_as_real(next(pairs).mul_(self.interaction))
                cosine, sine = torch.cos(phase), torch.sin(phase)
            part = (slice(len(order)), ..., index % 2)
            wave = wave.mul_(torch.complex(cosine[part], sine[part]))
            next_nm = np.array([each_nm[index] for each_nm in distances_nm[: len(order)]])
            if not np.array_equal(next_nm, last_nm):
                last_nm = next_nm
                step = propagator(self.grid, next_nm, self.settings, self.device)
            wave = torch.fft.ifft2(torch.fft.fft2(wave).mul_(step))

    def _pairs(self, stacks: list[Stack]) -> Iterator[torch.Tensor]:
        """Potentials (B, H, W) of two slices at a time, of those B stacks that have them."""
        import torch

        item = np.repeat(np.arange(len(stacks)), [len(stack.index) for stack in stacks])
        index = np.concatenate([stack.index for stack in stacks])
        element = np.concatenate([stack.atomic_numbers for stack in stacks])
        xy_nm = np.concatenate([stack.positions_nm[:, :2] for stack in stacks])
        order = np.lexsort((element, index // 2))
        x_nm, y_nm = torch.from_numpy(xy_nm[order].T.copy()).to(self.device)
        plane = torch.from_numpy((2 * item + index % 2)[order]).to(self.device)
        atoms: dict[int, Planes] = {}
        for key, start, stop in _runs((index // 2 * 1000 + element)[order]):
            run = slice(start, stop)
            atoms.setdefault(key // 1000, {})[key % 1000] = x_nm[run], y_nm[run], plane[run]
        for pair, planes in atoms.items():
            longer = sum(len(stack.propagation_distances_nm) > 2 * pair for stack in stacks)
            yield self.potentials.pairs_V_nm(planes, longer)


def cropped(wave: torch.Tensor, pixels: int) -> torch.Tensor:
    """A wave (H, W) on fewer samples, without what lies beyond their band limit."""
    import torch

    if len(wave) == pixels:
        return wave
    fine = torch.fft.fft2(wave, norm="forward")
    spectrum = torch.empty((pixels, pixels), dtype=wave.dtype, device=wave.device)
    for corner in corners(pixels):
        spectrum[corner] = fine[corner]
    return torch.fft.ifft2(spectrum.mul_(_passed(pixels).to(wave.device)), norm="forward")


def _passed(pixels: int) -> torch.Tensor:
    """Which frequencies of an unshifted spectrum lie within 2/3 of Nyquist, bool (H, W)."""
    import torch

    of_nyquist2 = torch.fft.fftfreq(pixels, dtype=torch.float64).mul_(2).square_()
    return of_nyquist2[:, None] + of_nyquist2[None, :] <= BAND_LIMIT**2


def propagator(
    grid: Grid,
    propagation_distances_nm: Sequence[float] | NDArray[np.float64],
    settings: MultisliceSettings,
    device: torch.device,
) -> torch.Tensor:
    """exp(-i pi lambda dz q² - 2 pi i dz q tan(tilt)) within 2/3 of Nyquist, zero beyond.

    Parameters
    ----------
    grid : Grid
        Grid of the wave.
    propagation_distances_nm : sequence of float, B of them
        Distances dz along the optic axis, nm.
    settings : MultisliceSettings
        Energy and tilt.
    device : torch.device
        Where to compute.

    Returns
    -------
    complex64 tensor, shape (B, H, W)
        At the frequencies of an unshifted FFT.
    """
    import torch

    q_per_nm = grid.q_per_nm()
    dz_nm = np.asarray(propagation_distances_nm, dtype=np.float64)[:, None]
    spread_out = -1j * pi * wavelength_nm(settings.energy_keV) * np.square(q_per_nm)
    # Exponentials of the two axes multiply: 2 n of them in place of n².
    along_y, along_x = (
        torch.from_numpy(
            np.exp(dz_nm * (spread_out - 2j * pi * q_per_nm * tan(tilt_mrad / 1e3)))
        ).to(device)
        for tilt_mrad in (settings.beam_tilt_y_mrad, settings.beam_tilt_x_mrad)
    )
    step = along_y[:, :, None] * along_x[:, None, :]
    return step.mul_(_passed(grid.pixels).to(device)).to(torch.complex64)


def _runs(keys: NDArray[np.integer]) -> list[tuple[int, int, int]]:
    """Sorted keys -> (key, start, stop) of each run of equal ones."""
    values, starts = np.unique(keys, return_index=True)
    stops = [*starts.tolist(), len(keys)][1:]
    return list(zip(values.tolist(), starts.tolist(), stops, strict=True))
