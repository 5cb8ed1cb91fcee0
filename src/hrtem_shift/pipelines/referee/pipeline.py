"""The referee pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline, pipeline

from hrtem_shift.pipelines.referee.nodes import (
    expose_micrographs,
    judge,
    plan_micrographs,
    plan_referee,
    simulate_scenes,
    summarise,
)


def create_pipeline() -> Pipeline:
    """Published networks and simulated micrographs -> their scores beside the printed ones."""
    parts = Pipeline(
        [
            Node(
                plan_referee,
                inputs=["params:referee", "params:compute"],
                outputs=["networks", "scene_plan"],
                name="plan_referee",
            ),
            Node(
                simulate_scenes,
                inputs=["scene_plan", "params:referee", "params:compute", "exit_wave_store"],
                outputs="exit_waves",
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
                name="judge",
            ),
            Node(
                summarise,
                inputs=["counts", "patch_sets"],
                outputs=["scores", "cells", "statistics", "matrix_figure"],
                name="summarise",
            ),
        ]
    )
    return pipeline(
        parts,
        namespace="referee",
        inputs="exit_wave_store",
        parameters={name: name for name in parts.inputs() if name.startswith("params:")},
    )
