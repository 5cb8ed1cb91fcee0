"""The reporting pipelines."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.reporting.nodes import (
    dose_report_writer,
    draw_examples,
    report_writer,
    write_folds_report,
)
from hrtem_shift.pipelines.reporting.study_page import NoiseTables, StudyTables, catalog_names


def create_pipeline(study: str) -> Pipeline:
    """Tables and figures of a study -> examples and one self-contained page."""
    inputs = ["params:study", "params:tracking", *catalog_names(StudyTables)]
    report = Node(report_writer(study), inputs=inputs, outputs="report", name="write_report")
    return Pipeline([_examples(), report])


def create_dose_pipeline(study: str) -> Pipeline:
    """The same, with what noise augmentation does."""
    inputs = [
        "params:study",
        "params:tracking",
        *catalog_names(NoiseTables),
        *catalog_names(StudyTables),
    ]
    report = Node(dose_report_writer(study), inputs=inputs, outputs="report", name="write_report")
    return Pipeline([_examples(), report])


def create_examples_pipeline() -> Pipeline:
    """Examples alone."""
    return Pipeline([_examples()])


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
                    "params:tracking",
                ],
                outputs="report",
                name="write_report",
            ),
        ]
    )
