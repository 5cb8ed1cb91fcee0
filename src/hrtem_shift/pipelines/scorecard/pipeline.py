"""The scorecard pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.composition import compose
from hrtem_shift.pipelines.scorecard.nodes import decide, write_index, write_scorecard


def create_pipeline() -> Pipeline:
    """Tables and reports of the studies that were run -> scorecard and index of all reports."""
    parts = Pipeline(
        [
            Node(
                decide,
                inputs=["study_tables", "kept_tables", "params:scorecard"],
                outputs="verdicts",
                name="decide_claims",
            ),
            Node(
                write_scorecard,
                inputs=["verdicts", "study_reports"],
                outputs="report",
                name="write_scorecard",
            ),
            Node(
                write_index, inputs=["report", "study_reports"], outputs="index", name="write_index"
            ),
        ]
    )
    return compose("scorecard", {"": parts})
