"""Nodes that simulate micrograph folders."""

from __future__ import annotations

import logging
from typing import Any

from hrtem_shift.errors import RunEnds
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import each_result
from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.annotations import DataFrame, ExitWaveStore, MicrographFolders
from hrtem_shift.pipelines.simulation.parameters import Simulation
from hrtem_shift.pipelines.study import Study
from hrtem_shift.tables import rows_of

logger = logging.getLogger(__name__)

IMAGES_A_PROCESS = 100
"""A process takes some 3 s to start, an image of 512² some 50 ms."""


def choose_all(simulation: Simulation) -> Simulation:
    """All data sets."""
    return simulation


def choose_for_study(simulation: Simulation, study: Study) -> Simulation:
    """Those of the data sets that a study names; there may be none.

    Raises
    ------
    RunEnds
        It is a dry run: the message is the cost of the study.
    """
    from hrtem_shift.pipelines.simulation.cost import cost_of

    names = {*study.data_sets, *study.test_sets}
    sets = {name: each for name, each in simulation.data_sets.items() if name in names}
    if study.dry_run:
        raise RunEnds(cost_of(study, sets))
    return simulation.model_copy(update={"data_sets": sets})


def plan_images(exit_waves: DataFrame, simulation: Simulation) -> DataFrame:
    """One row an image: its conditions, its scene, and where its random numbers come from."""
    import pandas as pd

    tables = [
        _images_of(str(name), scenes, simulation)
        for name, scenes in exit_waves.groupby("data_set", sort=False)
    ]
    return pd.concat(tables, ignore_index=True) if tables else exit_waves


def _images_of(name: str, scenes: DataFrame, simulation: Simulation) -> DataFrame:
    from hrtem_shift.microscope.imaging_distribution import sample_conditions

    simulated, seed = simulation.data_sets[name], simulation.seed
    counts = (simulated.scenes, simulated.images_per_scene, simulated.sessions)
    images = sample_conditions(simulated, *counts, seed, "conditions", name)
    names = [f"{name}_{scene:04d}" for scene in images["scene"]]
    if simulated.images_per_scene > 1:
        numbered = zip(names, images["image"], strict=True)
        names = [f"{micrograph}_{image:04d}" for micrograph, image in numbered]
    images.insert(0, "micrograph", names)
    images["coherence"], images["seed"] = simulated.coherence, seed
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
    from hrtem_shift.micrographs.exposure import exposed, lens_images
    from hrtem_shift.microscope.imaging_distribution import conditions_of

    scene = waves.get(rows[0]["scene_id"])
    conditions = [conditions_of(row) for row in rows]
    images = lens_images(scene, conditions, rows[0]["coherence"], device)
    for row, image in zip(rows, images, strict=True):
        data_set = row["data_set"]
        folders.write(data_set, made_of[data_set], exposed(row, scene, image))


def informative(images: DataFrame) -> DataFrame:
    """The columns of a folder's table: conditions that are off in every image are left out."""
    from hrtem_shift.microscope.imaging_distribution import used_fields

    varied = [name for name in ("session", "zero_defocus_nm") if images[name].any()]
    first = ["micrograph", "pixel_size_nm", "group"]
    return images[[*first, *used_fields(images), *varied, "particles", "label_rule", "scene_id"]]
