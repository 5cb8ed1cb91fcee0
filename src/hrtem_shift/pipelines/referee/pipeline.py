"""The referee pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.composition import compose
from hrtem_shift.pipelines.referee.exposures import plan_micrographs
from hrtem_shift.pipelines.referee.nodes import (
    expose_micrographs,
    judge,
    plan_referee,
    simulate_scenes,
    summarise,
)
from hrtem_shift.pipelines.stores import exit_wave_store, filling


def create_pipeline() -> Pipeline:
    """Published networks and simulated micrographs -> their scores beside the printed ones."""
    parts = Pipeline(
        [
            Node(
                plan_referee,
                inputs=["params:referee", "params:compute"],
                outputs=["networks", "scene_plan"],
                name="plan_networks_and_scenes",
            ),
            Node(
                filling(simulate_scenes, waves=exit_wave_store),
                inputs=[
                    "scene_plan",
                    "params:referee",
                    "params:compute",
                    "params:stores.exit_waves",
                ],
                outputs=["exit_waves", "exit_wave_store"],
                name="simulate_scenes",
            ),
            Node(
                plan_micrographs,
                inputs=["exit_waves", "params:referee"],
                outputs="micrographs",
                name="plan_micrographs",
            ),
            Node(
                expose_micrographs,
                inputs=["micrographs", "params:referee", "params:compute", "exit_wave_store"],
                outputs="patch_sets",
                name="expose_micrographs",
            ),
            Node(
                judge,
                inputs=["patch_sets", "params:referee", "params:compute"],
                outputs="counts",
                name="score_published_networks",
            ),
            Node(
                summarise,
                inputs=["counts", "patch_sets"],
                outputs=["scores", "cells", "statistics", "matrix_figure"],
                name="tabulate_scores",
            ),
        ]
    )
    return compose("referee", {"": parts})
