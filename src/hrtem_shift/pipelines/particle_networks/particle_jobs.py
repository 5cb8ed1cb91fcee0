"""Jobs that train networks for particles, each in a process of its own."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.particle_networks.parameters import ParticleNetworks
from hrtem_shift.pipelines.simulation.parameters import Simulation

if TYPE_CHECKING:
    import pandas as pd

    from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
    from hrtem_shift.networks.weights import Weights
    from hrtem_shift.segmentation.package import NetworkPackage
    from hrtem_shift.training.particle_sources import LatticeScene
    from hrtem_shift.training.particle_training import Source

TRAIN_SET = "particles"
"""Name of the mixture of drawn scenes and lattice images, in records and packages."""

HELD_OUT_SCENES = 0.1
"""Share of the scenes of a lattice data set that only validation samples show."""

Scenes = dict[str, list[str]]
"""Data set -> ids of its scenes."""


def scenes_of(exit_waves: pd.DataFrame) -> Scenes:
    """Ids of the scenes of each data set, in order."""
    if exit_waves.empty:
        return {}
    groups = exit_waves.groupby("data_set", sort=False)["scene_id"]
    return {str(name): [str(each) for each in ids] for name, ids in groups}


def train_particle_job(
    row: dict[str, Any],
    report: Report,
    scenes: Scenes,
    parameters: ParticleNetworks,
    simulation: Simulation,
    waves: ExitWaveStore,
    device: str,
    checkpoints: Path,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train the network of one row of the plan: its record and its weights."""
    from hrtem_shift.execution.devices import device_name, disable_malloc_trim, resolve_precision
    from hrtem_shift.networks.weights import weights_fingerprint
    from hrtem_shift.seeds import seed_at
    from hrtem_shift.training.checkpoints import Checkpoints
    from hrtem_shift.training.particle_training import train_particle_network

    disable_malloc_trim()
    recipe, address = parameters.recipe, ("network", row["network"])
    seed = seed_at(parameters.seed, *address)
    held_out = source_of(parameters, simulation, scenes, waves, seed, held_out=True)
    trained = train_particle_network(
        source_of(parameters, simulation, scenes, waves, seed),
        [held_out(number) for number in range(parameters.validation_samples)],
        recipe,
        seed=seed,
        start=starting_weights(parameters.start_from, row["network"]),
        device=device,
        checkpoints=Checkpoints(checkpoints / row["run_id"], row["run_id"], 1),
        on_row=report,
    )
    record = {
        **row,
        "best_epoch": len(trained.curve) - 1,
        "curve": trained.curve,
        "weights": weights_fingerprint(trained.weights),
        "parameters": parameters.model_dump(),
        "precision": str(resolve_precision(recipe.precision, device)).removeprefix("torch."),
        "device": device_name(device),
    }
    return record, trained.weights


def starting_package(start_from: str) -> NetworkPackage:
    """Package of networks for particles that training begins with.

    Raises
    ------
    InputError
        There is none, or it is of other networks.
    """
    from hrtem_shift.errors import InputError
    from hrtem_shift.segmentation.shipped import named_package

    package = named_package(start_from)
    if package.description.architecture != "particle_unet":
        raise InputError(
            f"its networks are of the architecture {package.description.architecture}",
            where="particle_networks.start_from",
            why="Training goes on from networks for particles",
            fix="Name a package of networks for particles, or null",
        )
    return package


def starting_weights(start_from: str | None, number: int) -> Weights | None:
    """Weights that network `number` begins with; None: at random."""
    from hrtem_shift.networks.weights import weights_of, with_architecture

    if start_from is None:
        return None
    networks = starting_package(start_from).networks
    weights = weights_of(networks[number % len(networks)])
    return with_architecture(weights, "particle_unet", "batch")


def remove_checkpoints(folder: Path, run_id: str) -> None:
    """Remove the checkpoints of a network that is stored."""
    shutil.rmtree(folder / run_id, ignore_errors=True)


def source_of(
    parameters: ParticleNetworks,
    simulation: Simulation,
    scenes: Scenes,
    waves: ExitWaveStore,
    seed: int,
    *,
    held_out: bool = False,
) -> Source:
    """The samples of one network, or those that it is validated on."""
    from hrtem_shift.training.particle_sources import drawn_scenes, lattice_images, mixture

    part = "validation" if held_out else "training"
    patch_px = parameters.recipe.patch_px
    sources = [
        (
            parameters.drawn_weight,
            drawn_scenes(parameters.drawn, patch_px, seed, part, "drawn"),
        )
    ]
    for name, weight in parameters.lattice.items():
        validation = held_out_scenes(scenes[name])
        ids = validation if held_out else scenes[name][len(validation) :]
        imaging = simulation.data_sets[name]
        load = _loading(ids, waves)
        lattice = lattice_images(load, len(ids), imaging, patch_px, seed, part, "lattice", name)
        sources.append((weight, lattice))
    return mixture(sources, seed, part)


def held_out_scenes(ids: list[str]) -> list[str]:
    """The first scenes of a data set, which only validation samples show."""
    return ids[: max(round(HELD_OUT_SCENES * len(ids)), 1)]


def lattice_scene(waves: ExitWaveStore, scene_id: str) -> LatticeScene:
    """Exit wave and truth of a scene of the store."""
    from hrtem_shift.training.particle_sources import LatticeScene

    arrays, attributes = waves.get(scene_id)
    return LatticeScene(
        wave=arrays["wave"],
        thickness_nm=arrays["thickness_nm"],
        labels=arrays["instance"],
        pixel_size_nm=attributes["pixel_size_nm"],
        energy_keV=attributes["energy_keV"],
        zero_defocus_nm=attributes["zero_defocus_nm"],
    )


def _loading(ids: list[str], waves: ExitWaveStore) -> Any:
    """A function that loads a scene by its place in `ids`, and keeps the latest."""

    @lru_cache(maxsize=32)
    def load(place: int) -> LatticeScene:
        return lattice_scene(waves, ids[place])

    return load
