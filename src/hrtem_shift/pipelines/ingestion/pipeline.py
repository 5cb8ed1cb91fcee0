"""Pipelines of ingestion."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.ingestion.nodes import inventory_of_folders, take_inventory


def create_pipeline() -> Pipeline:
    """Own micrographs: ``params:ingestion`` -> ``inventory``."""
    return Pipeline(
        [Node(take_inventory, inputs="params:ingestion", outputs="inventory", name="inventory")]
    )


def create_simulated_pipeline() -> Pipeline:
    """Simulated micrographs: ``simulated_folders`` -> ``inventory``."""
    return Pipeline(
        [
            Node(
                inventory_of_folders,
                inputs="simulated_folders",
                outputs="inventory",
                name="inventory",
            )
        ]
    )
