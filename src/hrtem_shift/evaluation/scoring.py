"""Which networks are tested on which patches, and the tables that come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from hrtem_shift.evaluation.dice import count_pixels, summarise_counts
from hrtem_shift.networks.prediction import predict_masks
from hrtem_shift.networks.weights import Weights, network_from
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.tables import rows_of

IDENTITY = 1
"""Raised when the testing code changes its results, so that older scores are not reused."""


def plan_tests(
    plan: pd.DataFrame, test_sets: Sequence[str], fingerprints: Mapping[str, str]
) -> pd.DataFrame:
    """Rows of (network, test set): own fold for the same set, else the whole other set.

    Returns
    -------
    DataFrame
        run_id, train_set, fold, seed, noise_mode, rho, test_set, patches (``fold`` or
        ``whole``), test_id (changes with the test set's contents).
    """
    tests = plan.merge(pd.DataFrame({"test_set": list(test_sets)}), how="cross")
    same = tests["test_set"] == tests["train_set"]
    tests["patches"] = np.where(same, "fold", "whole")
    prints = tests["test_set"].map(fingerprints)
    tests["test_id"] = tests["test_set"] + "_" + tests["patches"] + f"_{IDENTITY}_" + prints
    return tests


def patches_to_test(patch_set: PatchSet, fold: int, patches: str) -> np.ndarray:
    """Indices of the patches that a network of `fold` is tested on."""
    if patches == "whole":
        return np.arange(len(patch_set.images))
    return np.flatnonzero(patch_set.index["fold"].to_numpy() == fold)


def score_network(
    weights: Weights,
    patch_set: PatchSet,
    patches: np.ndarray,
    *,
    device: str,
    precision: torch.dtype,
) -> pd.DataFrame:
    """Confusion counts of one network on some patches.

    Returns
    -------
    DataFrame
        patch (index in the patch set) and `COUNTS`.
    """
    masks = predict_masks(
        network_from(weights), patch_set.images[patches], device=device, precision=precision
    )
    counts = count_pixels(masks, patch_set.masks[patches] == 1)
    counts.insert(0, "patch", patches)
    return counts


def tabulate(tests: pd.DataFrame, counts: Mapping[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Scores joined to the planned tests; a test without counts keeps its row, as NaN.

    Parameters
    ----------
    tests : DataFrame
        From `plan_tests`.
    counts : mapping of (run_id, test_id) to DataFrame
        From `score_network`.
    """
    rows: list[dict[str, Any]] = []
    for test in rows_of(tests):
        found = counts.get((test["run_id"], test["test_id"]))
        known = found is not None and len(found) > 0
        score = summarise_counts(found) if known and found is not None else _MISSING
        n_patches = len(found) if found is not None else 0
        rows.append({**test, **score, "n_patches": n_patches})
    return pd.DataFrame(rows)


_MISSING = {
    "hard_dice": float("nan"),
    "false_positive_rate": float("nan"),
    "false_negative_rate": float("nan"),
}


def mean_and_std(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and standard deviation (ddof 1) of hard Dice over networks.

    Returns
    -------
    DataFrame
        The columns of `by`, hard_dice_mean, hard_dice_std, n_networks (those with a score);
        mean and std are NaN when a planned score is missing.
    """
    grouped = scores.groupby(list(by), sort=False)["hard_dice"]
    table = pd.DataFrame(
        {
            "hard_dice_mean": grouped.apply(lambda dice: dice.mean(skipna=False)),
            "hard_dice_std": grouped.apply(lambda dice: dice.std(ddof=1, skipna=False)),
            "n_networks": grouped.count(),
        }
    )
    return table.reset_index()
