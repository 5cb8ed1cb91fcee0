"""What a fresh process does: one job of one arm, timed in CPU seconds."""

from __future__ import annotations

from importlib import import_module
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from simulation_arms.task import PIXELS, joint_conditions, scene

WARM_CALLS = 2
IMAGES = 100


def exit_wave(name: str, index: int) -> dict[str, float]:
    """One wave: the first call, and the median of later ones."""
    arm = import_module(f"simulation_arms.{name}")
    atoms = arm.atoms_of(scene(index))
    first, *warm = (_seconds(arm.exit_wave, atoms, PIXELS)[0] for _ in range(1 + WARM_CALLS))
    return {"cpu_s": median(warm), "first_s": first}


def joint_images(name: str, index: int) -> dict[str, float]:
    """A hundred joint conditions of one wave; new ones each time, so that no cache helps."""
    arm = import_module(f"simulation_arms.{name}")
    wave = arm.exit_wave(arm.atoms_of(scene(index)), PIXELS)
    first, *warm = (
        _seconds(arm.images, wave, joint_conditions(IMAGES, index + 1000 * call))[0]
        for call in range(1 + WARM_CALLS)
    )
    return {"cpu_s": median(warm), "first_s": first}


def database_item(name: str, index: int) -> dict[str, float]:
    """Scene, wave, a hundred images, noise: once, after two images of another scene."""
    arm = import_module(f"simulation_arms.{name}")
    before, conditions = arm.atoms_of(scene(index + 1000)), joint_conditions(IMAGES, index)
    arm.counts(arm.images(arm.exit_wave(before, PIXELS), conditions[:2]), conditions[:2])
    drawn = scene(index)
    seconds = {}
    seconds["structure_s"], atoms = _seconds(arm.structure, drawn, index)
    seconds["exit_wave_s"], wave = _seconds(arm.exit_wave, atoms, PIXELS)
    seconds["images_s"], images = _seconds(arm.images, wave, conditions)
    seconds["noise_s"], counts = _seconds(arm.counts, images, conditions)
    return {
        "cpu_s": sum(seconds.values()),
        **seconds,
        "atoms": len(atoms.positions) if name == "abtem_script" else len(atoms.positions_nm),
        "mean_count": float(np.mean(counts)),
    }


def wave_of(name: str, index: int, pixels: int) -> NDArray[np.complex64]:
    """Exit wave (y, x) of an arm."""
    arm = import_module(f"simulation_arms.{name}")
    return arm.as_array(arm.exit_wave(arm.atoms_of(scene(index)), pixels))


def images_of(name: str, wave: NDArray[np.complex64], count: int) -> NDArray[np.float32]:
    """Images (count, y, x) that an arm makes of a given wave."""
    arm = import_module(f"simulation_arms.{name}")
    return arm.as_array(arm.images(arm.wave_from(wave), joint_conditions(count, 0)))


def _seconds(work: Any, *inputs: Any) -> tuple[float, Any]:
    start = process_time()
    result = work(*inputs)
    return process_time() - start, result
