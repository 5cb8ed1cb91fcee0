"""The evaluation pipelines."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.evaluation.nodes import (
    draw_dose_matrix,
    draw_folds,
    score_networks,
    tabulate_dose_matrix,
    tabulate_folds,
)


def create_pipeline() -> Pipeline:
    """Networks -> scores: every network on every test set."""
    return Pipeline(
        [
            Node(
                score_networks,
                inputs=[
                    "networks",
                    "patch_sets",
                    "params:study",
                    "params:compute",
                    "network_store",
                    "tracker",
                ],
                outputs="scores",
                name="score_networks",
            ),
        ]
    )


def create_dose_matrix_pipeline() -> Pipeline:
    """Scores -> dose matrix, as table and figure."""
    return Pipeline(
        [
            Node(
                tabulate_dose_matrix,
                inputs=["scores", "params:study"],
                outputs="dose_matrix",
                name="tabulate_dose_matrix",
            ),
            Node(
                draw_dose_matrix,
                inputs=["dose_matrix", "inventory"],
                outputs="dose_matrix_figure",
                name="draw_dose_matrix",
            ),
        ]
    )


def create_folds_pipeline() -> Pipeline:
    """Scores -> Dice of each fold, as table and figure."""
    return Pipeline(
        [
            Node(
                tabulate_folds,
                inputs=["scores", "patch_sets", "params:study"],
                outputs="folds",
                name="tabulate_folds",
            ),
            Node(draw_folds, inputs="folds", outputs="folds_figure", name="draw_folds"),
        ]
    )
