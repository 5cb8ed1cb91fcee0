"""The pipeline of a search for a recipe."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.evaluation import pipeline as evaluation
from hrtem_shift.pipelines.hyperparameter_search.nodes import (
    best_recipe,
    compare_recipes,
    draw_trials,
    search_recipes,
    train_both,
    write_search_report,
)
from hrtem_shift.pipelines.ingestion import pipeline as ingestion
from hrtem_shift.pipelines.preprocessing import pipeline as preprocessing
from hrtem_shift.pipelines.simulation import pipeline as simulation


def create_pipeline() -> Pipeline:
    """Patch sets -> trials -> the best recipe -> all folds by it -> what it is worth."""
    return Pipeline(
        [
            simulation.create_study_pipeline(),
            ingestion.create_simulated_pipeline(),
            preprocessing.create_pipeline(),
            _search(),
            evaluation.create_pipeline(),
            _summary(),
        ]
    )


def _search() -> Pipeline:
    run = ["params:study", "params:compute", "network_store", "tracker"]
    return Pipeline(
        [
            Node(
                search_recipes,
                inputs=["patch_sets", *run],
                outputs="trials",
                name="search_recipes",
            ),
            Node(
                best_recipe,
                inputs=["trials", "params:study"],
                outputs="best_recipe",
                name="choose_recipe",
            ),
            Node(
                train_both,
                inputs=["best_recipe", "data_sets", "patch_sets", *run],
                outputs="networks",
                name="train_networks",
            ),
        ]
    )


def _summary() -> Pipeline:
    return Pipeline(
        [
            Node(
                compare_recipes,
                inputs=["scores", "networks", "params:study"],
                outputs="recipes",
                name="compare_recipes",
            ),
            Node(
                draw_trials,
                inputs=["trials", "params:study"],
                outputs="trials_figure",
                name="draw_trials",
            ),
            Node(
                write_search_report,
                inputs=[
                    "params:study",
                    "trials",
                    "best_recipe",
                    "recipes",
                    "networks",
                    "inventory",
                    "left_out",
                    "trials_figure",
                    "preparation_figure",
                    "preparation_steps_figure",
                ],
                outputs="report",
                name="write_report",
            ),
        ]
    )
