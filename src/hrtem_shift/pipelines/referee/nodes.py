"""Nodes that expose simulated micrographs as the experiment did, and have them judged."""

from __future__ import annotations

import logging
from pathlib import Path

from hrtem_shift.errors import InputError
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import each_result
from hrtem_shift.pipelines.annotations import (
    DataFrame,
    ExitWaveStore,
    Figure,
    LazyPatchSet,
    PatchSet,
)
from hrtem_shift.pipelines.referee.exposures import expose_micrograph
from hrtem_shift.pipelines.referee.parameters import Referee
from hrtem_shift.pipelines.simulation.exit_waves import plan_scenes, simulate_exit_waves
from hrtem_shift.tables import rows_of

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
    published = [read_published_network(path) for path in paths]
    logger.info("%d published networks are sound", len(published))
    networks = [{"family": each.family, "fold": each.fold, "seed": each.seed} for each in published]
    return pd.DataFrame(networks), plan_scenes(referee.simulation, compute)


def simulate_scenes(
    scene_plan: DataFrame, referee: Referee, compute: Compute, waves: ExitWaveStore
) -> DataFrame:
    """Exit waves of the referee's scenes."""
    return simulate_exit_waves(scene_plan, referee.simulation, compute, waves)


def expose_micrographs(
    micrographs: DataFrame, referee: Referee, compute: Compute, waves: ExitWaveStore
) -> dict[str, LazyPatchSet]:
    """Expose every micrograph, prepare it as the published study did, and cut it."""
    from hrtem_shift.preparation.patch_set_plan import plan_test_set

    shared = (referee.simulation, waves, compute.torch_device)
    patch_sets = {}
    for name, table in micrographs.groupby("data_set", sort=False):
        rows = rows_of(table)
        title = f"micrographs of {name}"
        results = each_result(title, expose_micrograph, rows, compute=compute, shared=shared)
        exposed = dict(results)
        in_order = [exposed[number] for number in range(len(exposed))]
        patch_sets[str(name)] = plan_test_set(str(name), in_order, referee.preparation)
    return patch_sets


def judge(patch_sets: dict[str, PatchSet], referee: Referee, compute: Compute) -> DataFrame:
    """Every published network on every patch: pixel counts."""
    from hrtem_shift.evaluation.referee import score_published

    return score_published(networks_folder(referee), patch_sets, compute)


def networks_folder(referee: Referee) -> Path:
    """Folder of the published weight files; raises `InputError` if no parameter names it."""
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
