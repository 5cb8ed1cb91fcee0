"""Nodes that search for a recipe, train all folds with it, and say what it is worth."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.hyperparameter_search.parameters import HyperparameterStudy
from hrtem_shift.pipelines.reporting.evidence import (
    network_blocks,
    preparation_blocks,
    versions,
    what_was_run,
)
from hrtem_shift.pipelines.study import split_of
from hrtem_shift.pipelines.training import nodes as training
from hrtem_shift.tables import rows_of
from hrtem_shift.training.executors import Compute, Report, run_jobs
from hrtem_shift.training.search import Pruned, Trial, propose, pruning_limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from hrtem_shift.catalog.network_store import NetworkStore
    from hrtem_shift.preparation.patch_set import PatchSet
    from hrtem_shift.tracking import Tracker
else:
    DataFrame = Figure = NetworkStore = PatchSet = Tracker = (
        Any  # Kedro resolves annotations at start; these come with a run
    )

logger = logging.getLogger(__name__)

FOLD = 0
"""The fold whose validation patches decide; its test patches are not looked at."""


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
    own = {name: getattr(study.recipe, name) for name in search.space}
    told: list[Trial] = []
    rows: list[dict[str, Any]] = []
    while len(told) < search.trials:
        count = min(search.generation, search.trials - len(told))
        first = [] if told else [own]
        values = first + propose(search, told, count - len(first), study.seed)
        limits = pruning_limits(search, told, study.recipe.epochs)
        records = _try(values, limits, patch_sets, study, compute, store, tracker)
        for value, record in zip(values, records, strict=True):
            losses = [epoch["validation_loss"] for epoch in record["curve"]]
            told.append(Trial(value, losses, record["pruned"]))
            rows.append({"trial": len(told) - 1, **_row(record, value)})
        best = min(row["validation_loss"] for row in rows)
        logger.info("Trials: %d of %d, lowest loss %.4f", len(told), search.trials, best)
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


def _try(
    values: Sequence[dict[str, Any]],
    limits: list[float],
    patch_sets: dict[str, PatchSet],
    study: HyperparameterStudy,
    compute: Compute,
    store: NetworkStore,
    tracker: Tracker,
) -> list[dict[str, Any]]:
    """Records of the trials of one generation."""
    from hrtem_shift.progress import JobProgress
    from hrtem_shift.training.devices import resolve_device

    patches = patch_sets[study.data_sets[0]].fingerprint
    jobs = [_job(one, limits, patches, study) for one in values]
    done = store.finished(row["run_id"] for row, _, _ in jobs)
    waiting = [job for job in jobs if job[0]["run_id"] not in done]
    running: set[int] = set()
    with JobProgress("trials", len(waiting)) as progress:

        def show(index: int, epoch: dict[str, float]) -> None:
            row = waiting[index][0]
            if index not in running:
                running.add(index)
                tracker.network_started(row)
            tracker.epoch(row["run_id"], epoch)

        shared = (patch_sets, study, resolve_device(compute.device))
        outcomes = run_jobs(train_trial, waiting, compute=compute, shared=shared, on_report=show)
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            store.put(*outcome.result)
            progress.ended(outcome.index)
    for row, _, _ in jobs:
        tracker.log_network(row, partial(store.record, row["run_id"]))
    return [store.record(row["run_id"]) for row, _, _ in jobs]


_Job = tuple[dict[str, Any], dict[str, Any], list[float]]
"""Row of a plan, fields of the recipe, and the losses at which the trial is given up."""


def _job(
    values: dict[str, Any], limits: list[float], patches: str, study: HyperparameterStudy
) -> _Job:
    from hrtem_shift.fingerprints import fingerprint
    from hrtem_shift.training.plan import plan_row
    from hrtem_shift.training.recipe import Recipe, TrainingNoise

    recipe = Recipe.model_validate(study.recipe.model_dump() | values)
    row = plan_row(
        train_set=study.data_sets[0],
        patch_set_fingerprint=patches,
        fold=FOLD,
        seed=0,
        root_seed=study.seed,
        validation_fraction=study.validation_fraction,
        recipe=recipe,
        noise=TrainingNoise(),
    )
    decides = fingerprint([row["run_id"], [repr(limit) for limit in limits]])[:10]
    return {**row, "run_id": f"trial_{decides}"}, recipe.model_dump(), limits


def train_trial(
    job: _Job,
    report: Report,
    patch_sets: dict[str, PatchSet],
    study: HyperparameterStudy,
    device: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train a network by one recipe, or until it is worse than others were at that epoch.

    A loss that is no number ends a trial, too. Such trials have a record and no weights.
    """
    import time

    from hrtem_shift.networks.weights import weights_fingerprint
    from hrtem_shift.training.devices import device_name, keep_freed_memory, resolve_precision
    from hrtem_shift.training.loop import Diverged, train_networks
    from hrtem_shift.training.recipe import Recipe
    from hrtem_shift.training.resident import make_resident

    keep_freed_memory()
    row, fields, limits = job
    recipe = Recipe.model_validate(fields)
    patch_set = patch_sets[row["train_set"]]
    parts = split_of(patch_set, study, FOLD)
    curve: list[dict[str, float]] = []

    def follow(_: int, epoch: dict[str, float]) -> None:
        curve.append(dict(epoch))
        report(epoch)
        if min(one["validation_loss"] for one in curve) > limits[len(curve) - 1]:
            raise Pruned

    started = time.monotonic()
    weights: dict[str, Any] = {}
    pruned = False
    try:
        member = training.member_of(row, parts, study)
        (trained,) = train_networks(
            make_resident(patch_set, device), [member], recipe, on_epoch=follow
        )
        weights = trained.weights
    except (Pruned, Diverged):
        pruned = True
        if not curve:
            nothing = {"train_loss": 1e9, "validation_loss": 1e9, "validation_dice": 0.0}
            curve.append({"epoch": 0, **nothing})
    losses = [one["validation_loss"] for one in curve]
    record = {
        **row,
        "best_epoch": losses.index(min(losses)),
        "curve": curve,
        "pruned": pruned,
        "n_train": len(parts.train),
        "n_validation": len(parts.validation),
        "weights": weights_fingerprint(weights),
        "parameters": fields,
        "precision": str(resolve_precision(recipe, device)).removeprefix("torch."),
        "device": device_name(device),
        "seconds": round(time.monotonic() - started, 2),
    }
    return record, weights


def best_recipe(trials: DataFrame, study: HyperparameterStudy) -> dict[str, Any]:
    """The recipe of the lowest validation loss among trials that were not given up."""
    complete = trials[~trials["pruned"].astype(bool)]
    best = rows_of(complete.sort_values("validation_loss", kind="stable").head(1))[0]
    space = study.search.space
    found = {name: _as_given(best[name], space[name].options) for name in space}
    return study.recipe.model_dump() | found


def _as_given(value: Any, options: Sequence[Any]) -> Any:
    """An option in its own type, which a table may have changed."""
    same = [option for option in options if option == value or str(option) == str(value)]
    return same[0] if same else float(value)


def train_both(
    best: dict[str, Any],
    data_sets: DataFrame,
    patch_sets: dict[str, PatchSet],
    study: HyperparameterStudy,
    compute: Compute,
    store: NetworkStore,
    tracker: Tracker,
) -> DataFrame:
    """Train all folds by the study's own recipe and by the best one.

    Returns
    -------
    DataFrame
        As `hrtem_shift.pipelines.training.nodes.train_networks`, with recipe (own or best).
    """
    import pandas as pd

    from hrtem_shift.training.recipe import Recipe

    tables = []
    for name, recipe in (("own", study.recipe), ("best", Recipe.model_validate(best))):
        by_recipe = study.model_copy(update={"recipe": recipe})
        plan = training.plan_networks(by_recipe, data_sets, patch_sets)
        found = training.train_networks(plan, patch_sets, by_recipe, compute, store, tracker)
        tables.append(found.assign(recipe=name))
    return pd.concat(tables, ignore_index=True)


def compare_recipes(
    scores: DataFrame, networks: DataFrame, study: HyperparameterStudy
) -> DataFrame:
    """Hard Dice by the own and the best recipe on each test set, and the paired difference.

    Returns
    -------
    DataFrame
        test_set, own, best (means over folds), difference (best minus own), low and high (95 %,
        corrected), p_corrected, p_sign_flip, n_folds.
    """
    import pandas as pd

    from hrtem_shift.evaluation.paired_tests import paired_differences, paired_test

    named = scores.merge(networks[["run_id", "recipe"]], on="run_id")
    rows = []
    for test_set, own in named.groupby("test_set", sort=False):
        first, second = (own[own["recipe"] == name] for name in ("own", "best"))
        differences = paired_differences(first, second)
        found = paired_test(differences, test_to_train=1 / (study.folds - 1), seed=study.seed)
        rows.append(
            {
                "test_set": test_set,
                "own": first["hard_dice"].mean(),
                "best": second["hard_dice"].mean(),
                "difference": found.difference,
                "low": found.corrected_low,
                "high": found.corrected_high,
                "p_corrected": found.p_corrected,
                "p_sign_flip": found.p_sign_flip,
                "n_folds": found.n,
            }
        )
    return pd.DataFrame(rows)


def draw_trials(trials: DataFrame, study: HyperparameterStudy) -> Figure:
    """Validation loss trial by trial, and against each field of the space."""
    from hrtem_shift.figures.trials import trials_figure

    log = [name for name, one in study.search.space.items() if one.scale == "log"]
    return trials_figure(trials, list(study.search.space), log)


def write_search_report(
    study: HyperparameterStudy,
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
    from hrtem_shift.figures.report import FigureBlock, TableBlock, render_report
    from hrtem_shift.figures.trials import search_answer

    chosen = {name: best[name] for name in study.search.space}
    return render_report(
        title="Hyperparameter study",
        question=study.question,
        answer=search_answer(trials, chosen, compared),
        what_was_run=what_was_run(study, networks, inventory, left_out),
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
