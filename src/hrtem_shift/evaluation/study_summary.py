"""Summary tables of a study: generalization gaps, difficulty, asymmetry, comparisons.

All functions read scores of `hrtem_shift.evaluation.scoring.plain_scores`: one row a network and
test set, with its variant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.evaluation.generalization import (
    asymmetry,
    diagonal_gap,
    difficulty,
    matrix,
    normalised_for_difficulty,
)
from hrtem_shift.evaluation.paired_tests import bootstrap_interval, paired_differences, paired_test

VALUES = (
    "hard_dice",
    "false_positive_rate",
    "false_negative_rate",
    "precision",
    "recall",
    "f1_score",
    "size_bias_percent",
    "area_bias_percent",
)
"""Columns of scores that a matrix averages, as far as they are there."""


def matrices(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and scatter of each value, for every variant and pair of sets.

    Returns
    -------
    DataFrame
        variant, train_set, test_set, n and missing (networks with and without hard Dice),
        reason; and for each of `VALUES` its mean over networks and, as ``<value>_std``, the
        standard deviation (ddof 1). relative_hard_dice: over that of the networks trained on
        the test set itself, so that its difficulty is taken out.
    """
    return _by_variant(scores, _matrix_of_values)


def _matrix_of_values(rows: pd.DataFrame) -> pd.DataFrame:
    table = matrix(rows)[["train_set", "test_set", "n", "missing", "reason"]]
    for value in (value for value in VALUES if value in rows):
        cells = matrix(rows, value).set_index(["train_set", "test_set"])
        means = cells.loc[list(zip(table["train_set"], table["test_set"], strict=True))]
        table[value] = means["mean"].to_numpy()
        table[f"{value}_std"] = means["std"].to_numpy()
    table["relative_hard_dice"] = normalised_for_difficulty(matrix(rows))["mean"]
    return table


def difficulties(scores: pd.DataFrame) -> pd.DataFrame:
    """`difficulty` of the test sets, for each variant."""
    return _by_variant(scores, difficulty)


def asymmetries(scores: pd.DataFrame) -> pd.DataFrame:
    """`asymmetry` of the pairs of sets, for each variant."""
    return _by_variant(scores, lambda rows: asymmetry(matrix(rows)))


def gaps(scores: pd.DataFrame, on_training: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Mean hard Dice on the own set and on other sets, and the generalization gap, by variant.

    Parameters
    ----------
    scores : DataFrame
        See the module.
    on_training : DataFrame
        The same of the networks' own training patches; may be empty.
    seed : int
        Root seed of the bootstrap.

    Returns
    -------
    DataFrame
        variant, quantity, value, low, high (95 % bootstrap over folds), n_folds, n_networks.
        Quantities: ``own`` (networks on their own set), ``away`` (on all others), ``gap`` (own
        minus away), ``training`` (on their training patches), ``overfitting`` (training minus
        own). Those without data are left out.
    """

    def of_variant(rows: pd.DataFrame) -> pd.DataFrame:
        variant = rows["variant"].iloc[0]
        seen = on_training[on_training["variant"] == variant]
        return pd.DataFrame(_gap_rows(rows, seen, seed))

    return _by_variant(scores, of_variant)


def _gap_rows(rows: pd.DataFrame, seen: pd.DataFrame, seed: int) -> Iterator[dict[str, Any]]:
    same = rows["train_set"] == rows["test_set"]
    n_networks = rows["run_id"].nunique()
    if same.any():
        yield _mean_row("own", rows[same], n_networks, seed)
    if (~same).any():
        yield _mean_row("away", rows[~same], n_networks, seed)
    if same.any() and (~same).any():
        gap = diagonal_gap(rows, seed=seed)
        yield _row("gap", gap.gap, gap.low, gap.high, gap.n_folds, n_networks)
    if len(seen):
        yield _mean_row("training", seen, n_networks, seed)
        pairs = rows[same].merge(seen, on="run_id", suffixes=("", "_seen"))
        pairs["hard_dice"] = pairs["hard_dice_seen"] - pairs["hard_dice"]
        yield _mean_row("overfitting", pairs, n_networks, seed)


def _mean_row(quantity: str, rows: pd.DataFrame, n_networks: int, seed: int) -> dict[str, Any]:
    by_fold = rows.groupby("fold")["hard_dice"].apply(lambda dice: dice.mean(skipna=False))
    values = by_fold.to_numpy()
    low, high = bootstrap_interval(lambda draws: draws @ values / len(values), len(values), seed)
    return _row(quantity, float(values.mean()), low, high, len(values), n_networks)


def _row(
    quantity: str, value: float, low: float, high: float, n_folds: int, n_networks: int
) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "value": value,
        "low": low,
        "high": high,
        "n_folds": n_folds,
        "n_networks": n_networks,
    }


def distances(scores: pd.DataFrame, data_sets: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Distance of two sets on an axis, and the loss of Dice from one to the other.

    Parameters
    ----------
    scores : DataFrame
        See the module.
    data_sets : DataFrame
        data_set and the column `axis`.
    axis : str
        Such as ``pixel_size_nm``; all above 0.

    Returns
    -------
    DataFrame
        variant, train_set, test_set, octaves (log2 of the ratio of test to training set), loss
        (hard Dice of the networks trained on the test set itself minus that of these), for all
        pairs of different sets.
    """
    positions = data_sets.set_index("data_set")[axis]

    def of_variant(rows: pd.DataFrame) -> pd.DataFrame:
        cells = matrix(rows)
        diagonal = cells[cells["train_set"] == cells["test_set"]].set_index("test_set")["mean"]
        pairs = cells[cells["train_set"] != cells["test_set"]]
        octaves = np.log2(pairs["test_set"].map(positions) / pairs["train_set"].map(positions))
        loss = pairs["test_set"].map(diagonal) - pairs["mean"]
        return pairs[["train_set", "test_set"]].assign(octaves=octaves, loss=loss)

    return _by_variant(scores, of_variant)


def distance_correlation(
    scores: pd.DataFrame, data_sets: pd.DataFrame, axis: str, *, seed: int
) -> pd.DataFrame:
    """Rank correlation of loss and distance, for each variant.

    Returns
    -------
    DataFrame
        variant, quantity ``spearman_of_distance``, value, low, high (95 % bootstrap over folds,
        of all training sets together), n_folds, n_networks. NaN for fewer than three pairs.
    """

    def of_variant(rows: pd.DataFrame) -> pd.DataFrame:
        folds = sorted(rows["fold"].unique())
        by_fold = [rows[rows["fold"] == fold] for fold in folds]
        far = distances(rows, data_sets, axis)
        octaves = far["octaves"].abs().to_numpy()
        losses = np.array([distances(fold, data_sets, axis)["loss"] for fold in by_fold])
        n_networks = rows["run_id"].nunique()
        value = float(spearman(octaves, far["loss"].to_numpy()[None])[0])
        low, high = (
            bootstrap_interval(
                lambda draws: spearman(octaves, draws @ losses / len(folds)), len(folds), seed
            )
            if math.isfinite(value)
            else (math.nan, math.nan)
        )
        row = _row("spearman_of_distance", value, low, high, len(folds), n_networks)
        return pd.DataFrame([row])

    return _by_variant(scores, of_variant)


def spearman(values: NDArray[np.float64], many: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank correlation of values, (N,), with each row of (R, N): (R,).

    NaN for fewer than three values, for a row with NaN, and where all values are equal.
    """
    from scipy.stats import rankdata

    if len(values) < 3:
        return np.full(len(many), np.nan)
    first, second = rankdata(values), rankdata(many, axis=1, nan_policy="propagate")
    first, second = first - first.mean(), second - second.mean(axis=1, keepdims=True)
    norm = np.sqrt((first**2).sum() * (second**2).sum(axis=1))
    return (second @ first) / np.where(norm > 0, norm, np.nan)


def comparisons(scores: pd.DataFrame, *, folds: int, seed: int) -> pd.DataFrame:
    """Paired tests over folds: training sets on the same test set, variants on all sets.

    Parameters
    ----------
    scores : DataFrame
        See the module.
    folds : int
        Of the cross-validation.
    seed : int
        Root seed of the bootstrap.

    Returns
    -------
    DataFrame
        compared (``training sets`` or ``variants``), variant, tested (a set; ``own`` or
        ``away``), first, second, difference (of hard Dice, second minus first), low and high
        (95 %, corrected), p_corrected, p_sign_flip, n_folds. No correction for the number of
        tests is made.

    Notes
    -----
    See `hrtem_shift.evaluation.paired_tests.paired_test`. Networks of two training sets are
    paired by fold; that gains power where both sets show the same scenes, and costs none where
    they do not.
    """
    rows = [
        {**labels, **_tested(first, second, folds, seed)}
        for labels, first, second in pairs_to_compare(scores)
    ]
    return pd.DataFrame(rows, columns=_COMPARED)


_COMPARED = [
    "compared",
    "variant",
    "tested",
    "first",
    "second",
    "difference",
    "low",
    "high",
    "p_corrected",
    "p_sign_flip",
    "n_folds",
]

_Pair = tuple[dict[str, str], pd.DataFrame, pd.DataFrame]


def pairs_to_compare(scores: pd.DataFrame) -> Iterator[_Pair]:
    """What `comparisons` compares: labels, and the scores of first and second."""
    yield from _pairs_of_sets(scores)
    yield from _pairs_of_variants(scores)


def _pairs_of_sets(scores: pd.DataFrame) -> Iterator[_Pair]:
    for (variant, test_set), rows in scores.groupby(["variant", "test_set"], sort=False):
        for first, second in combinations(rows["train_set"].unique(), 2):
            labels = {"compared": "training sets", "variant": str(variant), "tested": str(test_set)}
            both = (rows[rows["train_set"] == name] for name in (first, second))
            yield {**labels, "first": first, "second": second}, *both


def _pairs_of_variants(scores: pd.DataFrame) -> Iterator[_Pair]:
    same = scores["train_set"] == scores["test_set"]
    for tested, rows in (("own", scores[same]), ("away", scores[~same])):
        means = rows.groupby(["variant", "fold", "seed"], sort=False)["hard_dice"]
        table = means.apply(lambda dice: dice.mean(skipna=False)).reset_index()
        for first, second in combinations(table["variant"].unique(), 2):
            labels = {"compared": "variants", "variant": "", "tested": tested}
            both = (table[table["variant"] == name] for name in (first, second))
            yield {**labels, "first": first, "second": second}, *both


def recipes(scores: pd.DataFrame, *, folds: int, seed: int) -> pd.DataFrame:
    """Hard Dice by the study's own recipe and by the best one, on each test set.

    Parameters
    ----------
    scores : DataFrame
        See the module; with recipe (``own`` or ``best``).
    folds, seed : int
        As for `comparisons`.

    Returns
    -------
    DataFrame
        test_set, own, best (means over networks), difference (best minus own, paired by fold)
        and the further columns of `comparisons`.
    """
    rows = []
    for test_set, tested in scores.groupby("test_set", sort=False):
        first, best = (tested[tested["recipe"] == name] for name in ("own", "best"))
        means = {"own": first["hard_dice"].mean(), "best": best["hard_dice"].mean()}
        rows.append({"test_set": test_set, **means, **_tested(first, best, folds, seed)})
    return pd.DataFrame(rows)


def _tested(first: pd.DataFrame, second: pd.DataFrame, folds: int, seed: int) -> dict[str, Any]:
    differences = paired_differences(first, second)
    test = paired_test(differences, test_to_train=1 / (folds - 1), seed=seed)
    return {
        "difference": test.difference,
        "low": test.corrected_low,
        "high": test.corrected_high,
        "p_corrected": test.p_corrected,
        "p_sign_flip": test.p_sign_flip,
        "n_folds": test.n,
    }


def _by_variant(
    scores: pd.DataFrame, table: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """A table of each variant, below each other, with the variant in front."""
    tables = []
    for variant, rows in scores.groupby("variant", sort=False):
        of_variant = table(rows)
        of_variant.insert(0, "variant", variant)
        tables.append(of_variant)
    return pd.concat(tables, ignore_index=True)
