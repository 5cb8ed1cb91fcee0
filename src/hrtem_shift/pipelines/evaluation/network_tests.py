"""Tests of networks: on patches, and on the particles of whole micrographs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hrtem_shift.errors import InputError
from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.annotations import DataFrame, NetworkStore, PatchSet, StudyResults
from hrtem_shift.pipelines.study import Study, split_of
from hrtem_shift.preparation.folds import PATCHWISE
from hrtem_shift.preparation.variants import patch_set_name, set_and_variant
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    from hrtem_shift.evaluation.scoring import Key
    from hrtem_shift.networks.inference import Predictor


PATCHES_AT_ONCE = 512
"""Most patches that are prepared together, unless one test has more."""


def planned_tests(
    plan: DataFrame, patch_sets: Mapping[str, PatchSet], data_sets: DataFrame, study: Study
) -> tuple[DataFrame, list[Key]]:
    """Tests of the networks of a plan, and under which key results keep each.

    Returns
    -------
    tests : DataFrame
        From `hrtem_shift.evaluation.scoring.plan_tests`.
    keys : list of (str, str)
        made_of of the network, and the test's id with what its patches are made of instead of
        their bytes: the same on every machine.

    Raises
    ------
    InputError
        The plan is of an older version of the program.
    """
    from hrtem_shift.evaluation.scoring import plan_tests

    if "made_of" not in plan:
        raise InputError(
            "has no column made_of",
            where="the plan of the study",
            why="An older version of the program made it",
            fix="Plan again: kedro run --pipeline=STUDY --nodes=training.plan_networks",
        )
    groups = {
        set_and_variant(name)[0]: frozenset(patches.index["group"])
        for name, patches in patch_sets.items()
    }
    columns = ["run_id", "train_set", "fold", "seed", "noise_mode", "rho"]
    networks = plan.drop_duplicates("run_id")  # two recipes may be one
    fingerprints = {name: patches.fingerprint for name, patches in patch_sets.items()}
    tests = plan_tests(
        networks[columns],
        list(data_sets["data_set"]),
        fingerprints,
        groups=groups,
        on_training=study.test_on_training,
        mixed_norms=study.mixed_norms,
        most_patches=study.patches_per_test,
    )
    made_of = tests["run_id"].map(networks.set_index("run_id")["made_of"])
    sets = map(patch_set_name, tests["test_set"], tests["variant"])
    test_ids = [
        test_id.removesuffix(fingerprints[name]) + patch_sets[name].made_of
        for test_id, name in zip(tests["test_id"], sets, strict=True)
    ]
    return tests, list(zip(made_of, test_ids, strict=True))


def finished_scores(
    tests: DataFrame, keys: Sequence[Key], study: Study, store: NetworkStore, results: StudyResults
) -> dict[Key, dict[str, Any]]:
    """Values of the tests that are done, by run_id and test_id.

    Networks of the store are tested by their own weights; results count for the others.
    """
    from hrtem_shift.evaluation.scoring import score_of

    stored = store.finished(tests["run_id"].unique())
    scores = {}
    for test, key in zip(rows_of(tests), keys, strict=True):
        place = test["run_id"], test["test_id"]
        if test["run_id"] not in stored:
            kept = kept_score(test, key, study, results)
            if kept is not None:
                scores[place] = kept
            continue
        counts, particles = store.scores(*place), store.particles(*place)
        if counts is not None and (particles is not None or not counts_particles(test, study)):
            scores[place] = score_of(counts, particles)
    return scores


def kept_score(
    test: Mapping[str, Any], key: Key, study: Study, results: StudyResults
) -> dict[str, Any] | None:
    """What results say of a test; None where they lack it."""
    kept = results.score(key)
    if kept is not None and counts_particles(test, study) and "n_particles" not in kept:
        return None
    return kept


def score_networks_together(
    tests: list[dict[str, Any]],
    report: Report,
    patch_sets: dict[str, PatchSet],
    inventory: DataFrame,
    study: Study,
    store: NetworkStore,
    device: str,
) -> list[tuple[DataFrame, DataFrame | None]]:
    """Confusion counts of networks of one data set and fold on each of their tests, and particles.

    Patches that several of them are tested on are prepared once.
    """
    from hrtem_shift.evaluation.scoring import (
        PatchesOfTest,
        score_together,
        score_with_mixed_norms,
        spread_evenly,
    )
    from hrtem_shift.execution.devices import disable_malloc_trim, resolve_precision
    from hrtem_shift.networks.inference import Predictor
    from hrtem_shift.networks.weights import network_from

    disable_malloc_trim()
    run_ids = list(dict.fromkeys(test["run_id"] for test in tests))
    networks = {run_id: network_from(store.weights(run_id)) for run_id in run_ids}
    predictors = {run_id: Predictor(network, device) for run_id, network in networks.items()}
    precision = resolve_precision(study.recipe.precision, device)
    tested: dict[str, PatchesOfTest] = {}
    for test in tests:
        if test["test_id"] not in tested:
            patch_set, trained_on = (
                patch_sets[patch_set_name(test[role], test["variant"])]
                for role in ("test_set", "train_set")
            )
            patches = _patches_to_test(test, patch_set, trained_on, study)
            patches = spread_evenly(patches, study.patches_per_test)
            tested[test["test_id"]] = PatchesOfTest(patch_set, patches, test["test_rho"])
    counts: dict[tuple[str, str], DataFrame] = {}
    for test_ids, together in _alike(tests):
        for part in _parts(test_ids, {name: len(tested[name].patches) for name in test_ids}):
            on = [predictors[run_id].network for run_id in together]
            patches_of = [tested[name] for name in part]
            tables = score_together(on, patches_of, device=device, precision=precision)
            for run_id, of_network in zip(together, tables, strict=True):
                counts |= {(run_id, name): t for name, t in zip(part, of_network, strict=True)}
    results = []
    for test in tests:
        key, share = (test["run_id"], test["test_id"]), test["norm_share"]
        patch_set, patches, _ = tested[test["test_id"]]
        if share > 0:
            network = networks[test["run_id"]]
            counts[key] = score_with_mixed_norms(
                network, patch_set, patches, share, device=device, precision=precision
            )
        names = list(patch_set.index["micrograph"].iloc[patches].unique())
        particles = _particles(test, names, inventory, study, predictors[test["run_id"]])
        results.append((counts[key], particles))
    return results


def _alike(tests: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Tests with the norms of training, and the networks that have exactly these."""
    wanted: dict[str, list[str]] = {}
    for test in tests:
        if test["norm_share"] == 0:
            wanted.setdefault(test["run_id"], []).append(test["test_id"])
    networks: dict[tuple[str, ...], list[str]] = {}
    for run_id, test_ids in wanted.items():
        networks.setdefault(tuple(test_ids), []).append(run_id)
    yield from networks.items()


def _parts(test_ids: Sequence[str], patches: dict[str, int]) -> Iterator[list[str]]:
    """The tests in parts of at most `PATCHES_AT_ONCE` patches."""
    part: list[str] = []
    for name in test_ids:
        if part and sum(patches[each] for each in (*part, name)) > PATCHES_AT_ONCE:
            yield part
            part = []
        part.append(name)
    if part:
        yield part


def _patches_to_test(
    test: dict[str, Any], patch_set: PatchSet, trained_on: PatchSet, study: Study
) -> Any:
    """Indices of the patches of one test."""
    import numpy as np

    if test["patches"] == "train":
        return split_of(patch_set, study, test["fold"]).train
    if test["patches"] == "fold":
        return np.flatnonzero(patch_set.index["fold"].to_numpy() == test["fold"])
    learned = trained_on.index.loc[trained_on.index["fold"] != test["fold"], "group"].unique()
    return np.flatnonzero(~patch_set.index["group"].isin(learned).to_numpy())


def counts_particles(test: Mapping[str, Any], study: Study) -> bool:
    """Whether particles are counted in the whole micrographs of a test."""
    without_noise = test["rho"] == 0 and test["test_rho"] == 0
    plain = without_noise and test["norm_share"] == 0 and test["patches"] != "train"
    straddles = test["patches"] != "whole" and study.fold_rule in PATCHWISE  # none is unseen
    return study.particles and plain and not straddles


def _particles(
    test: dict[str, Any],
    micrographs: Sequence[str],
    inventory: DataFrame,
    study: Study,
    network: Predictor,
) -> DataFrame | None:
    """Particles in the whole micrographs of a test; None where they are not counted."""
    from hrtem_shift.evaluation.whole_micrographs import match_particles

    if not counts_particles(test, study):
        return None
    rows = inventory[inventory["data_set"] == test["test_set"]]
    return match_particles(
        network,
        rows_of(rows[rows["micrograph"].isin(micrographs)]),
        study.preparations()[test["variant"]],
        smallest_nm=study.smallest_particle_nm,
    )
