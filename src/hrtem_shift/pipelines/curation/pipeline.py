"""The pipelines of a curation study."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.curation.nodes import (
    compare_with_reference,
    curation_report_writer,
    draw_factors,
)
from hrtem_shift.pipelines.reporting.study_page import StudyTables, catalog_names


def create_pipeline() -> Pipeline:
    """Scores -> each database against the reference."""
    return Pipeline(
        [
            Node(
                compare_with_reference,
                inputs=["scores", "params:study"],
                outputs="factor_effects",
                name="compare_with_reference",
            )
        ]
    )


def create_report_pipeline(name: str) -> Pipeline:
    """The same as a figure, and the report."""
    return Pipeline(
        [
            Node(
                draw_factors,
                inputs=["factor_effects", "data_sets", "params:study"],
                outputs="factors_figure",
                name="draw_factors",
            ),
            Node(
                curation_report_writer(name),
                inputs=[
                    "params:study",
                    "params:tracking",
                    "factor_effects",
                    "factors_figure",
                    *catalog_names(StudyTables),
                ],
                outputs="report",
                name="write_report",
            ),
        ]
    )
