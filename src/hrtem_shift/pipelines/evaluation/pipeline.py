"""The evaluation pipelines."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.evaluation.nodes import (
    draw_differences,
    draw_folds,
    draw_matrices,
    score_networks,
    tabulate_differences,
    tabulate_folds,
    tabulate_matrix,
)


def create_pipeline() -> Pipeline:
    """Networks -> scores: every network on every test set."""
    return Pipeline(
        [
            Node(
                score_networks,
                inputs=[
                    "plan",
                    "patch_sets",
                    "data_sets",
                    "inventory",
                    "params:study",
                    "params:compute",
                    "network_store",
                    "results",
                    "tracker",
                ],
                outputs="scores",
                name="score_networks",
            ),
        ]
    )


def create_matrix_pipeline() -> Pipeline:
    """Scores -> generalization matrix and gaps, as tables."""
    return Pipeline(
        [
            Node(
                tabulate_matrix,
                inputs=["scores", "params:study"],
                outputs="matrix",
                name="tabulate_generalization_matrix",
            ),
            Node(
                tabulate_differences,
                inputs=["scores", "data_sets", "params:study"],
                outputs=["gaps", "difficulty", "asymmetry", "comparisons"],
                name="tabulate_generalization_gaps",
            ),
        ]
    )


def create_matrix_figures_pipeline() -> Pipeline:
    """Generalization matrix -> its figures."""
    return Pipeline(
        [
            Node(
                draw_matrices,
                inputs=["scores", "data_sets", "params:study"],
                outputs="matrix_figures",
                name="draw_generalization_matrices",
            ),
            Node(
                draw_differences,
                inputs=["scores", "data_sets", "gaps", "params:study"],
                outputs="gaps_figure",
                name="draw_generalization_gaps",
            ),
        ]
    )


def create_folds_pipeline() -> Pipeline:
    """Scores -> Dice of each fold."""
    return Pipeline(
        [
            Node(
                tabulate_folds,
                inputs=["scores", "patch_sets"],
                outputs="folds",
                name="tabulate_folds",
            ),
        ]
    )


def create_folds_figure_pipeline() -> Pipeline:
    """Dice of each fold -> its figure."""
    return Pipeline([Node(draw_folds, inputs="folds", outputs="folds_figure", name="draw_folds")])
