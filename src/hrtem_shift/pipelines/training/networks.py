"""Plan the networks of a study, and train those that are not finished yet."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import run_jobs
from hrtem_shift.pipelines.annotations import (
    DataFrame,
    NetworkStore,
    PatchSet,
    StudyResults,
    Tracker,
)
from hrtem_shift.pipelines.evaluation.network_tests import kept_score, planned_tests
from hrtem_shift.pipelines.study import Study
from hrtem_shift.pipelines.training.network_jobs import forget_checkpoints, train_pack
from hrtem_shift.preparation.variants import patch_set_name
from hrtem_shift.tables import rows_of

logger = logging.getLogger(__name__)


def plan_networks(study: Study, data_sets: DataFrame, patch_sets: dict[str, PatchSet]) -> DataFrame:
    """One network for each data set, variant, fold and seed, and for each point of a noise axis.

    ``train_set`` is the name of a patch set: of a data set that was prepared in some variant.
    """
    from hrtem_shift.training.plan import make_plan, plan_row
    from hrtem_shift.training.recipe import TrainingNoise

    def row(train_set: str, fold: int, seed: int, noise: TrainingNoise) -> dict[str, Any]:
        return plan_row(
            train_set=train_set,
            patch_set_fingerprint=patch_sets[train_set].fingerprint,
            patches_made_of=patch_sets[train_set].made_of,
            fold=fold,
            seed=seed,
            root_seed=study.seed,
            validation_fraction=study.validation_fraction,
            recipe=study.recipe,
            noise=noise,
            camera=study.camera,
        )

    rows = [
        row(patch_set_name(name, variant), fold, seed, TrainingNoise())
        for name in data_sets.loc[data_sets["trained_on"], "data_set"]
        for variant in study.preparations()
        for fold in range(study.train_folds or study.folds)
        for seed in range(study.seeds)
    ]
    rows += [
        row(axis.train_set, axis.fold, seed, noise)
        for axis in study.noise
        for noise in axis.noises()
        for seed in range(axis.seeds)
    ]
    return make_plan(rows)


def train_networks(
    plan: DataFrame,
    patch_sets: dict[str, PatchSet],
    data_sets: DataFrame,
    study: Study,
    compute: Compute,
    store: NetworkStore,
    results: StudyResults,
    tracker: Tracker,
) -> DataFrame:
    """Train the networks of the plan that are not finished; return a summary of each that is.

    Finished are networks of the store, and those of the results of which every test is there.

    Raises
    ------
    RuntimeError
        Some networks failed; the others are trained and stored, and the failed are named.
    """
    import pandas as pd

    from hrtem_shift.progress import JobProgress
    from hrtem_shift.training.packs import packs_of_shard

    rows = rows_of(plan)
    stored = store.finished(plan["run_id"])
    kept = _kept(plan, patch_sets, data_sets, study, results) - stored
    done = stored | kept
    counts = len(rows), len(done), len(rows) - len(done)
    logger.info("Networks: %d planned, %d finished before, %d to train", *counts)
    tracker.set_sources(store.folder, patch_sets)
    for row in rows:
        if row["run_id"] in stored:
            tracker.log_network(row, partial(store.record, row["run_id"]))
    share = packs_of_shard(rows, study.recipe, compute.shard)
    jobs = [pack for pack in share if any(row["run_id"] not in done for row in pack)]
    number = {row["run_id"]: k for k, row in enumerate(row for pack in jobs for row in pack)}
    failed = []
    running: set[str] = set()
    with JobProgress("networks", len(number)) as progress:

        def show(index: int, event: tuple[int, dict[str, float]]) -> None:
            member, epoch = event
            row, epochs = jobs[index][member], study.recipe.epochs
            if row["run_id"] not in running:
                running.add(row["run_id"])
                tracker.network_started(row)
            tracker.epoch(row["run_id"], epoch)
            part = (epoch["epoch"] + 1) / epochs
            progress.running(number[row["run_id"]], part, _note(row, epoch, epochs))

        shared = (patch_sets, study, compute.torch_device, store.checkpoints, compute.deterministic)
        outcomes = run_jobs(train_pack, jobs, compute=compute, shared=shared, on_report=show)
        for outcome in outcomes:
            pack = jobs[outcome.index]
            trained = outcome.result if outcome.error is None else [outcome.error] * len(pack)
            for row, result in zip(pack, trained, strict=True):
                if isinstance(result, Exception):
                    failed.append((row["run_id"], result))
                    tracker.network_started(row)
                    tracker.network_failed(row["run_id"], result)
                elif row["run_id"] not in done:
                    record, weights = result
                    seconds = round(outcome.seconds / len(pack), 2)
                    store.put({**record, "seconds": seconds}, weights)
                    tracker.log_network(row, partial(store.record, row["run_id"]))
                progress.ended(number[row["run_id"]])
            forget_checkpoints(store.checkpoints, pack)
    _stop_if(failed)
    stored = store.finished(plan["run_id"])
    missing = len(rows) - len(stored | kept)
    if missing:
        logger.info("This run's shard is trained; %d networks of others are missing", missing)
    return pd.DataFrame(
        [
            summary_of(row, store.record(row["run_id"]))
            if row["run_id"] in stored
            else {**row, **{key: results.networks[row["made_of"]][key] for key in SUMMARY}}
            for row in rows
            if row["run_id"] in stored | kept
        ]
    )


def _kept(
    plan: DataFrame,
    patch_sets: dict[str, PatchSet],
    data_sets: DataFrame,
    study: Study,
    results: StudyResults,
) -> set[str]:
    """Networks of the plan that need not be trained, because results have every test of theirs."""
    listed = plan[plan["made_of"].isin(results.networks)]
    if listed.empty:
        return set()
    tests, keys = planned_tests(listed, patch_sets, data_sets, study)
    lacking = {
        row["run_id"]
        for row, key in zip(rows_of(tests), keys, strict=True)
        if kept_score(row, key, study, results) is None
    }
    kept = set(listed["run_id"]) - lacking
    logger.info("Results: %d networks and all of their tests are kept there", len(kept))
    if lacking:
        logger.info("Results: %d networks lack tests, and are trained again", len(lacking))
    return kept


def _note(row: dict[str, Any], epoch: dict[str, float], epochs: int) -> str:
    name = row["run_id"].rsplit("_", 1)[0]
    return f"{name}, epoch {epoch['epoch'] + 1} of {epochs}, Dice {epoch['validation_dice']:.3f}"


def _stop_if(failed: list[tuple[str, Exception]]) -> None:
    if failed:
        lines = "\n".join(f"  - {run_id}: {error!r}" for run_id, error in failed)
        raise RuntimeError(
            f"{len(failed)} networks failed; the others are trained and kept:\n{lines}"
        ) from failed[0][1]


OF_RECORD, OF_BEST_EPOCH = (
    ("n_train", "n_validation", "best_epoch", "weights"),
    ("validation_loss", "validation_dice"),
)
SUMMARY = (*OF_RECORD, *OF_BEST_EPOCH)
"""What is said of a network, beside its row of the plan."""


def summary_of(row: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Row of the plan, and `SUMMARY` of the record of its network."""
    best = record["curve"][record["best_epoch"]]
    summary = {key: record[key] for key in OF_RECORD}
    return {**row, **summary, **{key: best[key] for key in OF_BEST_EPOCH}}
