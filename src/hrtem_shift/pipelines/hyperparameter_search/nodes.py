"""Nodes that search for a recipe, train all folds with it, and test it."""

from __future__ import annotations

import logging
from typing import Any

from hrtem_shift.execution.compute import Compute
from hrtem_shift.pipelines.annotations import (
    DataFrame,
    Figure,
    NetworkStore,
    PatchSet,
    StudyResults,
    Tracker,
)
from hrtem_shift.pipelines.hyperparameter_search.parameters import HyperparameterStudy
from hrtem_shift.pipelines.hyperparameter_search.trials import run_trials
from hrtem_shift.pipelines.report_blocks import (
    network_blocks,
    preparation_blocks,
    versions,
    what_was_run,
)
from hrtem_shift.pipelines.training.networks import plan_networks, train_networks
from hrtem_shift.tables import rows_of
from hrtem_shift.tracking import Tracking
from hrtem_shift.training.search import Trial, propose, pruning_limits

logger = logging.getLogger(__name__)


def search_recipes(
    patch_sets: dict[str, PatchSet],
    study: HyperparameterStudy,
    compute: Compute,
    store: NetworkStore,
    tracker: Tracker,
) -> DataFrame:
    """Try recipes, generation by generation; trials that are stored are not done again.

    Returns
    -------
    DataFrame
        One row a trial: trial, run_id, the fields of the space, validation_loss and
        validation_dice (of the best epoch), best_epoch, epochs (done), pruned, seconds.
    """
    import pandas as pd

    search = study.search
    start = {name: getattr(study.recipe, name) for name in search.space}
    trials: list[Trial] = []
    rows: list[dict[str, Any]] = []
    while len(trials) < search.trials:
        count = min(search.generation, search.trials - len(trials))
        first = [] if trials else [start]
        values = first + propose(search, trials, count - len(first), study.seed)
        limits = pruning_limits(search, trials, study.recipe.epochs)
        records = run_trials(values, limits, patch_sets, study, compute, store, tracker)
        for value, record in zip(values, records, strict=True):
            losses = [epoch["validation_loss"] for epoch in record["curve"]]
            trials.append(Trial(value, losses, record["pruned"]))
            rows.append({"trial": len(trials) - 1, **_row(record, value)})
        best = min(row["validation_loss"] for row in rows)
        logger.info("Trials: %d of %d, lowest loss %.4f", len(trials), search.trials, best)
    return pd.DataFrame(rows)


def _row(record: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    best = record["curve"][record["best_epoch"]]
    return {
        "run_id": record["run_id"],
        **values,
        "validation_loss": best["validation_loss"],
        "validation_dice": best["validation_dice"],
        "best_epoch": record["best_epoch"],
        "epochs": len(record["curve"]),
        "pruned": record["pruned"],
        "seconds": record["seconds"],
    }


def best_recipe(trials: DataFrame, study: HyperparameterStudy) -> dict[str, Any]:
    """The recipe of the lowest validation loss among trials that were not given up."""
    complete = trials[~trials["pruned"].astype(bool)]
    best = rows_of(complete.sort_values("validation_loss", kind="stable").head(1))[0]
    fields = {name: field.as_given(best[name]) for name, field in study.search.space.items()}
    return study.recipe.model_dump() | fields


def train_both(
    best: dict[str, Any],
    data_sets: DataFrame,
    patch_sets: dict[str, PatchSet],
    study: HyperparameterStudy,
    compute: Compute,
    store: NetworkStore,
    results: StudyResults,
    tracker: Tracker,
) -> tuple[DataFrame, DataFrame]:
    """Train all folds by the study's own recipe and by the best one.

    Returns
    -------
    plan : DataFrame
        As from `hrtem_shift.pipelines.training.networks.plan_networks`, of both.
    networks : DataFrame
        As from `hrtem_shift.pipelines.training.networks.train_networks`, with recipe (own or
        best).
    """
    import pandas as pd

    from hrtem_shift.training.recipe import Recipe

    plans, tables = [], []
    for name, recipe in (("own", study.recipe), ("best", Recipe.model_validate(best))):
        by_recipe = study.model_copy(update={"recipe": recipe})
        plan = plan_networks(by_recipe, data_sets, patch_sets)
        networks = train_networks(
            plan, patch_sets, data_sets, by_recipe, compute, store, results, tracker
        )
        plans.append(plan.assign(recipe=name))
        tables.append(networks.assign(recipe=name))
    return pd.concat(plans, ignore_index=True), pd.concat(tables, ignore_index=True)


def compare_recipes(
    scores: DataFrame, networks: DataFrame, study: HyperparameterStudy
) -> DataFrame:
    """Hard Dice by the own and the best recipe on each test set, and the paired difference.

    See `hrtem_shift.evaluation.study_summary.recipes`.
    """
    from hrtem_shift.evaluation.scoring import as_trained
    from hrtem_shift.evaluation.study_summary import recipes

    named = as_trained(scores).merge(networks[["run_id", "recipe"]], on="run_id")
    return recipes(named, folds=study.folds, seed=study.seed)


def draw_trials(trials: DataFrame, study: HyperparameterStudy) -> Figure:
    """Validation loss trial by trial, and against each field of the space."""
    from hrtem_shift.figures.recipe_search import trials_figure

    log = [name for name, field in study.search.space.items() if field.scale == "log"]
    return trials_figure(trials, list(study.search.space), log)


def write_search_report(
    study: HyperparameterStudy,
    tracking: Tracking,
    trials: DataFrame,
    best: dict[str, Any],
    compared: DataFrame,
    networks: DataFrame,
    inventory: DataFrame,
    left_out: DataFrame,
    trials_png: bytes,
    preparation_png: bytes,
    preparation_steps_png: bytes,
) -> str:
    """One self-contained page on a search."""
    from hrtem_shift.figures.recipe_search import search_answer
    from hrtem_shift.figures.report import FigureBlock, TableBlock, render_report

    chosen = {name: best[name] for name in study.search.space}
    return render_report(
        title="Hyperparameter study",
        question=study.question,
        answer=search_answer(trials, chosen, compared),
        what_was_run=what_was_run(study, networks, inventory, left_out, tracking),
        blocks=[
            FigureBlock("Trials", trials_png, _TRIALS),
            TableBlock("Own recipe and best", compared, _COMPARED, "recipes.csv"),
            TableBlock("All trials", trials, "One row a recipe.", "trials.csv"),
            *preparation_blocks(preparation_png, preparation_steps_png),
            *network_blocks(networks),
        ],
        limits=[
            "Recipes are chosen by the validation patches of one fold, never by a test.",
            "Few trials of short trainings: what is best for few steps may not be for many.",
        ],
        command="kedro run --pipeline=hyperparameter_study",
        versions=versions(),
    )


_TRIALS = (
    "Lowest validation loss of each trial; hollow: given up, because others were better at that "
    "epoch. The first trial is the study's own recipe."
)
_COMPARED = (
    "Mean hard Dice over folds, tested on unseen patches; difference paired by fold, with the "
    "interval of the corrected resampled t-test."
)
