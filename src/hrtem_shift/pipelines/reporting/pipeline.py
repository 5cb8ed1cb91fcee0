"""The reporting pipelines."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.reporting.nodes import (
    dose_report_writer,
    draw_examples,
    report_writer,
    write_folds_report,
)

_EVERY_STUDY = [
    "matrix",
    "gaps",
    "difficulty",
    "asymmetry",
    "comparisons",
    "data_sets",
    "networks",
    "inventory",
    "left_out",
    "matrix_figures",
    "gaps_figure",
    "examples_figure",
    "preparation_figure",
    "preparation_steps_figure",
]
_NOISE = [
    "scores",
    "noise_curves",
    "same_set_dice",
    "noise_matching",
    "noise_curves_figures",
    "noise_matching_figure",
]


def create_pipeline(study: str) -> Pipeline:
    """Tables and figures of a study -> examples and one self-contained page."""
    write, inputs = report_writer(study), ["params:study", *_EVERY_STUDY]
    report = Node(write, inputs=inputs, outputs="report", name="write_report")
    return Pipeline([_examples(), report])


def create_dose_pipeline(study: str) -> Pipeline:
    """The same, with what noise augmentation does."""
    write, inputs = dose_report_writer(study), ["params:study", *_NOISE, *_EVERY_STUDY]
    report = Node(write, inputs=inputs, outputs="report", name="write_report")
    return Pipeline([_examples(), report])


def _examples() -> Node:
    return Node(
        draw_examples,
        inputs=[
            "inventory",
            "networks",
            "matrix",
            "params:study",
            "params:compute",
            "network_store",
        ],
        outputs="examples_figure",
        name="draw_examples",
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
