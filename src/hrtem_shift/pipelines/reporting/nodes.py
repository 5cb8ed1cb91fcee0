"""Nodes that make the examples and the reports of studies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hrtem_shift.execution.compute import Compute
from hrtem_shift.pipelines.annotations import DataFrame, Figure, NetworkStore
from hrtem_shift.pipelines.report_blocks import (
    left_out_blocks,
    network_blocks,
    preparation_blocks,
    versions,
    what_was_run,
)
from hrtem_shift.pipelines.reporting import captions
from hrtem_shift.pipelines.reporting.study_page import (
    NoiseTables,
    StudyTables,
    catalog_names,
    dose_page,
    study_page,
)
from hrtem_shift.pipelines.study import Study
from hrtem_shift.preparation.variants import patch_set_name
from hrtem_shift.tables import rows_of
from hrtem_shift.tracking import Tracking


def draw_examples(
    inventory: DataFrame,
    networks: DataFrame,
    matrix: DataFrame,
    study: Study,
    compute: Compute,
    store: NetworkStore,
) -> Figure:
    """Worst, median and best micrograph of the pair of sets with the lowest mean Dice.

    The network is the one of fold 0 and seed 0 of the first variant, trained without noise; the
    rule picks by hard Dice over the whole micrograph and is the same for every run.
    """
    from hrtem_shift.evaluation.whole_micrographs import hardest_pair, worst_median_best
    from hrtem_shift.figures.examples import Example, examples_figure
    from hrtem_shift.networks.inference import Predictor
    from hrtem_shift.networks.weights import network_from

    variant, preparation = next(iter(study.preparations().items()))
    train_set, test_set = hardest_pair(matrix, variant)
    plain = networks[networks["train_set"] == patch_set_name(train_set, variant)]
    plain = plain[(plain["rho"] == 0) & (plain["fold"] == 0) & (plain["seed"] == 0)]
    rows = rows_of(inventory[inventory["data_set"] == test_set])
    network = network_from(store.weights(plain["run_id"].iloc[0]))
    chosen = worst_median_best(Predictor(network, compute.torch_device), rows, preparation)
    return examples_figure(
        [
            Example(
                f"{rule} of {len(rows)}: trained on {train_set}, tested on {shown.micrograph.name}",
                shown.micrograph.pixels,
                shown.label,
                shown.mask,
                shown.micrograph.pixel_size_nm,
                shown.hard_dice,
            )
            for rule, shown in chosen.items()
        ]
    )


def report_writer(name: str) -> Callable[..., str]:
    """Function that writes the report of the study of that name from its `StudyTables`."""

    def write_report(study: Study, tracking: Tracking, *tables: Any) -> str:
        return study_page(name, study, tracking, StudyTables(*tables))

    return write_report


def dose_report_writer(name: str) -> Callable[..., str]:
    """Function that writes the report of a study with noise, from `NoiseTables`, `StudyTables`."""
    count = len(catalog_names(NoiseTables))

    def write_report(study: Study, tracking: Tracking, *tables: Any) -> str:
        noise, common = NoiseTables(*tables[:count]), StudyTables(*tables[count:])
        return dose_page(name, study, tracking, common, noise)

    return write_report


def write_folds_report(
    folds: DataFrame,
    networks: DataFrame,
    inventory: DataFrame,
    left_out: DataFrame,
    folds_png: bytes,
    preparation_png: bytes,
    preparation_steps_png: bytes,
    study: Study,
    tracking: Tracking,
) -> str:
    """One self-contained page on a cross-validation."""
    from hrtem_shift.figures.cross_validation import folds_answer
    from hrtem_shift.figures.report import FigureBlock, TableBlock, render_report

    return render_report(
        title="Cross-validation",
        question="How well does a network that was trained on some of these micrographs segment "
        "the others?",
        answer=folds_answer(folds),
        what_was_run=what_was_run(study, networks, inventory, left_out, tracking),
        blocks=[
            FigureBlock("Each fold", folds_png, captions.FOLDS),
            *left_out_blocks(left_out),
            *preparation_blocks(preparation_png, preparation_steps_png),
            TableBlock("Folds", folds, "One row a network.", "folds.csv"),
            *network_blocks(networks),
        ],
        limits=captions.FOLDS_LIMITS,
        command="kedro run --pipeline=cross_validation",
        versions=versions(),
    )
