"""Nodes that plan networks and train those that are not finished yet."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.study import Study
from hrtem_shift.tables import rows_of
from hrtem_shift.training.executors import Compute, Outcome, Report, run_jobs

if TYPE_CHECKING:
    from pandas import DataFrame

    from hrtem_shift.catalog.network_store import NetworkStore
    from hrtem_shift.preparation.patch_set import PatchSet
    from hrtem_shift.tracking import Tracker
else:
    DataFrame = NetworkStore = PatchSet = Tracker = (
        Any  # Kedro resolves annotations at start; these come with a run
    )

logger = logging.getLogger(__name__)


def plan_networks(study: Study, patch_sets: dict[str, PatchSet]) -> DataFrame:
    """One network for each data set, fold and seed, and for each point of the noise study."""
    from hrtem_shift.training.plan import make_plan, plan_row
    from hrtem_shift.training.recipe import TrainingNoise

    def row(train_set: str, fold: int, seed: int, noise: TrainingNoise) -> dict[str, Any]:
        return plan_row(
            train_set=train_set,
            patch_set_fingerprint=patch_sets[train_set].fingerprint,
            fold=fold,
            seed=seed,
            root_seed=study.seed,
            validation_fraction=study.validation_fraction,
            recipe=study.recipe,
            noise=noise,
        )

    rows = [
        row(name, fold, seed, TrainingNoise())
        for name in study.data_sets
        for fold in range(study.folds)
        for seed in range(study.seeds)
    ]
    if study.noise:
        rows += [
            row(study.noise.train_set, study.noise.fold, seed, noise)
            for noise in study.noise.noises()
            for seed in range(study.noise.seeds)
        ]
    return make_plan(rows)


def train_networks(
    plan: DataFrame,
    patch_sets: dict[str, PatchSet],
    study: Study,
    compute: Compute,
    store: NetworkStore,
    tracker: Tracker,
) -> DataFrame:
    """Train what the plan names and the store lacks; return what is known of each network.

    Raises
    ------
    RuntimeError
        Some networks failed; the others are trained and stored, and the failed are named.
    """
    import pandas as pd

    from hrtem_shift.progress import JobProgress
    from hrtem_shift.training.devices import resolve_device

    device = resolve_device(compute.device)
    done = store.finished(plan["run_id"])
    rows = rows_of(plan)
    jobs = [row for row in rows if row["run_id"] not in done]
    logger.info("Networks: %d planned, %d finished before, %d to train", *_counts(rows, jobs))
    for row in rows:
        if row["run_id"] in done:
            tracker.log_network(row, store.record(row["run_id"]))
    failed = []
    with JobProgress("networks", len(jobs)) as progress:

        def show(index: int, epoch: dict[str, float]) -> None:
            part = (epoch["epoch"] + 1) / study.recipe.epochs
            progress.running(index, part, _note(jobs[index], epoch, study.recipe.epochs))

        outcomes = run_jobs(
            train_planned_network,
            jobs,
            compute=compute,
            shared=(patch_sets, study, device),
            on_report=show,
        )
        for outcome in outcomes:
            row = jobs[outcome.index]
            if outcome.error is None:
                store.put(*outcome.result)
                tracker.log_network(row, outcome.result[0])
            else:
                failed.append((row["run_id"], outcome))
            progress.ended(outcome.index)
    _stop_if(failed)
    return pd.DataFrame([_summary(row, store.record(row["run_id"])) for row in rows])


def train_planned_network(
    row: dict[str, Any], report: Report, patch_sets: dict[str, PatchSet], study: Study, device: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train the network of one row of a plan: its record and its weights."""
    from hrtem_shift.networks.weights import weights_fingerprint
    from hrtem_shift.preparation.folds import split
    from hrtem_shift.seeds import seed_at
    from hrtem_shift.training.devices import device_name, resolve_precision
    from hrtem_shift.training.loop import train_network
    from hrtem_shift.training.recipe import TrainingNoise

    patch_set = patch_sets[row["train_set"]]
    parts = split(
        patch_set.index["fold"].to_numpy(),
        patch_set.index["group"].to_numpy(),
        row["fold"],
        validation_fraction=study.validation_fraction,
        seed=study.seed,
        rule=study.fold_rule,
    )
    started = time.monotonic()
    trained = train_network(
        patch_set,
        parts,
        study.recipe,
        TrainingNoise(mode=row["noise_mode"], rho=row["rho"]),
        seed=seed_at(study.seed, "network", row["fold"], row["seed"]),
        device=device,
        on_epoch=report,
    )
    record = {
        **row,
        "best_epoch": trained.best_epoch,
        "curve": trained.curve,
        "n_train": len(parts.train),
        "n_validation": len(parts.validation),
        "weights": weights_fingerprint(trained.weights),
        "parameters": study.recipe.model_dump(),
        "precision": str(resolve_precision(study.recipe, device)).removeprefix("torch."),
        "device": device_name(device),
        "seconds": round(time.monotonic() - started, 2),
    }
    return record, trained.weights


def _counts(rows: list[Any], jobs: list[Any]) -> tuple[int, int, int]:
    return len(rows), len(rows) - len(jobs), len(jobs)


def _note(row: dict[str, Any], epoch: dict[str, float], epochs: int) -> str:
    name = row["run_id"].rsplit("_", 1)[0]
    return f"{name}, epoch {epoch['epoch'] + 1} of {epochs}, Dice {epoch['validation_dice']:.3f}"


def _stop_if(failed: list[tuple[str, Outcome]]) -> None:
    if failed:
        lines = "\n".join(f"  - {run_id}: {outcome.error!r}" for run_id, outcome in failed)
        raise RuntimeError(
            f"{len(failed)} networks failed; the others are trained and kept:\n{lines}"
        ) from failed[0][1].error


def _summary(row: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    best = record["curve"][record["best_epoch"]]
    known = {key: record[key] for key in ("n_train", "n_validation", "best_epoch", "weights")}
    losses = {key: best[key] for key in ("validation_loss", "validation_dice")}
    return {**row, **known, **losses}
