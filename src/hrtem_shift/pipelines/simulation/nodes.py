"""Nodes that simulate micrograph folders."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import each_result
from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.simulation.parameters import SimulatedSet, Simulation
from hrtem_shift.pipelines.study import Study
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
    from hrtem_shift.catalog.micrograph_folders import MicrographFolders
    from hrtem_shift.structures.scenes import Scene
else:
    DataFrame = ExitWaveStore = MicrographFolders = (
        Any  # Kedro resolves annotations at start; these come with a run
    )

logger = logging.getLogger(__name__)

RESULTS_VERSION = 3
"""Raised when the simulation code changes its results, so that older waves are not reused."""

IMAGES_A_PROCESS = 100
"""A process takes some 3 s to start, an image of 512² some 50 ms."""


def choose_all(simulation: Simulation) -> Simulation:
    """All data sets."""
    return simulation


def choose_for_study(simulation: Simulation, study: Study) -> Simulation:
    """Those of the data sets that a study names; there may be none."""
    names = {*study.data_sets, *study.test_sets}
    named = {name: one for name, one in simulation.data_sets.items() if name in names}
    return simulation.model_copy(update={"data_sets": named})


def plan_scenes(simulation: Simulation, compute: Compute) -> DataFrame:
    """One row a scene of a data set, with all that was drawn for it.

    Its id changes with everything that decides its exit wave and its labels; sets that share
    scenes share ids.

    Raises
    ------
    InputError
        The waves of a set do not fit into memory.
    """
    import pandas as pd

    from hrtem_shift.microscope.feasibility import check_memory

    for one in simulation.data_sets.values():
        waves = max(1, one.multislice.phonon_configurations)
        check_memory(one.multislice, compute.torch_device, waves=waves)
    tables = [_scenes_of(name, one, simulation.seed) for name, one in simulation.data_sets.items()]
    nothing = pd.DataFrame(columns=["scene_id", "data_set"], dtype=str)
    return pd.concat(tables, ignore_index=True) if tables else nothing


def _scenes_of(name: str, one: SimulatedSet, seed: int) -> DataFrame:
    from hrtem_shift.fingerprints import fingerprint
    from hrtem_shift.structures.scene_distribution import draw_table

    source = one.scenes_from or name
    decides = [RESULTS_VERSION, seed, one.model_dump(include=DECIDES_A_WAVE)]
    table = draw_table(one.scene, one.scenes, seed, "scene", source)
    groups = [f"{source}_{index:04d}" for index in range(one.scenes)]
    made_of = [fingerprint([decides, row])[:10] for row in rows_of(table)]
    ids = [f"{group}_{drawn}" for group, drawn in zip(groups, made_of, strict=True)]
    table.insert(0, "scene_id", ids)
    table.insert(1, "data_set", name)
    table.insert(2, "scene", range(one.scenes))
    table.insert(3, "group", groups)  # scenes of one group are never on both sides of a fold
    return table


DECIDES_A_WAVE = {"scene", "multislice", "zero_defocus", "label_rule", "label_smoothing_nm"}


def simulate_exit_waves(
    scene_plan: DataFrame, simulation: Simulation, compute: Compute, waves: ExitWaveStore
) -> DataFrame:
    """Simulate the exit waves that the store lacks; return what each scene holds."""
    import pandas as pd

    rows = rows_of(scene_plan.drop_duplicates("scene_id"))
    done = waves.finished(scene_plan["scene_id"])
    jobs = [row for row in rows if row["scene_id"] not in done]
    counts = (len(rows), len(rows) - len(jobs), len(jobs))
    logger.info("Exit waves: %d planned, %d stored before, %d to simulate", *counts)
    shared = (simulation, waves, compute.torch_device)
    for _ in each_result("exit waves", simulate_scene, jobs, compute=compute, shared=shared):
        pass  # each stores its own
    rows = rows_of(scene_plan)
    found = [{**row, **waves.attributes(row["scene_id"])} for row in rows]
    return pd.DataFrame(found) if found else scene_plan


def simulate_scene(
    row: dict[str, Any], report: Report, simulation: Simulation, waves: ExitWaveStore, device: str
) -> None:
    """Draw the scene of one row and store its exit wave."""
    import json

    from hrtem_shift.micrographs.labels import particle_labels
    from hrtem_shift.microscope.multislice import exit_waves
    from hrtem_shift.seeds import seed_at
    from hrtem_shift.structures.scene_distribution import build_scene

    one = simulation.data_sets[row["data_set"]]
    address = ("scene", one.scenes_from or row["data_set"], row["scene"])
    scene = build_scene(one.scene, row, simulation.seed, *address)
    labels = particle_labels(
        scene,
        one.multislice.pixels,
        one.label_rule,
        multislice=one.multislice,
        smoothing_nm=one.label_smoothing_nm,
        device=device,
    )
    seed = seed_at(simulation.seed, *address)
    wave = exit_waves([scene], one.multislice, device, seeds=[seed])[0].cpu().numpy()
    settings = one.multislice.model_dump()
    settings["displacement_std_nm"] = json.dumps(settings["displacement_std_nm"], sort_keys=True)
    waves.put(
        row["scene_id"],
        {
            "wave": wave if one.multislice.phonon_configurations else wave[0],
            "thickness_nm": labels.thickness_nm,
            "instance": labels.instance,
        },
        {
            "engine": RESULTS_VERSION,
            "n_atoms": len(scene.positions_nm),
            "height_nm": scene.size_nm[2],
            "pixel_size_nm": scene.size_nm[0] / one.multislice.pixels,
            **settings,
            "scene_distribution": one.scene.model_dump_json(),
            "label_rule": labels.rule,
            "label_smoothing_nm": one.label_smoothing_nm,
            "zero_defocus": one.zero_defocus,
            "zero_defocus_nm": _zero_defocus_nm(scene, one, device),
        },
    )


def _zero_defocus_nm(scene: Scene, one: SimulatedSet, device: str) -> float:
    """Where this scene's defocus counts from, nm from the exit plane, atoms at rest."""
    from dataclasses import replace

    from hrtem_shift.microscope.multislice import exit_wave
    from hrtem_shift.microscope.zero_defocus import zero_defocus_nm
    from hrtem_shift.structures.scenes import SUPPORT

    if one.zero_defocus == "exit_plane":
        return 0.0
    particles = scene.object_id != SUPPORT
    in_vacuum = replace(
        scene,
        positions_nm=scene.positions_nm[particles],
        atomic_numbers=scene.atomic_numbers[particles],
        object_id=scene.object_id[particles],
        region=None,
    )
    at_rest = one.multislice.model_copy(update={"phonon_configurations": 0})
    wave = exit_wave(in_vacuum, at_rest, device)
    x_nm, _, z_nm = scene.size_nm
    return zero_defocus_nm(wave, at_rest.energy_keV, x_nm / at_rest.pixels, z_nm)


def plan_images(exit_waves: DataFrame, simulation: Simulation) -> DataFrame:
    """One row an image: its conditions, its scene, and where its random numbers come from."""
    import pandas as pd

    tables = [
        _images_of(str(name), scenes, simulation)
        for name, scenes in exit_waves.groupby("data_set", sort=False)
    ]
    return pd.concat(tables, ignore_index=True) if tables else exit_waves


def _images_of(name: str, scenes: DataFrame, simulation: Simulation) -> DataFrame:
    from hrtem_shift.microscope.imaging_distribution import draw_conditions

    one, seed = simulation.data_sets[name], simulation.seed
    counts = (one.scenes, one.images_per_scene, one.sessions)
    images = draw_conditions(one, *counts, seed, "conditions", name)
    names = [f"{name}_{scene:04d}" for scene in images["scene"]]
    if one.images_per_scene > 1:
        numbered = zip(names, images["image"], strict=True)
        names = [f"{micrograph}_{image:04d}" for micrograph, image in numbered]
    images.insert(0, "micrograph", names)
    images["coherence"], images["seed"] = one.coherence, seed
    return images.merge(scenes, on="scene", validate="many_to_one")


def record_micrographs(
    images: DataFrame,
    compute: Compute,
    waves: ExitWaveStore,
    folders: MicrographFolders,
) -> DataFrame:
    """Image every exit wave; a folder that is up to date is left alone."""
    import pandas as pd

    from hrtem_shift.fingerprints import fingerprint

    tables = {str(name): table for name, table in images.groupby("data_set", sort=False)}
    made_of = {name: fingerprint(table.to_csv(index=False)) for name, table in tables.items()}
    jobs: list[list[dict[str, Any]]] = []
    for name, table in tables.items():
        if folders.holds(name, made_of[name]):
            logger.info("%s: %d micrographs are there already", name, len(table))
        else:
            jobs += _unwritten_scenes(table, folders.written(name, made_of[name]))
    compute = compute.at_most(1 + sum(map(len, jobs)) // IMAGES_A_PROCESS)
    shared = (made_of, waves, folders, compute.torch_device)
    for _ in each_result("scenes to image", image_scene, jobs, compute=compute, shared=shared):
        pass  # each stores its own
    for name, table in tables.items():
        if not folders.holds(name, made_of[name]):
            folders.finish(name, made_of[name], informative(table))
            logger.info("%s: %d micrographs recorded", name, len(table))
    made = [(name, str(folders.folder(name)), made_of[name]) for name in tables]
    return pd.DataFrame(made, columns=["data_set", "folder", "made_of"])


def _unwritten_scenes(table: DataFrame, written: set[str]) -> list[list[dict[str, Any]]]:
    """Rows of each scene of which an image lacks; all of them, so that the bytes are the same."""
    scenes = [rows_of(scene) for _, scene in table.groupby("scene", sort=False)]
    return [rows for rows in scenes if not {row["micrograph"] for row in rows} <= written]


def image_scene(
    rows: list[dict[str, Any]],
    report: Report,
    made_of: dict[str, str],
    waves: ExitWaveStore,
    folders: MicrographFolders,
    device: str,
) -> None:
    """Make all images of one exit wave: the rows of `plan_images` that have its scene."""
    import torch

    from hrtem_shift.micrographs.micrograph import Micrograph
    from hrtem_shift.microscope.detector import record
    from hrtem_shift.microscope.imaging import image_intensities
    from hrtem_shift.microscope.imaging_distribution import conditions_of
    from hrtem_shift.seeds import generator_at

    arrays, attributes = waves.get(rows[0]["scene_id"])
    pixel_size_nm, zero_nm = attributes["pixel_size_nm"], attributes["zero_defocus_nm"]
    conditions = [conditions_of(row) for row in rows]
    from_exit_plane = [
        one.model_copy(update={"defocus_nm": one.defocus_nm + zero_nm}) for one in conditions
    ]
    intensities = image_intensities(
        torch.from_numpy(arrays["wave"]).to(device),
        from_exit_plane,
        attributes["energy_keV"],
        pixel_size_nm,
        arrays["thickness_nm"],
        rows[0]["coherence"],
    )
    for row, one, intensity in zip(rows, conditions, intensities.cpu().numpy(), strict=True):
        data_set, seed = row["data_set"], row["seed"]
        micrograph = Micrograph(
            name=row["micrograph"],
            pixels=record(
                intensity,
                one,
                pixel_size_nm,
                generator_at(seed, "image", data_set, row["scene"], row["image"]),
                generator_at(seed, "session", data_set, row["session"]),
            ),
            pixel_size_nm=pixel_size_nm,
            mask=arrays["instance"] > 0,
            metadata={},
        )
        folders.write(data_set, made_of[data_set], micrograph)


def informative(images: DataFrame) -> DataFrame:
    """The columns of a folder's table: conditions that are off in every image are left out."""
    from hrtem_shift.microscope.conditions import ImagingConditions

    off = {name: field.default for name, field in ImagingConditions.model_fields.items()}
    used = [
        name
        for name, default in off.items()
        if not (images[name].isna() if default is None else images[name] == default).all()
    ]
    varied = [name for name in ("session", "zero_defocus_nm") if images[name].any()]
    first = ["micrograph", "pixel_size_nm", "group"]
    return images[[*first, *used, *varied, "particles", "label_rule", "scene_id"]]
