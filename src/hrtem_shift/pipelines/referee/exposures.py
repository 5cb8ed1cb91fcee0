"""Simulated micrographs of several scenes: which there are, and their exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.annotations import DataFrame, ExitWaveStore
from hrtem_shift.pipelines.referee.parameters import Referee
from hrtem_shift.pipelines.simulation.parameters import Simulation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hrtem_shift.micrographs.micrograph import Micrograph


def plan_micrographs(exit_waves: DataFrame, referee: Referee) -> DataFrame:
    """One row a micrograph: its data set, its conditions, and the scenes that it shows."""
    import pandas as pd

    from hrtem_shift.microscope.imaging_distribution import sample_conditions

    simulation, tables = referee.simulation, []
    for name, scenes in exit_waves.groupby("data_set", sort=False):
        simulated = simulation.data_sets[str(name)]
        number, each = referee.micrographs(simulated), referee.scenes_across**2
        counts = (number, 1, min(simulated.sessions, number))
        table = sample_conditions(simulated, *counts, simulation.seed, "conditions", str(name))
        table = table.rename(columns={"scene": "micrograph"}).drop(columns="image")
        table.insert(0, "data_set", str(name))
        ids = scenes["scene_id"].tolist()
        table["scene_ids"] = [ids[k * each : (k + 1) * each] for k in range(number)]
        table["seed"] = simulation.seed
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def expose_micrograph(
    row: dict[str, Any], report: Report, simulation: Simulation, waves: ExitWaveStore, device: str
) -> Micrograph:
    """Expose one micrograph: a row of `plan_micrographs`."""
    return exposed(row, images_of(row, simulation, waves, device), waves)


def images_of(
    row: dict[str, Any], simulation: Simulation, waves: ExitWaveStore, device: str
) -> NDArray[np.float32]:
    """Images of a micrograph's scenes behind the lens, (scenes, H, W)."""
    import numpy as np

    from hrtem_shift.micrographs.exposure import lens_images
    from hrtem_shift.microscope.imaging_distribution import conditions_of

    conditions, coherence = [conditions_of(row)], simulation.data_sets[row["data_set"]].coherence
    images = [
        lens_images(waves.get(scene_id), conditions, coherence, device)[0].cpu().numpy()
        for scene_id in row["scene_ids"]
    ]
    return np.stack(images)


def exposed(row: dict[str, Any], images: NDArray[np.float32], waves: ExitWaveStore) -> Micrograph:
    """Micrograph of its scenes' images behind the lens, which are overwritten."""
    import torch

    from hrtem_shift.micrographs.exposure import expose
    from hrtem_shift.microscope.imaging_distribution import conditions_of
    from hrtem_shift.seeds import generator_at

    data_set, number, seed = row["data_set"], row["micrograph"], row["seed"]
    return expose(
        f"{data_set}_{number:04d}",
        [waves.get(scene_id) for scene_id in row["scene_ids"]],
        torch.from_numpy(images),
        conditions_of(row),
        generator_at(seed, "image", data_set, number),
        generator_at(seed, "session", data_set, row["session"]),
    )
