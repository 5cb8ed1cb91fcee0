"""The calibration pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline, pipeline

from hrtem_shift.pipelines.calibration.nodes import fit, real_statistics, simulate_for_calibration


def create_pipeline() -> Pipeline:
    """Statistics of real micrographs -> the free conditions of the referee's simulation."""
    parts = Pipeline(
        [
            Node(
                real_statistics,
                inputs=["params:calibration", "params:referee"],
                outputs="real_statistics",
                name="real_statistics",
            ),
            Node(
                simulate_for_calibration,
                inputs=[
                    "real_statistics",
                    "params:calibration",
                    "params:referee",
                    "params:compute",
                    "exit_wave_store",
                ],
                outputs="micrographs",
                name="simulate_for_calibration",
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
    return pipeline(
        parts,
        namespace="calibration",
        inputs="exit_wave_store",
        parameters={name: name for name in parts.inputs() if name.startswith("params:")},
    )
