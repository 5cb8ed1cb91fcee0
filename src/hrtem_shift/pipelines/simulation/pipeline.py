"""The simulation pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.simulation.nodes import (
    plan_images,
    plan_scenes,
    record_micrographs,
    simulate_exit_waves,
)


def create_pipeline() -> Pipeline:
    """Parameters -> scenes -> exit waves -> table of images -> folders of micrographs."""
    return Pipeline(
        [
            Node(
                plan_scenes,
                inputs=["params:simulation", "params:compute"],
                outputs="scene_plan",
                name="plan_scenes",
            ),
            Node(
                simulate_exit_waves,
                inputs=["scene_plan", "params:simulation", "params:compute", "exit_wave_store"],
                outputs="exit_waves",
                name="simulate_exit_waves",
            ),
            Node(
                plan_images,
                inputs=["exit_waves", "params:simulation"],
                outputs="simulated_images",
                name="plan_images",
            ),
            Node(
                record_micrographs,
                inputs=[
                    "simulated_images",
                    "params:compute",
                    "exit_wave_store",
                    "micrograph_folders",
                ],
                outputs="simulated_folders",
                name="record_micrographs",
            ),
        ]
    )
