"""Nodes that simulate micrograph folders."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field

from hrtem_shift.micrographs.labels import LabelRule
from hrtem_shift.microscope.imaging import ImagingDistribution
from hrtem_shift.microscope.multislice import MultisliceSettings
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.structures.scene_distribution import SceneDistribution, draw_table
from hrtem_shift.tables import rows_of
from hrtem_shift.training.executors import Compute, Report, run_jobs

if TYPE_CHECKING:
    from pandas import DataFrame

    from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
    from hrtem_shift.catalog.micrograph_folders import MicrographFolders
    from hrtem_shift.micrographs.micrograph import Micrograph
else:
    DataFrame = ExitWaveStore = MicrographFolders = Micrograph = (
        Any  # Kedro resolves annotations at start; these come with a run
    )

logger = logging.getLogger(__name__)

IDENTITY = 1
"""Raised when the simulation code changes its results, so that older waves are not reused."""


class SimulatedSet(ParameterBlock):
    """One simulated data set, of scenes that no other set has."""

    dose_e_per_A2: float = Field(gt=0)
    scenes: int = Field(ge=1)


class Simulation(ParameterBlock):
    """Everything that decides the simulated data sets."""

    seed: int = Field(ge=0)
    data_sets: dict[str, SimulatedSet] = Field(min_length=1)
    scene: SceneDistribution
    multislice: MultisliceSettings
    imaging: ImagingDistribution
    label_rule: LabelRule = "outline"
    """How masks are made from particles; see `hrtem_shift.micrographs.labels`."""


def plan_scenes(simulation: Simulation) -> DataFrame:
    """One row a scene, with all that was drawn for it.

    Its id changes with everything that decides its exit wave and its labels.
    """
    import pandas as pd

    from hrtem_shift.fingerprints import fingerprint

    decides = {
        "identity": IDENTITY,
        "seed": simulation.seed,
        "scene": simulation.scene.model_dump(),
        "multislice": simulation.multislice.model_dump(),
        "label_rule": simulation.label_rule,
    }
    tables = []
    for name, data_set in simulation.data_sets.items():
        table = draw_table(simulation.scene, data_set.scenes, simulation.seed, "scene", name)
        drawn = [fingerprint([decides, row])[:10] for row in rows_of(table)]
        scene_ids = [f"{name}_{index:04d}_{made_of}" for index, made_of in enumerate(drawn)]
        table.insert(0, "scene_id", scene_ids)
        table.insert(1, "data_set", name)
        table.insert(2, "scene", range(data_set.scenes))
        table.insert(3, "dose_e_per_A2", data_set.dose_e_per_A2)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def simulate_exit_waves(
    scene_plan: DataFrame, simulation: Simulation, compute: Compute, waves: ExitWaveStore
) -> DataFrame:
    """Simulate the exit waves that the store lacks; return what each scene holds."""
    import pandas as pd

    from hrtem_shift.progress import JobProgress
    from hrtem_shift.training.devices import resolve_device

    rows = rows_of(scene_plan)
    done = waves.finished(scene_plan["scene_id"])
    jobs = [row for row in rows if row["scene_id"] not in done]
    logger.info("Exit waves: %d planned, %d stored before, %d to simulate", *_counts(rows, jobs))
    shared = (simulation, waves, resolve_device(compute.device))
    with JobProgress("exit waves", len(jobs)) as progress:
        for outcome in run_jobs(simulate_scene, jobs, compute=compute, shared=shared):
            if outcome.error:
                raise outcome.error
            progress.ended(outcome.index)
    return pd.DataFrame({**row, **waves.attributes(row["scene_id"])} for row in rows)


def simulate_scene(
    row: dict[str, Any], report: Report, simulation: Simulation, waves: ExitWaveStore, device: str
) -> None:
    """Draw the scene of one row and store its exit wave."""
    from hrtem_shift.micrographs.labels import labels_of
    from hrtem_shift.microscope.multislice import exit_wave
    from hrtem_shift.structures.scene_distribution import build_scene

    pixels = simulation.multislice.pixels
    address = ("scene", row["data_set"], row["scene"])
    scene = build_scene(simulation.scene, row, simulation.seed, *address)
    labels = labels_of(scene, pixels, simulation.label_rule)
    wave = exit_wave(scene, simulation.multislice, device).cpu().numpy()
    waves.put(
        row["scene_id"],
        {"wave": wave, "thickness_nm": labels.thickness_nm, "instance": labels.instance},
        {
            "n_atoms": len(scene.positions_nm),
            "height_nm": scene.size_nm[2],
            "energy_keV": simulation.multislice.energy_keV,
            "pixel_size_nm": scene.size_nm[0] / pixels,
            "label_rule": labels.rule,
        },
    )


def record_micrographs(
    exit_waves: DataFrame,
    simulation: Simulation,
    waves: ExitWaveStore,
    folders: MicrographFolders,
) -> DataFrame:
    """Image every exit wave at its set's dose; a folder that is up to date is left alone."""
    import pandas as pd

    from hrtem_shift.fingerprints import fingerprint

    rows = []
    for data_set, scenes in exit_waves.groupby("data_set", sort=False):
        name = str(data_set)
        imaging = simulation.imaging.model_dump()
        doses = scenes["dose_e_per_A2"].tolist()
        made_of = fingerprint([IDENTITY, imaging, doses, scenes["scene_id"].tolist()])
        if folders.holds(name, made_of):
            logger.info("%s: %d micrographs are there already", name, len(scenes))
        else:
            folders.put(name, made_of, _image_scenes(scenes, simulation, waves))
            logger.info("%s: %d micrographs recorded", name, len(scenes))
        rows.append({"data_set": name, "folder": str(folders.folder(name)), "made_of": made_of})
    return pd.DataFrame(rows)


def _image_scenes(
    scenes: DataFrame, simulation: Simulation, waves: ExitWaveStore
) -> Iterator[Micrograph]:
    import torch

    from hrtem_shift.micrographs.micrograph import Micrograph
    from hrtem_shift.microscope.detector import record
    from hrtem_shift.microscope.imaging import image_intensity
    from hrtem_shift.seeds import generator_at

    for row in rows_of(scenes):
        arrays, attributes = waves.get(row["scene_id"])
        rng = generator_at(simulation.seed, "image", row["data_set"], row["scene"])
        conditions = simulation.imaging.draw(rng, row["dose_e_per_A2"])
        pixel_size_nm = attributes["pixel_size_nm"]
        intensity = image_intensity(
            torch.from_numpy(arrays["wave"]),
            conditions,
            attributes["energy_keV"],
            pixel_size_nm,
            arrays["thickness_nm"],
        )
        yield Micrograph(
            name=f"{row['data_set']}_{row['scene']:04d}",
            pixels=record(intensity, conditions, pixel_size_nm, rng),
            pixel_size_nm=pixel_size_nm,
            mask=arrays["instance"] > 0,
            metadata={
                **conditions.model_dump(),
                "particles": row["particles"],
                "label_rule": attributes["label_rule"],
                "scene_id": row["scene_id"],
            },
        )


def _counts(rows: list[Any], jobs: list[Any]) -> tuple[int, int, int]:
    return len(rows), len(rows) - len(jobs), len(jobs)
