"""The pipeline of the imaging study."""

from __future__ import annotations

from kedro.pipeline import Node, Pipeline

from hrtem_shift.pipelines.evaluation import pipeline as evaluation
from hrtem_shift.pipelines.imaging.nodes import (
    add_mixtures,
    choose_conditions,
    decide_claims,
    draw_claims,
    draw_conditions,
    draw_relation,
    judge_design,
    list_images,
    propose_mixtures,
    relate_to_shift,
)
from hrtem_shift.pipelines.imaging.report import imaging_report_writer
from hrtem_shift.pipelines.preprocessing import pipeline as preprocessing
from hrtem_shift.pipelines.simulation import pipeline as simulation
from hrtem_shift.pipelines.training import pipeline as training

_STUDY = ["params:study", "params:simulation"]


def create_stages(name: str) -> dict[str, Pipeline]:
    """Scenes under many conditions -> networks -> Dice against shift -> verdict, of one study."""
    return {
        "simulation": Pipeline([_conditions(), simulation.create_images_pipeline()]),
        "ingestion": _mixtures(),
        "preprocessing": preprocessing.create_pipeline(),
        "training": training.create_pipeline(),
        "evaluation": Pipeline([evaluation.create_pipeline(), _relation()]),
        "reporting": _report(name),
    }


def _conditions() -> Node:
    return Node(
        choose_conditions,
        inputs=["params:simulation", "params:study"],
        outputs="simulated_sets",
        name="choose_conditions",
    )


def _mixtures() -> Pipeline:
    return Pipeline(
        [
            Node(
                list_images,
                inputs=["simulated_images", "exit_wave_store"],
                outputs=["single_conditions", "left_out"],
                name="list_images",
            ),
            Node(propose_mixtures, inputs=_STUDY, outputs="mixtures", name="propose_mixtures"),
            Node(
                add_mixtures,
                inputs=["single_conditions", "mixtures"],
                outputs="inventory",
                name="add_mixtures",
            ),
        ]
    )


_TABLES = ["cells", "relation", "verdict", "summary"]
_CLAIMS = ["transfer_claims", "predictions", "losses", "distances"]


def _relation() -> Pipeline:
    return Pipeline(
        [
            Node(
                relate_to_shift,
                inputs=["scores", "data_sets", *_STUDY],
                outputs=_TABLES,
                name="relate_dice_to_shift",
            ),
            Node(
                decide_claims,
                inputs=["scores", "data_sets", "inventory", "mixtures", *_STUDY],
                outputs=_CLAIMS,
                name="decide_transfer_claims",
            ),
            Node(
                judge_design,
                inputs=["scores", "mixtures", "params:study"],
                outputs="design",
                name="test_proposed_mixtures",
            ),
        ]
    )


def _report(name: str) -> Pipeline:
    return Pipeline(
        [
            Node(
                draw_conditions,
                inputs=_STUDY,
                outputs=["transfer_functions_figure", "thon_rings_figure"],
                name="draw_conditions",
            ),
            Node(
                draw_relation,
                inputs=["cells", "params:study"],
                outputs=["overlap_matrix_figure", "dice_against_shift_figure"],
                name="draw_dice_against_shift",
            ),
            Node(
                draw_claims,
                inputs=["predictions", "losses", "distances"],
                outputs=[
                    "loss_against_distance_figure",
                    "predicted_against_measured_figure",
                ],
                name="draw_claims",
            ),
            Node(
                imaging_report_writer(name),
                inputs=[
                    "params:study",
                    "params:tracking",
                    *_TABLES,
                    *_CLAIMS,
                    "mixtures",
                    "design",
                    "data_sets",
                    "networks",
                    "inventory",
                    "left_out",
                    "loss_against_distance_figure",
                    "predicted_against_measured_figure",
                    "transfer_functions_figure",
                    "thon_rings_figure",
                    "overlap_matrix_figure",
                    "dice_against_shift_figure",
                ],
                outputs="report",
                name="write_report",
            ),
        ]
    )
