"""Pipeline of preprocessing."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.preprocessing.nodes import make_patch_sets


def create_pipeline() -> Pipeline:
    """``inventory`` and ``params:study`` -> ``patch_sets``."""
    return Pipeline(
        [
            Node(
                make_patch_sets,
                inputs=["inventory", "params:study"],
                outputs="patch_sets",
                name="patch_sets",
            )
        ]
    )
