"""Held-out lattice images of networks for particles, to test them on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
    from hrtem_shift.micrographs.micrograph import Micrograph
    from hrtem_shift.pipelines.particle_networks.parameters import ParticleNetworks
    from hrtem_shift.pipelines.simulation.parameters import SimulatedSet
    from hrtem_shift.reliability.held_out_tests import TestMicrograph

IMAGES_A_SCENE = 6


def lattice_tests(catalog: Any, networks: int) -> list[TestMicrograph]:
    """Images of the exit waves that no network of ``particle_networks`` was trained on."""
    from hrtem_shift.pipelines.particle_networks.particle_jobs import held_out_scenes, scenes_of
    from hrtem_shift.reliability.held_out_tests import TestMicrograph

    parameters = catalog.load("parameters")
    block: ParticleNetworks = parameters["particle_networks"]
    scenes = scenes_of(catalog.load("particle_networks.exit_waves"))
    waves: ExitWaveStore = catalog.load("exit_wave_store")
    tests = []
    for name in block.lattice:
        imaging = parameters["simulation"].data_sets[name]
        for scene in held_out_scenes(scenes[name]):
            for number in range(IMAGES_A_SCENE):
                load = partial(_imaged, waves, scene, imaging, block.seed, number)
                tests.append(TestMicrograph(name, scene, True, load, (*range(networks),), 1))
    return tests


def _imaged(
    waves: ExitWaveStore, scene: str, imaging: SimulatedSet, seed: int, number: int
) -> Micrograph:
    from hrtem_shift.micrographs.micrograph import Micrograph
    from hrtem_shift.pipelines.particle_networks.particle_jobs import lattice_scene
    from hrtem_shift.training.particle_sources import lattice_image

    wave = lattice_scene(waves, scene)
    image = lattice_image(lambda _: wave, 1, imaging, number, seed, "evidence", scene)
    mask = np.asarray(image.labels > 0)
    return Micrograph(f"{scene}_{number}", image.pixels, wave.pixel_size_nm, mask)
