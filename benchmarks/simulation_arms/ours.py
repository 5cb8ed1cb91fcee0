"""The arm of this project: its own scene, engine, lens and camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from simulation_arms.task import DISTRIBUTION, ENERGY_keV, PIXEL_SIZE_nm, SLICE_nm

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.detector import record
from hrtem_shift.microscope.imaging import image_intensities
from hrtem_shift.microscope.multislice import exit_waves
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.seeds import generator_at
from hrtem_shift.structures.scene_building import draw_scene
from hrtem_shift.structures.scenes import Scene

torch.set_num_threads(1)


def atoms_of(scene: Scene) -> Scene:
    """What `exit_wave` takes."""
    return scene


def structure(scene: Scene, index: int) -> Scene:
    """A whole scene, drawn again."""
    return draw_scene(DISTRIBUTION, 0, "benchmark", index)


def exit_wave(scene: Scene, pixels: int) -> torch.Tensor:
    """Wave behind the scene."""
    settings = MultisliceSettings(energy_keV=ENERGY_keV, pixels=pixels, slice_thickness_nm=SLICE_nm)
    return exit_waves([scene], settings)[0, 0]


def images(wave: torch.Tensor, conditions: Sequence[ImagingConditions]) -> torch.Tensor:
    """All images in one call."""
    vacuum_nm = np.zeros(wave.shape, dtype=np.float32)
    return image_intensities(wave, conditions, ENERGY_keV, PIXEL_SIZE_nm, vacuum_nm)


def counts(
    intensities: torch.Tensor, conditions: Sequence[ImagingConditions]
) -> NDArray[np.float32]:
    """Each image on an ideal camera, with a generator of its own."""
    return np.stack(
        [
            record(image, one, PIXEL_SIZE_nm, generator_at(0, "benchmark", "camera", k))
            for k, (image, one) in enumerate(zip(intensities.numpy(), conditions, strict=True))
        ]
    )


def wave_from(array: NDArray[np.complex64]) -> torch.Tensor:
    """What `images` takes."""
    return torch.from_numpy(array)


def as_array(tensor: torch.Tensor) -> NDArray[np.generic]:
    """(y, x) in memory."""
    return tensor.numpy()
