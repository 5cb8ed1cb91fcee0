"""The simulation pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.simulation.exit_waves import plan_scenes, simulate_exit_waves
from hrtem_shift.pipelines.simulation.nodes import (
    choose_all,
    choose_for_study,
    plan_images,
    record_micrographs,
)
from hrtem_shift.pipelines.stores import exit_wave_store, filling, micrograph_folders


def create_pipeline() -> Pipeline:
    """Simulate all data sets."""
    chosen = Node(
        choose_all, inputs="params:simulation", outputs="simulated_sets", name="choose_data_sets"
    )
    return Pipeline([chosen, create_parts()])


def create_study_pipeline() -> Pipeline:
    """Simulate those data sets that a study names."""
    chosen = Node(
        choose_for_study,
        inputs=["params:simulation", "params:study"],
        outputs="simulated_sets",
        name="choose_data_sets",
    )
    return Pipeline([chosen, create_parts()])


def create_waves_pipeline() -> Pipeline:
    """Data sets -> scenes -> exit waves."""
    return Pipeline(
        [
            Node(
                plan_scenes,
                inputs=["simulated_sets", "params:compute"],
                outputs="scene_plan",
                name="plan_scenes",
            ),
            Node(
                filling(simulate_exit_waves, waves=exit_wave_store),
                inputs=[
                    "scene_plan",
                    "simulated_sets",
                    "params:compute",
                    "params:stores.exit_waves",
                ],
                outputs=["exit_waves", "exit_wave_store"],
                name="simulate_exit_waves",
            ),
        ]
    )


def create_images_pipeline() -> Pipeline:
    """Data sets -> scenes -> exit waves -> table of images, each of which is made on demand."""
    return Pipeline(
        [
            create_waves_pipeline(),
            Node(
                plan_images,
                inputs=["exit_waves", "simulated_sets"],
                outputs="simulated_images",
                name="plan_images",
            ),
        ]
    )


def create_parts() -> Pipeline:
    """Data sets -> scenes -> exit waves -> table of images -> folders of micrographs."""
    return Pipeline(
        [
            create_images_pipeline(),
            Node(
                filling(record_micrographs, folders=micrograph_folders),
                inputs=[
                    "simulated_images",
                    "params:compute",
                    "exit_wave_store",
                    "params:stores.micrographs",
                ],
                outputs=["simulated_folders", "micrograph_folders"],
                name="record_micrographs",
            ),
        ]
    )
