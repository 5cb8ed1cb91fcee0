"""Nodes that make the noise curves from the scores of the planned networks."""

from __future__ import annotations

from hrtem_shift.pipelines.annotations import DataFrame, Figure, PatchSet
from hrtem_shift.pipelines.study import NoiseAxis, Study

RHO_STEP = 0.125
"""Between the points at which image statistics are taken, from 0 to the largest noise."""


def tabulate_noise_curves(scores: DataFrame, study: Study) -> DataFrame:
    """Mean Dice of the networks of each noise axis at each rho, on each test set.

    Modes are ``fixed`` and ``uniform`` noise in training, tested on clean patches, and
    ``same_noise``: fixed, tested on patches with the same noise; ``thinning`` and
    ``mixed_thinning``, whose rho is a share of electrons. The networks without noise are a point of
    all curves: at rho = 0, or at the share 1.
    """
    import pandas as pd

    tables = [_curves(scores, axis) for axis in study.noise]
    return pd.concat(tables, ignore_index=True)


def _curves(scores: DataFrame, axis: NoiseAxis) -> DataFrame:
    import pandas as pd

    from hrtem_shift.evaluation.scoring import as_trained, mean_and_std

    scores = as_trained(scores)
    mine = scores[
        (scores["train_set"] == axis.train_set)
        & (scores["fold"] == axis.fold)
        & (scores["seed"] < axis.seeds)
    ]
    by = ["noise_mode", "rho", "test_set"]
    clean = mean_and_std(mine[mine["test_rho"] == 0], by)
    plain = clean[clean["rho"] == 0]
    noisy = mean_and_std(mine[mine["test_rho"] > 0], by)
    parts = [clean, noisy.assign(noise_mode="same_noise")]
    modes = {noise.mode for noise in axis.noises()} - {"fixed"}
    for mode in sorted(modes | {"same_noise"}):
        without = 1.0 if "thinning" in mode else 0.0
        parts.append(plain.assign(noise_mode=mode, rho=without))
    curves = pd.concat(parts).rename(columns={"noise_mode": "mode"})
    curves = curves.sort_values(["mode", "rho"], kind="stable", ignore_index=True)
    curves.insert(0, "train_set", axis.train_set)
    return curves


def tabulate_same_set_dice(scores: DataFrame, study: Study) -> DataFrame:
    """Mean Dice of each set's own networks on their own folds: the dotted reference lines."""
    from hrtem_shift.evaluation.scoring import mean_and_std, plain_scores

    plain = plain_scores(scores, study.seeds)
    return mean_and_std(plain[plain["train_set"] == plain["test_set"]], ["test_set"])


def tabulate_repairs(scores: DataFrame, study: Study) -> DataFrame:
    """Hard Dice with mixed batch norms and with noise in training, each beside that without.

    See `hrtem_shift.evaluation.repairs`.
    """
    from hrtem_shift.evaluation.repairs import repairs

    return repairs(scores, folds=study.folds, seeds=study.seeds, seed=study.seed)


def match_noise(
    patch_sets: dict[str, PatchSet], data_sets: DataFrame, noise_curves: DataFrame, study: Study
) -> tuple[DataFrame, DataFrame]:
    """Contrast and roughness with more and more noise, and where they meet those of other sets.

    See `hrtem_shift.evaluation.noise_matching`.
    """
    import numpy as np
    import pandas as pd

    from hrtem_shift.evaluation.noise_matching import matching_noise, noised_statistics

    tables = []
    for axis in study.noise:
        rhos = np.arange(0, max(*axis.rho, *axis.rho_max, RHO_STEP) + RHO_STEP / 2, RHO_STEP)
        tables.append(noised_statistics(patch_sets[axis.train_set], rhos.tolist()))
    noised = pd.concat(tables, ignore_index=True)
    return noised, matching_noise(noised, data_sets, noise_curves)


def draw_noise_curves(
    noise_curves: DataFrame, same_set_dice: DataFrame, data_sets: DataFrame, study: Study
) -> dict[str, Figure]:
    """Dice against added noise, for each test set; a figure a training set."""
    from hrtem_shift.figures.data_set_labels import display_names
    from hrtem_shift.figures.noise_curves import noise_curves_figure

    labels = display_names(data_sets, study.axis, study.labels)
    return {
        str(name): noise_curves_figure(curves, same_set_dice, labels)
        for name, curves in noise_curves.groupby("train_set", sort=False)
    }


def draw_noise_matching(
    noised: DataFrame, matching: DataFrame, data_sets: DataFrame, study: Study
) -> Figure:
    """Contrast and roughness of noised patches beside those of the other sets."""
    from hrtem_shift.figures.data_set_labels import display_names
    from hrtem_shift.figures.noised_statistics import noise_matching_figure

    labels = display_names(data_sets, study.axis, study.labels)
    return noise_matching_figure(noised, matching, data_sets, labels)
