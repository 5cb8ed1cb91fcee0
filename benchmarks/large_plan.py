"""How long a plan of 12,000 networks takes to begin, and to take up again.

    python benchmarks/large_plan.py [--networks 12000]

No network is trained: records are made up, so that none, half or all of the plan are finished.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd

from hrtem_shift.catalog.network_store import NetworkStore
from hrtem_shift.catalog.results import StudyResults
from hrtem_shift.execution.compute import Compute
from hrtem_shift.pipelines.study import Study
from hrtem_shift.pipelines.training import networks
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.tracking import Tracker

FOLDS = 5


class FirstJob(Exception):
    """Here training would begin."""


def main() -> None:
    """Plan, begin with nothing, with half, and with all of it finished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=12_000)
    number = parser.parse_args().networks
    study = Study(
        data_sets=["a"],
        seed=1,
        folds=FOLDS,
        seeds=number // FOLDS,
        validation_fraction=0.125,
        preparation={"patch_px": 32},
        recipe={"name": "fast"},
    )
    patch_sets = {"a": small_patch_set()}
    with timed("made the plan"):
        data_sets = pd.DataFrame({"data_set": ["a"], "trained_on": [True]})
        plan = networks.plan_networks(study, data_sets, patch_sets)
    train, networks.run_jobs = networks.run_jobs, begin
    with TemporaryDirectory() as folder:
        store = NetworkStore(Path(folder, "networks"))
        nothing_kept = StudyResults(Path(folder, "results"))
        for part in (0, 0.5, 1):
            finish(store, plan[: int(part * len(plan))], study)
            networks.run_jobs = begin if part < 1 else train
            tracker = Tracker(f"sqlite:///{folder}/mlflow.db", "large plan")
            tracker.start("large plan", {}, {})
            serial = Compute(executor="serial")
            began = timed(f"began with {part:.0%} of {len(plan)} finished")
            with began, suppress(FirstJob):
                networks.train_networks(
                    plan, patch_sets, data_sets, study, serial, store, nothing_kept, tracker
                )
            with timed("  MLflow was told of them"):
                tracker.finish()


def begin(*jobs: Any, **how: Any) -> Iterator[Any]:
    """In the place of `run_jobs`: all is ready."""
    raise FirstJob


def small_patch_set() -> PatchSet:
    """Twenty empty patches."""
    names = [f"m{k}" for k in range(20)]
    index = pd.DataFrame({"micrograph": names, "group": names, "y_px": 0, "x_px": 0})
    index["fold"] = np.arange(20) % FOLDS
    index["pixel_size_nm"] = 0.02
    images = np.zeros((20, 32, 32), np.float16)
    return PatchSet("a", images, images.astype(np.uint8), np.zeros(20, np.float32), index)


def finish(store: NetworkStore, rows: pd.DataFrame, study: Study) -> None:
    """Write made-up records of the networks that have none."""
    measures = {"train_loss": 0.1, "validation_loss": 0.1, "validation_dice": 0.9}
    record = {
        "curve": [{"epoch": epoch, **measures} for epoch in range(study.recipe.epochs)],
        "best_epoch": 3,
        "n_train": 14,
        "n_validation": 2,
        "weights": "none",
        "parameters": study.recipe.model_dump(),
        "precision": "float32",
        "device": "cpu",
        "seconds": 2.0,
    }
    for row in rows.to_dict("records"):
        folder = store.folder / str(row["run_id"])
        if not folder.exists():
            folder.mkdir(parents=True)
            text = json.dumps({str(key): value for key, value in row.items()} | record)
            (folder / "record.json").write_text(text, encoding="utf-8")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print what was done, with its seconds."""
    cpu, wall = process_time(), perf_counter()
    yield
    print(f"{what}: {process_time() - cpu:.2f} CPU-s, {perf_counter() - wall:.2f} s", flush=True)


if __name__ == "__main__":
    main()
