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
from hrtem_shift.pipelines.stores import filling, network_store


def create_stages() -> dict[str, Pipeline]:
    """Patch sets -> trials -> the best recipe -> all folds by it -> what it is worth."""
    return {
        "simulation": simulation.create_study_pipeline(),
        "ingestion": ingestion.create_simulated_pipeline(),
        "preprocessing": preprocessing.create_pipeline(),
        "training": _search(),
        "evaluation": Pipeline([evaluation.create_pipeline(), _comparison()]),
        "reporting": Pipeline([preprocessing.create_figures_pipeline(), _report()]),
    }


def _search() -> Pipeline:
    return Pipeline(
        [
            Node(
                filling(search_recipes, store=network_store),
                inputs=[
                    "patch_sets",
                    "params:study",
                    "params:compute",
                    "params:stores.networks",
                    "tracker",
                ],
                outputs=["trials", "network_store"],
                name="search_recipes",
            ),
            Node(
                best_recipe,
                inputs=["trials", "params:study"],
                outputs="best_recipe",
                name="choose_best_recipe",
            ),
            Node(
                train_both,
                inputs=[
                    "best_recipe",
                    "data_sets",
                    "patch_sets",
                    "params:study",
                    "params:compute",
                    "network_store",
                    "results",
                    "tracker",
                ],
                outputs=["plan", "networks"],
                name="train_networks_by_both_recipes",
            ),
        ]
    )


def _comparison() -> Pipeline:
    return Pipeline(
        [
            Node(
                compare_recipes,
                inputs=["scores", "networks", "params:study"],
                outputs="recipes",
                name="compare_recipes",
            ),
        ]
    )


def _report() -> Pipeline:
    return Pipeline(
        [
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
                    "params:tracking",
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
