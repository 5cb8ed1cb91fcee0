"""The pipeline that trains networks for particles."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.particle_networks.nodes import (
    choose_lattice,
    plan_particle_networks,
    train_particle_networks,
)
from hrtem_shift.pipelines.simulation.pipeline import create_waves_pipeline
from hrtem_shift.pipelines.stores import filling, network_store


def create_stages() -> dict[str, Pipeline]:
    """Exit waves of the lattice data sets, then networks."""
    choose = Node(
        choose_lattice,
        inputs=["params:simulation", "params:study"],
        outputs="simulated_sets",
        name="choose_lattice",
    )
    return {
        "simulation": Pipeline([choose, create_waves_pipeline()]),
        "training": Pipeline(
            [
                Node(
                    plan_particle_networks,
                    inputs=["params:study", "simulated_sets", "exit_waves"],
                    outputs="plan",
                    name="plan_particle_networks",
                ),
                Node(
                    filling(train_particle_networks, store=network_store),
                    inputs=[
                        "plan",
                        "exit_waves",
                        "params:study",
                        "simulated_sets",
                        "params:compute",
                        "exit_wave_store",
                        "params:stores.networks",
                        "tracker",
                    ],
                    outputs=["networks", "network_store"],
                    name="train_particle_networks",
                ),
            ]
        ),
    }
