"""Checks before a simulation: scenes, settings, and memory of the machine or free on the GPU."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from hrtem_shift.errors import InputError
from hrtem_shift.execution.memory import memory_bytes
from hrtem_shift.microscope.phonons import displacements_std_nm
from hrtem_shift.microscope.scattering import check_elements
from hrtem_shift.microscope.slices import cut
from hrtem_shift.structures.scenes import Scene

if TYPE_CHECKING:
    import torch

    from hrtem_shift.microscope.settings import MultisliceSettings

COARSEST_PIXEL_nm = 0.05
"""Its band limit, 6.7 1/nm, still passes the {111} and {200} planes of metals (4 to 5 1/nm)."""

ROUNDING_nm = 1e-6

BYTES_PER_PIXEL = 128
BYTES_PER_ATOM = 2000
"""Peak memory of one specimen, measured: of its grid, and of the atoms of two slices."""


def validate_simulation(
    scenes: Sequence[Scene],
    settings: MultisliceSettings,
    device: torch.device,
    seeds: Sequence[int] | None = None,
) -> None:
    """Raise `InputError` for scenes and settings that give wrong waves or exceed the memory."""
    for scene in scenes:
        check_box(scene.size_nm, settings)
        _check_atoms(scene)
        if settings.phonon_configurations:
            displacements_std_nm(scene.atomic_numbers, settings.displacement_std_nm)
    fields = sorted({scene.size_nm[0] for scene in scenes})
    if len(fields) > 1:
        raise InputError(
            f"fields from {fields[0]:g} to {fields[-1]:g} nm",
            where="scenes",
            why="Scenes that are computed together share their pixels",
            fix="Compute the scenes of each field by themselves",
        )
    if settings.phonon_configurations and (seeds is None or len(seeds) != len(scenes)):
        raise InputError(
            f"{0 if seeds is None else len(seeds)} seeds for {len(scenes)} scenes",
            where="seeds",
            why="Frozen phonons of each scene are drawn from its own seed",
            fix="Give one seed a scene",
        )
    waves = len(scenes) * max(1, settings.phonon_configurations)
    check_memory(settings, device, _atoms_together(scenes, settings), waves)


def check_box(size_nm: tuple[float, float, float], settings: MultisliceSettings) -> None:
    """Raise `InputError` unless a box (x, y, z) fits pixels and slices."""
    if not np.isfinite(size_nm).all() or min(size_nm) <= 0:
        raise InputError(
            f"a box of {' x '.join(f'{edge:g}' for edge in size_nm)} nm",
            where="scene",
            why="Its edges are lengths",
            fix="Give a box with three finite edges above zero",
        )
    x_nm, y_nm, z_nm = size_nm
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


def _check_atoms(scene: Scene) -> None:
    z_nm = scene.size_nm[2]
    check_elements(np.unique(scene.atomic_numbers))
    if not np.isfinite(scene.positions_nm).all():
        raise InputError(
            "positions that are not finite numbers",
            where="scene",
            why="An atom without a position has no potential",
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


def check_memory(
    settings: MultisliceSettings,
    device: str | torch.device = "cpu",
    atoms_of_two_slices: int = 0,
    waves: int = 1,
) -> None:
    """Raise `InputError` unless one specimen, beside all resulting waves, fits into memory."""
    needed = _bytes(settings, atoms_of_two_slices) + 8 * waves * settings.pixels**2
    available = _available_bytes(device)
    if needed > available:
        fine = settings.pixels * settings.oversampling
        raise InputError(
            f"{waves} waves of {settings.pixels} pixels, computed on {fine} pixels, need "
            f"{needed / 2**30:,.1f} GiB",
            where="multislice.pixels",
            why=f"There are {available / 2**30:,.1f} GiB of memory on {device}",
            fix="Use fewer pixels, less oversampling, thinner slices, or fewer scenes at a time",
        )


def _bytes(settings: MultisliceSettings, atoms_of_two_slices: int) -> int:
    fine = settings.pixels * settings.oversampling
    return BYTES_PER_PIXEL * fine**2 + BYTES_PER_ATOM * atoms_of_two_slices


def _atoms_together(scenes: Sequence[Scene], settings: MultisliceSettings) -> int:
    """Atoms of the two slices that have most."""
    stacks = [
        cut(scene.positions_nm, scene.atomic_numbers, scene.size_nm[2], settings.slice_thickness_nm)
        for scene in scenes
    ]
    return max((int(np.bincount(stack.index // 2).max(initial=0)) for stack in stacks), default=0)


def batch_size(scenes: Sequence[Scene], settings: MultisliceSettings, device: torch.device) -> int:
    """Specimens a batch: what half of a GPU's free memory holds; 1 on a CPU, which is fastest."""
    if device.type != "cuda":
        return 1
    bytes_each = _bytes(settings, _atoms_together(scenes, settings))
    return max(1, _available_bytes(device) // (2 * bytes_each))


def _available_bytes(device: str | torch.device) -> int:
    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return memory_bytes()
