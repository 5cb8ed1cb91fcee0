"""Tests of one network: on patches, and on the particles of whole micrographs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.annotations import DataFrame, NetworkStore, PatchSet
from hrtem_shift.pipelines.study import Study, split_of
from hrtem_shift.preparation.folds import PATCHWISE
from hrtem_shift.preparation.variants import patch_set_name
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    from hrtem_shift.networks.inference import Predictor


def score_one_network(
    tests: list[dict[str, Any]],
    report: Report,
    patch_sets: dict[str, PatchSet],
    inventory: DataFrame,
    study: Study,
    store: NetworkStore,
    device: str,
) -> list[tuple[DataFrame, DataFrame | None]]:
    """Confusion counts of one network on each of its tests, and the particles matched there."""
    from hrtem_shift.evaluation.scoring import (
        score_network,
        score_with_mixed_norms,
        spread_evenly,
    )
    from hrtem_shift.execution.devices import disable_malloc_trim, resolve_precision
    from hrtem_shift.networks.inference import Predictor
    from hrtem_shift.networks.weights import network_from

    disable_malloc_trim()
    network = network_from(store.weights(tests[0]["run_id"]))
    predictor = Predictor(network, device)
    precision = resolve_precision(study.recipe.precision, device)
    results = []
    for test in tests:
        patch_set, trained_on = (
            patch_sets[patch_set_name(test[role], test["variant"])]
            for role in ("test_set", "train_set")
        )
        patches = _patches_to_test(test, patch_set, trained_on, study)
        patches = spread_evenly(patches, study.patches_per_test)
        if test["norm_share"] > 0:
            counts = score_with_mixed_norms(
                network,
                patch_set,
                patches,
                test["norm_share"],
                device=device,
                precision=precision,
            )
        else:
            counts = score_network(
                predictor.network,
                patch_set,
                patches,
                noise_std=test["test_rho"],
                device=device,
                precision=precision,
            )
        names = patch_set.index["micrograph"].iloc[patches].unique()
        particles = _particles(test, names, inventory, study, predictor)
        results.append((counts, particles))
    return results


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


def counts_particles(test: dict[str, Any], study: Study) -> bool:
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
