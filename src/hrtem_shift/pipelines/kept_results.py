"""What is kept of a study with the project: ``kedro results``, finished or not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hrtem_shift.errors import InputError
from hrtem_shift.pipelines.evaluation.network_tests import finished_scores, planned_tests
from hrtem_shift.pipelines.training.networks import SUMMARY, summary_of
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from hrtem_shift.catalog.network_store import NetworkStore
    from hrtem_shift.catalog.results import StudyResults
    from hrtem_shift.evaluation.scoring import Key
    from hrtem_shift.pipelines.study import Study
    from hrtem_shift.preparation.patch_set import PatchSet

OF_TRAINING = ("seconds", "device", "precision")
"""Of a record: how a network was trained, beside what was found."""


def tables_to_keep(
    plan: DataFrame,
    patch_sets: Mapping[str, PatchSet],
    data_sets: DataFrame,
    study: Study,
    store: NetworkStore,
    results: StudyResults,
) -> tuple[dict[str, DataFrame], int, int]:
    """Networks and scores of earlier results, and of the store's networks that are tested.

    Returns
    -------
    tables : dict of str to DataFrame
        ``networks`` and ``scores``, as `hrtem_shift.catalog.results` keeps them.
    untested : int
        Networks of the store that lack a test, and are left out.
    missing : int
        Networks of the plan that are left out.

    Raises
    ------
    InputError
        Results hold other numbers of the same network, or are of another plan.
    """
    import pandas as pd

    from hrtem_shift.evaluation.scoring import tabulate

    tests, keys = planned_tests(plan, patch_sets, data_sets, study)
    results.check_plan(keys)
    scores = finished_scores(tests, keys, study, store, results)
    places = list(zip(tests["run_id"], tests["test_id"], strict=True))
    lacking = {place[0] for place in places if place not in scores}
    stored = store.finished(plan["run_id"])
    values: dict[Key, Mapping[str, Any]] = {}
    for place, key in zip(places, keys, strict=True):
        kept = results.score(key)
        if place[0] in stored - lacking:
            check_equal(kept or {}, scores[place], f"network {place[0]}, test {place[1]}")
            values[place] = scores[place]
        elif kept is not None:
            values[place] = kept
    networks = []
    for row in rows_of(plan):
        kept = results.networks.get(row["made_of"])
        if row["run_id"] in stored - lacking:
            record = store.record(row["run_id"])
            trained = {**summary_of(row, record), **{key: record[key] for key in OF_TRAINING}}
            check_equal({key: (kept or trained)[key] for key in SUMMARY}, trained, row["run_id"])
            networks.append(trained)
        elif kept is not None:
            networks.append({**kept, **row})
    chosen = [place in values for place in places]
    table = tabulate(tests[chosen], values)
    table["test_id"] = [key[1] for key, keep in zip(keys, chosen, strict=True) if keep]
    tables = {"networks": pd.DataFrame(networks), "scores": table}
    return tables, len(stored & lacking), len(lacking)


def check_equal(kept: Mapping[str, Any], new: Mapping[str, Any], what: str) -> None:
    """Check that results and this run say the same of a network or a test.

    Raises
    ------
    InputError
        A value differs; both are named.
    """
    for name, value in kept.items():
        if value != new[name] and not (_is_nan(value) and _is_nan(new[name])):
            raise InputError(
                f"{name} is {value} in results and {new[name]} in this run",
                where=what,
                why="Results have one value of each. A network that is trained again on another "
                "kind of processor is another one",
                fix="Delete the network's folder in data/06_models/networks to keep the results, "
                "or the results to keep this run, and export again",
            )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def trimmed_inventory(inventory: DataFrame) -> DataFrame:
    """What claims read of an inventory: data sets, scenes, and conditions of their images."""
    from hrtem_shift.microscope.conditions import ImagingConditions

    needed = ["data_set", "scene_id", "recorded_for", *ImagingConditions.model_fields]
    columns = [name for name in needed if name in inventory]
    return inventory[columns]
