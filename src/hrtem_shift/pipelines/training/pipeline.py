"""The training pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.training.nodes import plan_networks, train_networks


def create_pipeline() -> Pipeline:
    """Patch sets -> plan (a row a network) -> trained networks."""
    return Pipeline(
        [
            Node(
                plan_networks,
                inputs=["params:study", "data_sets", "patch_sets"],
                outputs="plan",
                name="plan_networks",
            ),
            Node(
                train_networks,
                inputs=[
                    "plan",
                    "patch_sets",
                    "params:study",
                    "params:compute",
                    "network_store",
                    "tracker",
                ],
                outputs="networks",
                name="train_networks",
            ),
        ]
    )
