"""The training pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.stores import filling, network_store
from hrtem_shift.pipelines.training.networks import plan_networks, train_networks


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
                filling(train_networks, store=network_store),
                inputs=[
                    "plan",
                    "patch_sets",
                    "data_sets",
                    "params:study",
                    "params:compute",
                    "params:stores.networks",
                    "results",
                    "tracker",
                ],
                outputs=["networks", "network_store"],
                name="train_networks",
            ),
        ]
    )
