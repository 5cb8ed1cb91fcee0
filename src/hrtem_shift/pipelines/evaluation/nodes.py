"""Nodes that test networks and make the tables and figures of what they scored."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.study import Study
from hrtem_shift.tables import rows_of
from hrtem_shift.training.executors import Compute, Report, each_result

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


def score_networks(
    networks: DataFrame,
    patch_sets: dict[str, PatchSet],
    study: Study,
    compute: Compute,
    store: NetworkStore,
    tracker: Tracker,
) -> DataFrame:
    """Test every network on every set of the study: own fold, or the whole other set.

    Tests that are stored are not done again. One row a test; see
    `hrtem_shift.evaluation.scoring.tabulate`.
    """
    from hrtem_shift.evaluation.scoring import plan_tests, tabulate
    from hrtem_shift.training.devices import resolve_device

    plan = networks[["run_id", "train_set", "fold", "seed", "noise_mode", "rho"]]
    fingerprints = {name: patch_sets[name].fingerprint for name in study.data_sets}
    tests = plan_tests(plan, study.data_sets, fingerprints)
    keys = list(zip(tests["run_id"], tests["test_id"], strict=True))
    counts = {key: found for key in keys if (found := store.scores(*key)) is not None}
    rows = rows_of(tests)
    missing = [row for row in rows if (row["run_id"], row["test_id"]) not in counts]
    jobs = [[row for row in missing if row["run_id"] == name] for name in plan["run_id"]]
    jobs = [job for job in jobs if job]
    logger.info("Tests: %d planned, %d stored before", len(tests), len(counts))
    shared = (patch_sets, study, store, resolve_device(compute.device))
    for index, tables in each_result(
        "networks tested", score_one_network, jobs, compute=compute, shared=shared
    ):
        for row, found in zip(jobs[index], tables, strict=True):
            store.put_scores(row["run_id"], row["test_id"], found)
            counts[row["run_id"], row["test_id"]] = found
    scores = tabulate(tests, counts)
    for run_id, own in scores.groupby("run_id", sort=False):
        tracker.log_scores(str(run_id), dict(zip(own["test_set"], own["hard_dice"], strict=True)))
    return scores


def score_one_network(
    tests: list[dict[str, Any]],
    report: Report,
    patch_sets: dict[str, PatchSet],
    study: Study,
    store: NetworkStore,
    device: str,
) -> list[DataFrame]:
    """Pixel counts of one network on each of its tests."""
    from hrtem_shift.evaluation.scoring import patches_to_test, score_network
    from hrtem_shift.training.devices import keep_freed_memory, resolve_precision

    keep_freed_memory()
    weights = store.weights(tests[0]["run_id"])
    precision = resolve_precision(study.recipe, device)
    found = []
    for test in tests:
        patch_set = patch_sets[test["test_set"]]
        patches = patches_to_test(patch_set, test["fold"], test["patches"])
        found.append(score_network(weights, patch_set, patches, device=device, precision=precision))
    return found


def tabulate_dose_matrix(scores: DataFrame, study: Study) -> DataFrame:
    """Scores of the networks trained without noise: one row a network and test set."""
    plain = scores[(scores["rho"] == 0) & (scores["seed"] < study.seeds)]
    columns = ["train_set", "test_set", "fold", "seed", "hard_dice"]
    return plain[[*columns, "false_positive_rate", "false_negative_rate"]]


def tabulate_folds(scores: DataFrame, patch_sets: dict[str, PatchSet], study: Study) -> DataFrame:
    """Scores of each network on its own fold, with how much was tested."""
    import pandas as pd

    own = scores[(scores["rho"] == 0) & (scores["train_set"] == scores["test_set"])]
    several = len(study.data_sets) > 1
    rows = []
    for row in rows_of(own):
        index = patch_sets[row["train_set"]].index
        tested = index[index["fold"] == row["fold"]]
        name = {"data_set": row["train_set"]} if several else {}
        numbers = {key: row[key] for key in ("fold", "seed", "hard_dice")}
        size = {"n_micrographs": tested["micrograph"].nunique(), "n_patches": len(tested)}
        rows.append({**name, **numbers, **size})
    table = pd.DataFrame(rows)
    logger.info(
        "Mean hard Dice %.3f ± %.3f over %d networks",
        table["hard_dice"].mean(),
        table["hard_dice"].std(ddof=1),
        len(table),
    )
    return table


def draw_dose_matrix(dose_matrix: DataFrame, inventory: DataFrame) -> Figure:
    """Dice and error rates of each training dose on each test dose."""
    from hrtem_shift.figures.dose_matrix import dose_matrix_figure
    from hrtem_shift.figures.doses import doses_of

    return dose_matrix_figure(dose_matrix, doses_of(inventory))


def draw_folds(folds: DataFrame) -> Figure:
    """Dice of each fold."""
    from hrtem_shift.figures.folds import folds_figure

    return folds_figure(folds)
