"""The noise augmentation pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.noise_augmentation.nodes import (
    draw_noise_curves,
    tabulate_noise_curves,
    tabulate_same_set_dice,
)


def create_pipeline() -> Pipeline:
    """Scores -> noise curves, as table and figure."""
    return Pipeline(
        [
            Node(
                tabulate_noise_curves,
                inputs=["scores", "params:study"],
                outputs="noise_curves",
                name="tabulate_noise_curves",
            ),
            Node(
                tabulate_same_set_dice,
                inputs=["scores", "params:study"],
                outputs="same_set_dice",
                name="tabulate_same_set_dice",
            ),
            Node(
                draw_noise_curves,
                inputs=["noise_curves", "same_set_dice", "inventory"],
                outputs="noise_curves_figure",
                name="draw_noise_curves",
            ),
        ]
    )
