"""Pipelines of ingestion."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.ingestion.nodes import take_inventory, take_inventory_with_simulated

_RECORDED = ["params:study", "params:ingestion", "raw_micrographs"]


def create_pipeline() -> Pipeline:
    """Recorded micrographs -> ``inventory``, and what was ``left_out``."""
    return Pipeline(
        [
            Node(
                take_inventory,
                inputs=_RECORDED,
                outputs=["inventory", "left_out"],
                name="list_micrographs",
            )
        ]
    )


def create_simulated_pipeline() -> Pipeline:
    """Simulated and recorded micrographs -> ``inventory``, and what was ``left_out``."""
    return Pipeline(
        [
            Node(
                take_inventory_with_simulated,
                inputs=["simulated_folders", *_RECORDED],
                outputs=["inventory", "left_out"],
                name="list_micrographs",
            )
        ]
    )
