"""Nodes that test networks and make the tables and figures of what they scored."""

from __future__ import annotations

import logging
from typing import Any

from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import each_result
from hrtem_shift.execution.shards import PlanUnfinished
from hrtem_shift.pipelines.annotations import (
    DataFrame,
    Figure,
    NetworkStore,
    PatchSet,
    StudyResults,
    Tracker,
)
from hrtem_shift.pipelines.evaluation.network_tests import (
    finished_scores,
    planned_tests,
    score_networks_together,
)
from hrtem_shift.pipelines.study import Study
from hrtem_shift.tables import rows_of

logger = logging.getLogger(__name__)


def score_networks(
    plan: DataFrame,
    patch_sets: dict[str, PatchSet],
    data_sets: DataFrame,
    inventory: DataFrame,
    study: Study,
    compute: Compute,
    store: NetworkStore,
    results: StudyResults,
    tracker: Tracker,
) -> DataFrame:
    """Test every network on every set of the study: own fold, or the whole other set.

    Tests that are stored, or in the results, are not done again. One row a test; see
    `hrtem_shift.evaluation.scoring.tabulate`.

    Raises
    ------
    PlanUnfinished
        Some networks are not trained yet, or are left to other shards; the others are tested.
    """
    from hrtem_shift.evaluation.scoring import score_of, tabulate
    from hrtem_shift.training.packs import packs_of_shard

    tests, keys = planned_tests(plan, patch_sets, data_sets, study)
    scores = finished_scores(tests, keys, study, store, results)
    stored = store.finished(plan["run_id"])
    packs = packs_of_shard(rows_of(plan), study.recipe, compute.shard)
    mine = stored & {row["run_id"] for pack in packs for row in pack}
    missing = [row for row in rows_of(tests) if (row["run_id"], row["test_id"]) not in scores]
    logger.info("Tests: %d planned, %d stored before", len(tests), len(tests) - len(missing))
    jobs = _jobs([row for row in missing if row["run_id"] in mine])
    shared = (patch_sets, inventory, study, store, compute.torch_device)
    for index, tables in each_result(
        "packs of networks tested", score_networks_together, jobs, compute=compute, shared=shared
    ):
        for row, (confusion, matched) in zip(jobs[index], tables, strict=True):
            key = row["run_id"], row["test_id"]
            if matched is not None:
                store.put_particles(*key, matched)
            store.put_scores(*key, confusion)
            scores[key] = score_of(confusion, matched)
    left = {row["run_id"] for row in missing if (row["run_id"], row["test_id"]) not in scores}
    if left:
        raise PlanUnfinished(len(left), plan["run_id"].nunique())
    table = tabulate(tests, scores)
    tracker.set_sources(store.folder, patch_sets)
    plain = table[(table["test_rho"] == 0) & (table["patches"] != "train")]
    for run_id, tested in plain[plain["run_id"].isin(stored)].groupby("run_id", sort=False):
        dice = {_metric(row): row["hard_dice"] for row in rows_of(tested)}
        tracker.log_scores(str(run_id), dice)
    return table


def _jobs(tests: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Tests by at most `NETWORKS_AT_ONCE` networks of the same data set, variant and fold."""
    from hrtem_shift.training.packs import NETWORKS_AT_ONCE

    alike: dict[tuple[str, str, int], dict[str, list[dict[str, Any]]]] = {}
    for test in tests:
        networks = alike.setdefault((test["train_set"], test["variant"], test["fold"]), {})
        networks.setdefault(test["run_id"], []).append(test)
    return [
        [test for part in list(networks.values())[k : k + NETWORKS_AT_ONCE] for test in part]
        for networks in alike.values()
        for k in range(0, len(networks), NETWORKS_AT_ONCE)
    ]


def _metric(test: dict[str, Any]) -> str:
    """Name of a test in MLflow, below ``dice/``."""
    share = test["norm_share"]
    return test["test_set"] + (f"_mixed_norms_{share:g}" if share > 0 else "")


def tabulate_matrix(scores: DataFrame, study: Study) -> DataFrame:
    """One row a variant, training set and test set: means over networks, and why some are missing.

    See `hrtem_shift.evaluation.study_summary.matrices`.
    """
    from hrtem_shift.evaluation.scoring import plain_scores
    from hrtem_shift.evaluation.study_summary import matrices

    return matrices(plain_scores(scores, study.seeds))


def tabulate_differences(
    scores: DataFrame, data_sets: DataFrame, study: Study
) -> tuple[DataFrame, DataFrame, DataFrame, DataFrame]:
    """Summaries of the matrix: gaps, difficulties, asymmetries and comparisons, with intervals.

    See `hrtem_shift.evaluation.study_summary`.
    """
    import pandas as pd

    from hrtem_shift.evaluation import study_summary
    from hrtem_shift.evaluation.scoring import plain_scores

    plain = plain_scores(scores, study.seeds)
    seen = plain_scores(scores, study.seeds, on_training=True)
    gaps = study_summary.gaps(plain, seen, seed=study.seed)
    if study.axis is not None:
        far = study_summary.distance_correlation(plain, data_sets, study.axis, seed=study.seed)
        gaps = pd.concat([gaps, far], ignore_index=True)
    return (
        gaps,
        study_summary.difficulties(plain),
        study_summary.asymmetries(plain),
        study_summary.comparisons(plain, folds=study.folds, seed=study.seed),
    )


def draw_matrices(scores: DataFrame, data_sets: DataFrame, study: Study) -> dict[str, Figure]:
    """Each set tested on each set: Dice, error rates and size bias, one figure a variant."""
    from hrtem_shift.evaluation.scoring import plain_scores
    from hrtem_shift.figures.data_set_labels import display_names
    from hrtem_shift.figures.generalization_matrix import generalization_matrix_figure

    plain = plain_scores(scores, study.seeds)
    labels = display_names(data_sets, study.axis, study.labels)
    return {
        str(variant): generalization_matrix_figure(rows, labels, list(labels))
        for variant, rows in plain.groupby("variant", sort=False)
    }


def tabulate_folds(scores: DataFrame, patch_sets: dict[str, PatchSet]) -> DataFrame:
    """Scores of each network on its own fold, with how much was tested."""
    import pandas as pd

    from hrtem_shift.evaluation.scoring import as_trained

    scores = as_trained(scores)
    same_set = scores[(scores["rho"] == 0) & (scores["train_set"] == scores["test_set"])]
    several = same_set["train_set"].nunique() > 1
    rows = []
    for row in rows_of(same_set):
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


def draw_differences(
    scores: DataFrame, data_sets: DataFrame, gaps: DataFrame, study: Study
) -> Figure:
    """What is lost away from home: against the distance of the sets, or variant by variant."""
    from hrtem_shift.evaluation.scoring import plain_scores
    from hrtem_shift.figures.data_set_labels import display_names
    from hrtem_shift.figures.generalization_gaps import generalization_gaps_figure

    plain = plain_scores(scores, study.seeds)
    labels = display_names(data_sets, study.axis, study.labels)
    return generalization_gaps_figure(plain, gaps, data_sets, labels, study.axis)


def draw_folds(folds: DataFrame) -> Figure:
    """Dice of each fold."""
    from hrtem_shift.figures.cross_validation import folds_figure

    return folds_figure(folds)
