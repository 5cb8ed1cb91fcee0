"""Exit waves of simulated data sets: which scenes there are, and their waves and labels."""

from __future__ import annotations

import logging
from typing import Any

from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import each_result
from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.annotations import DataFrame, ExitWaveStore
from hrtem_shift.pipelines.simulation.parameters import SimulatedSet, Simulation
from hrtem_shift.tables import rows_of

logger = logging.getLogger(__name__)

RESULTS_VERSION = 3
"""Raised when the code changes exit waves or labels, so that older ones are not reused."""

DECIDES_A_WAVE = {"scene", "multislice", "zero_defocus", "label_rule", "label_smoothing_nm"}


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

    from hrtem_shift.microscope.limits import check_memory

    sets = simulation.data_sets
    for simulated in sets.values():
        waves = max(1, simulated.multislice.phonon_configurations)
        check_memory(simulated.multislice, compute.torch_device, waves=waves)
    tables = [_scenes_of(name, simulated, simulation.seed) for name, simulated in sets.items()]
    nothing = pd.DataFrame(columns=["scene_id", "data_set"], dtype=str)
    return pd.concat(tables, ignore_index=True) if tables else nothing


def _scenes_of(name: str, simulated: SimulatedSet, seed: int) -> DataFrame:
    from hrtem_shift.fingerprints import fingerprint
    from hrtem_shift.structures.scene_distribution import draw_table

    source = simulated.scenes_from or name
    decides = [RESULTS_VERSION, seed, simulated.model_dump(include=DECIDES_A_WAVE)]
    table = draw_table(simulated.scene, simulated.scenes, seed, "scene", source)
    groups = [f"{source}_{index:04d}" for index in range(simulated.scenes)]
    fingerprints = [fingerprint([decides, row])[:10] for row in rows_of(table)]
    ids = [f"{group}_{drawn}" for group, drawn in zip(groups, fingerprints, strict=True)]
    table.insert(0, "scene_id", ids)
    table.insert(1, "data_set", name)
    table.insert(2, "scene", range(simulated.scenes))
    table.insert(3, "group", groups)  # scenes of one group are never on both sides of a fold
    return table


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
    stored = [{**row, **waves.attributes(row["scene_id"])} for row in rows]
    return pd.DataFrame(stored) if stored else scene_plan


def simulate_scene(
    row: dict[str, Any], report: Report, simulation: Simulation, waves: ExitWaveStore, device: str
) -> None:
    """Draw the scene of one row and store its exit wave."""
    import json

    from hrtem_shift.micrographs.labels import particle_labels
    from hrtem_shift.microscope.multislice import exit_waves
    from hrtem_shift.microscope.zero_defocus import minimum_contrast_nm
    from hrtem_shift.seeds import seed_at
    from hrtem_shift.structures.scene_building import build_scene

    simulated = simulation.data_sets[row["data_set"]]
    address = ("scene", simulated.scenes_from or row["data_set"], row["scene"])
    scene = build_scene(simulated.scene, row, simulation.seed, *address)
    labels = particle_labels(
        scene,
        simulated.multislice.pixels,
        simulated.label_rule,
        multislice=simulated.multislice,
        smoothing_nm=simulated.label_smoothing_nm,
        device=device,
    )
    seed = seed_at(simulation.seed, *address)
    wave = exit_waves([scene], simulated.multislice, device, seeds=[seed])[0].cpu().numpy()
    zero_nm = 0.0
    if simulated.zero_defocus == "minimum_contrast":
        zero_nm = minimum_contrast_nm(scene, simulated.multislice, device)
    settings = simulated.multislice.model_dump()
    settings["displacement_std_nm"] = json.dumps(settings["displacement_std_nm"], sort_keys=True)
    waves.put(
        row["scene_id"],
        {
            "wave": wave if simulated.multislice.phonon_configurations else wave[0],
            "thickness_nm": labels.thickness_nm,
            "instance": labels.instance,
        },
        {
            "engine": RESULTS_VERSION,
            "n_atoms": len(scene.positions_nm),
            "height_nm": scene.size_nm[2],
            "pixel_size_nm": scene.size_nm[0] / simulated.multislice.pixels,
            **settings,
            "scene_distribution": simulated.scene.model_dump_json(),
            "label_rule": labels.rule,
            "label_smoothing_nm": simulated.label_smoothing_nm,
            "zero_defocus": simulated.zero_defocus,
            "zero_defocus_nm": zero_nm,
        },
    )
