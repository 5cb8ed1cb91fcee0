"""Pipeline of preprocessing."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.preprocessing.nodes import (
    describe_data_sets,
    draw_preparation,
    draw_preparation_steps,
    tabulate_preparation,
)
from hrtem_shift.pipelines.study import assign_folds


def create_pipeline() -> Pipeline:
    """``inventory`` and ``params:study`` -> ``patch_sets``, and what they are."""
    return Pipeline(
        [
            Node(
                assign_folds,
                inputs=["inventory", "params:study"],
                outputs="patch_sets",
                name="plan_patch_sets",
            ),
            Node(
                describe_data_sets,
                inputs=["inventory", "patch_sets", "params:study"],
                outputs="data_sets",
                name="describe_data_sets",
            ),
        ]
    )


def create_figures_pipeline() -> Pipeline:
    """What was done to the micrographs, as table and figures."""
    return Pipeline(
        [
            Node(
                tabulate_preparation,
                inputs=["patch_sets", "data_sets"],
                outputs="preparation",
                name="tabulate_preparation",
            ),
            Node(
                draw_preparation,
                inputs="preparation",
                outputs="preparation_figure",
                name="draw_preparation",
            ),
            Node(
                draw_preparation_steps,
                inputs=["inventory", "data_sets", "params:study"],
                outputs="preparation_steps_figure",
                name="draw_preparation_steps",
            ),
        ]
    )
