"""The calibration pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.calibration.nodes import fit, real_statistics, simulate_for_calibration
from hrtem_shift.pipelines.composition import compose
from hrtem_shift.pipelines.stores import exit_wave_store, filling


def create_pipeline() -> Pipeline:
    """Statistics of real micrographs -> the free conditions of the referee's simulation."""
    parts = Pipeline(
        [
            Node(
                real_statistics,
                inputs=["params:calibration", "params:referee"],
                outputs="real_statistics",
                name="measure_real_micrographs",
            ),
            Node(
                filling(simulate_for_calibration, waves=exit_wave_store),
                inputs=[
                    "real_statistics",
                    "params:calibration",
                    "params:referee",
                    "params:compute",
                    "params:stores.exit_waves",
                ],
                outputs=["micrographs", "exit_wave_store"],
                name="simulate_exit_waves",
            ),
            Node(
                fit,
                inputs=[
                    "micrographs",
                    "real_statistics",
                    "params:calibration",
                    "params:referee",
                    "params:compute",
                    "exit_wave_store",
                ],
                outputs=["conditions", "statistics", "evaluations"],
                name="fit_conditions",
            ),
        ]
    )
    return compose("calibration", {"": parts})
