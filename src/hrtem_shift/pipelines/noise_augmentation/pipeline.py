"""The noise augmentation pipeline."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.noise_augmentation.nodes import (
    draw_noise_curves,
    draw_noise_matching,
    match_noise,
    tabulate_noise_curves,
    tabulate_repairs,
    tabulate_same_set_dice,
)


def create_pipeline() -> Pipeline:
    """Scores -> noise curves, what repairs a loss, and the noise that makes sets look alike."""
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
                tabulate_repairs,
                inputs=["scores", "params:study"],
                outputs="repairs",
                name="tabulate_repairs",
            ),
            Node(
                match_noise,
                inputs=["patch_sets", "data_sets", "noise_curves", "params:study"],
                outputs=["noised_statistics", "noise_matching"],
                name="match_noise",
            ),
        ]
    )


def create_figures_pipeline() -> Pipeline:
    """The same, as figures."""
    return Pipeline(
        [
            Node(
                draw_noise_curves,
                inputs=["noise_curves", "same_set_dice", "data_sets", "params:study"],
                outputs="noise_curves_figures",
                name="draw_noise_curves",
            ),
            Node(
                draw_noise_matching,
                inputs=["noised_statistics", "noise_matching", "data_sets", "params:study"],
                outputs="noise_matching_figure",
                name="draw_noise_matching",
            ),
        ]
    )
