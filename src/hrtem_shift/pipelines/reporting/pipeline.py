"""The reporting pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.reporting.nodes import (
    draw_examples,
    write_folds_report,
    write_report,
)


def create_pipeline() -> Pipeline:
    """Tables and figures -> examples and one self-contained page."""
    return Pipeline(
        [
            Node(
                draw_examples,
                inputs=[
                    "inventory",
                    "networks",
                    "params:study",
                    "params:compute",
                    "network_store",
                ],
                outputs="examples_figure",
                name="draw_examples",
            ),
            Node(
                write_report,
                inputs=[
                    "dose_matrix",
                    "noise_curves",
                    "same_set_dice",
                    "networks",
                    "inventory",
                    "left_out",
                    "dose_matrix_figure",
                    "noise_curves_figure",
                    "examples_figure",
                    "preparation_figure",
                    "preparation_steps_figure",
                    "params:study",
                ],
                outputs="report",
                name="write_report",
            ),
        ]
    )


def create_folds_pipeline() -> Pipeline:
    """Dice of each fold -> one self-contained page."""
    return Pipeline(
        [
            Node(
                write_folds_report,
                inputs=[
                    "folds",
                    "networks",
                    "inventory",
                    "left_out",
                    "folds_figure",
                    "preparation_figure",
                    "preparation_steps_figure",
                    "params:study",
                ],
                outputs="report",
                name="write_report",
            ),
        ]
    )
