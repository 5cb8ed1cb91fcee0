"""Trials of a hyperparameter search: networks that are trained, and pruned if others are better."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import run_jobs
from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.hyperparameter_search.parameters import HyperparameterStudy
from hrtem_shift.pipelines.study import split_of
from hrtem_shift.pipelines.training.network_jobs import record_of, spec_of
from hrtem_shift.training.search import Pruned

if TYPE_CHECKING:
    from hrtem_shift.catalog.network_store import NetworkStore
    from hrtem_shift.preparation.patch_set import PatchSet
    from hrtem_shift.tracking import Tracker

FOLD = 0
"""The fold whose validation patches decide; its test patches are not used."""
NOTHING_LEARNED = {"epoch": 0, "train_loss": 1e9, "validation_loss": 1e9, "validation_dice": 0.0}
"""First epoch of a trial whose loss was never finite."""

Job = tuple[dict[str, Any], dict[str, Any], list[float]]
"""Row of a plan, fields of the recipe, and the losses above which the trial is pruned."""


def run_trials(
    values: Sequence[dict[str, Any]],
    limits: list[float],
    patch_sets: dict[str, PatchSet],
    study: HyperparameterStudy,
    compute: Compute,
    store: NetworkStore,
    tracker: Tracker,
) -> list[dict[str, Any]]:
    """Train trials that are not stored yet, and return the record of each.

    Parameters
    ----------
    values : sequence of dict
        Searched fields of the recipe, of each trial.
    limits : list of float
        From `hrtem_shift.training.search.pruning_limits`.
    """
    from hrtem_shift.progress import JobProgress

    tracker.set_sources(store.folder, patch_sets)
    patches = patch_sets[study.data_sets[0]].fingerprint
    jobs = [_job(trial, limits, patches, study) for trial in values]
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

        shared = (patch_sets, study, compute.torch_device)
        outcomes = run_jobs(train_trial, waiting, compute=compute, shared=shared, on_report=show)
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            record, weights = outcome.result
            store.put({**record, "seconds": round(outcome.seconds, 2)}, weights)
            progress.ended(outcome.index)
    for row, _, _ in jobs:
        tracker.log_network(row, partial(store.record, row["run_id"]))
    return [store.record(row["run_id"]) for row, _, _ in jobs]


def _job(
    values: dict[str, Any], limits: list[float], patches: str, study: HyperparameterStudy
) -> Job:
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
    job: Job,
    report: Report,
    patch_sets: dict[str, PatchSet],
    study: HyperparameterStudy,
    device: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train a network by one recipe, until it is pruned or diverges.

    Such trials have a record and no weights.
    """
    from hrtem_shift.execution.devices import disable_malloc_trim
    from hrtem_shift.training.device_patches import to_device
    from hrtem_shift.training.loop import Diverged, TrainedNetwork, train_networks
    from hrtem_shift.training.recipe import Recipe

    disable_malloc_trim()
    row, fields, limits = job
    by_recipe = study.model_copy(update={"recipe": Recipe.model_validate(fields)})
    patch_set = patch_sets[row["train_set"]]
    parts = split_of(patch_set, study, FOLD)
    curve: list[dict[str, float]] = []

    def follow(_: int, epoch: dict[str, float]) -> None:
        curve.append(dict(epoch))
        report(epoch)
        if min(row["validation_loss"] for row in curve) > limits[len(curve) - 1]:
            raise Pruned

    try:
        patches, spec = to_device(patch_set, device), spec_of(row, parts, study)
        (trained,) = train_networks(patches, [spec], by_recipe.recipe, on_epoch=follow)
        pruned = False
    except (Pruned, Diverged):
        curve = curve or [NOTHING_LEARNED]
        losses = [row["validation_loss"] for row in curve]
        trained = TrainedNetwork({}, losses.index(min(losses)), curve)
        pruned = True
    record = record_of(row, parts, trained, by_recipe, device)
    return {**record, "pruned": pruned}, trained.weights
