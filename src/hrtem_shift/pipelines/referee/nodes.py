"""Nodes that expose simulated micrographs as the experiment did, and have them judged."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrtem_shift.errors import InputError
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import each_result
from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.referee.parameters import Referee
from hrtem_shift.pipelines.simulation.nodes import plan_scenes, simulate_exit_waves
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from pandas import DataFrame

    from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
    from hrtem_shift.micrographs.micrograph import Micrograph
    from hrtem_shift.preparation.patch_set import PatchSet
    from hrtem_shift.preparation.patch_set_plan import LazyPatchSet
else:
    DataFrame = Figure = ExitWaveStore = PatchSet = LazyPatchSet = (
        Any  # Kedro resolves annotations at start; these come with a run
    )

logger = logging.getLogger(__name__)


def plan_referee(referee: Referee, compute: Compute) -> tuple[DataFrame, DataFrame]:
    """List the published networks, then the scenes that are simulated for them.

    Raises
    ------
    InputError
        No folder of networks is named, one of them is not a published network, or the waves
        do not fit into memory; before anything is simulated.
    """
    import pandas as pd

    from hrtem_shift.networks.published import published_networks_in, read_published_network

    paths = published_networks_in(networks_folder(referee))
    found = [read_published_network(path) for path in paths]
    logger.info("%d published networks are sound", len(found))
    networks = [{"family": one.family, "fold": one.fold, "seed": one.seed} for one in found]
    return pd.DataFrame(networks), plan_scenes(referee.simulation, compute)


def simulate_scenes(
    scene_plan: DataFrame, referee: Referee, compute: Compute, waves: ExitWaveStore
) -> DataFrame:
    """Exit waves of the referee's scenes."""
    return simulate_exit_waves(scene_plan, referee.simulation, compute, waves)


def plan_micrographs(exit_waves: DataFrame, referee: Referee) -> DataFrame:
    """One row a micrograph: its data set, its conditions, and the scenes that it shows."""
    import pandas as pd

    from hrtem_shift.microscope.imaging_distribution import draw_conditions

    simulation, tables = referee.simulation, []
    for name, scenes in exit_waves.groupby("data_set", sort=False):
        one = simulation.data_sets[str(name)]
        number, each = referee.micrographs(one), referee.scenes_across**2
        table = draw_conditions(
            one, number, 1, min(one.sessions, number), simulation.seed, "conditions", str(name)
        )
        table = table.rename(columns={"scene": "micrograph"}).drop(columns="image")
        table.insert(0, "data_set", str(name))
        ids = scenes["scene_id"].tolist()
        table["scene_ids"] = [ids[k * each : (k + 1) * each] for k in range(number)]
        table["seed"] = simulation.seed
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def expose_micrographs(
    micrographs: DataFrame, referee: Referee, compute: Compute, waves: ExitWaveStore
) -> dict[str, LazyPatchSet]:
    """Expose every micrograph, prepare it as the published study did, and cut it."""
    from hrtem_shift.preparation.patch_set_plan import plan_test_set

    shared = (referee, waves, compute.torch_device)
    patch_sets = {}
    for name, table in micrographs.groupby("data_set", sort=False):
        rows = rows_of(table)
        exposed: dict[int, Micrograph] = dict(
            each_result(f"micrographs of {name}", expose, rows, compute=compute, shared=shared)
        )
        in_order = [exposed[number] for number in range(len(exposed))]
        patch_sets[str(name)] = plan_test_set(str(name), in_order, referee.preparation)
    return patch_sets


def expose(
    row: dict[str, Any], report: Report, referee: Referee, waves: ExitWaveStore, device: str
) -> Micrograph:
    """One micrograph: all of its scenes under the same conditions, in one exposure."""
    return micrograph_of(row, lens_images(row, referee, waves, device), referee, waves)


def lens_images(
    row: dict[str, Any], referee: Referee, waves: ExitWaveStore, device: str
) -> NDArray[np.float32]:
    """What the lens makes of each scene of a micrograph, (scenes, H, W)."""
    import numpy as np
    import torch

    from hrtem_shift.microscope.imaging import coherent_intensities
    from hrtem_shift.microscope.imaging_distribution import conditions_of

    conditions, images = conditions_of(row), []
    for scene_id in row["scene_ids"]:
        arrays, scene = waves.get(scene_id)
        defocus_nm = conditions.defocus_nm + scene["zero_defocus_nm"]
        image = coherent_intensities(
            torch.from_numpy(arrays["wave"]).to(device),
            [conditions.model_copy(update={"defocus_nm": defocus_nm})],
            scene["energy_keV"],
            scene["pixel_size_nm"],
            referee.simulation.data_sets[row["data_set"]].coherence,
        )
        images.append(image[0].cpu().numpy())
    return np.stack(images)


def micrograph_of(
    row: dict[str, Any], images: NDArray[np.float32], referee: Referee, waves: ExitWaveStore
) -> Micrograph:
    """Expose what the lens made of a micrograph's scenes."""
    import torch

    from hrtem_shift.micrographs.micrograph import Micrograph
    from hrtem_shift.micrographs.montage import montage
    from hrtem_shift.microscope.detector import record
    from hrtem_shift.microscope.imaging import specimen_intensities
    from hrtem_shift.microscope.imaging_distribution import conditions_of
    from hrtem_shift.seeds import generator_at

    conditions, intensities, masks, pixel_size_nm = conditions_of(row), [], [], 0.0
    for scene_id, image in zip(row["scene_ids"], images, strict=True):
        arrays, scene = waves.get(scene_id)
        pixel_size_nm = scene["pixel_size_nm"]
        intensity = specimen_intensities(
            torch.from_numpy(image[None]), [conditions], pixel_size_nm, arrays["thickness_nm"]
        )
        intensities.append(intensity[0].numpy())
        masks.append(arrays["instance"] > 0)
    data_set, number, seed = row["data_set"], row["micrograph"], row["seed"]
    return Micrograph(
        name=f"{data_set}_{number:04d}",
        pixels=record(
            montage(intensities, referee.scenes_across),
            conditions,
            pixel_size_nm,
            generator_at(seed, "image", data_set, number),
            generator_at(seed, "session", data_set, row["session"]),
        ),
        pixel_size_nm=pixel_size_nm,
        mask=montage(masks, referee.scenes_across),
    )


def judge(patch_sets: dict[str, PatchSet], referee: Referee, compute: Compute) -> DataFrame:
    """Every published network on every patch: pixel counts."""
    from hrtem_shift.evaluation.referee import score_published

    return score_published(networks_folder(referee), patch_sets, compute)


def networks_folder(referee: Referee) -> Path:
    """Where the published weight files are; `InputError` when no parameter says it."""
    if referee.networks is None:
        raise InputError(
            "no folder of published networks is named",
            where="parameter referee.networks",
            why="They are the referee; the project does not come with them",
            fix="Get trained_models of github.com/ScottLabUCB/HRTEM-Generalization and add "
            "--params=referee.networks=FOLDER",
        )
    return Path(referee.networks)


def summarise(
    counts: DataFrame, patch_sets: dict[str, PatchSet]
) -> tuple[DataFrame, DataFrame, DataFrame, Figure]:
    """Scores, cells beside the published ones, image statistics, and the figure of them."""
    from hrtem_shift.evaluation.referee import (
        compare_image_statistics,
        mean_absolute_difference,
        published_cells,
        referee_cells,
        referee_scores,
    )
    from hrtem_shift.figures.published_numbers import (
        published_dose_anchors,
        published_image_statistics,
    )
    from hrtem_shift.figures.referee_matrix import referee_matrix_figure

    scores = referee_scores(counts)
    cells = referee_cells(scores, published_cells(published_dose_anchors()))
    statistics = compare_image_statistics(patch_sets, published_image_statistics())
    difference, number = mean_absolute_difference(cells)
    logger.info("Mean difference to %d published cells: %.3f", number, difference)
    return scores, cells, statistics, referee_matrix_figure(cells, statistics)
