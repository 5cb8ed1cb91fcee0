"""The referee: published networks of real micrographs, tested on simulated ones.

They segment a realistic simulation as well as the images that they were trained on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from hrtem_shift.evaluation.dice import count_pixels
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import each_result
from hrtem_shift.execution.jobs import Report
from hrtem_shift.networks.prediction import predict_masks
from hrtem_shift.networks.published import (
    PublishedNetwork,
    published_networks_in,
    read_published_network,
)
from hrtem_shift.networks.weights import network_from
from hrtem_shift.preparation.image_statistics import statistics_of
from hrtem_shift.preparation.patch_set import PatchSet

_CELL = ["family", "test_set"]
_DOSE = re.compile(r"X(\d+(?:\.\d+)?)e")
# Patches of 512 px, float32, one core: 0.065 s each in batches of 1 or 2, 0.16 s in batches of
# 16 and more, whose features no longer fit the cache. bfloat16 takes 0.043 s but changes up to
# 0.5 % of pixels.
_BATCH_SIZE = {"cpu": 2, "cuda": 32}


def own_dose_e_per_A2(family: str) -> float | None:
    """Dose that a family was trained at: 423 for ``5nmAu330kX423eUTC``; None without a dose."""
    match = _DOSE.search(family)
    return float(match.group(1)) if match else None


def published_hard_dice(counts: pd.DataFrame) -> pd.Series:
    """Hard Dice (2 TP + 1) / (|P| + |T| + 1) of each row, as the published study computes it.

    The 1 ("smooth") makes an empty mask that is predicted empty score 1. Source: ScottLabUCB/
    HRTEM-Generalization, train_test_model_example.
    """
    agreed = 2 * counts["true_positive"]
    return (agreed + 1) / (agreed + counts["false_positive"] + counts["false_negative"] + 1)


def score_published(
    folder: Path, patch_sets: Mapping[str, PatchSet], compute: Compute
) -> pd.DataFrame:
    """Test every published network of a folder on every patch of every set.

    Parameters
    ----------
    folder : Path
        Holds ``UNet_<family>_fold<k>_seed<s>_model.h5``; any family.
    patch_sets : mapping
        Test sets, named by their doses [e/Å²]: ``80``, ``423``, ``884``.
    compute : Compute
        One job is one network on one set; the table does not depend on the workers.

    Returns
    -------
    DataFrame
        family, fold, test_set, patch and the pixel counts of
        `hrtem_shift.evaluation.dice.COUNTS`; one row a network and patch.

    Raises
    ------
    InputError
        There is no network in the folder, or one cannot be read; before any work.
    """
    networks = [read_published_network(path) for path in published_networks_in(folder)]
    tests = [(number, name) for number in range(len(networks)) for name in patch_sets]
    shared = (networks, patch_sets, compute.torch_device)
    tables = dict(
        each_result("referee's tests", score_one_test, tests, compute=compute, shared=shared)
    )
    return pd.concat([tables[number] for number in range(len(tests))], ignore_index=True)


def score_one_test(
    test: tuple[int, str],
    report: Report,
    networks: list[PublishedNetwork],
    patch_sets: Mapping[str, PatchSet],
    device: str,
) -> pd.DataFrame:
    """Pixel counts of one network on one set: the job of `score_published`."""
    network, patch_set = networks[test[0]], patch_sets[test[1]]
    masks = predict_masks(
        network_from(network.weights),
        patch_set.images,
        device=device,
        batch_size=_BATCH_SIZE[device.split(":")[0]],
    )
    counts = count_pixels(masks, patch_set.masks == 1)
    counts.insert(0, "family", network.family)
    counts.insert(1, "fold", network.fold)
    counts.insert(2, "test_set", test[1])
    counts.insert(3, "patch", range(len(counts)))
    return counts


def referee_scores(counts: pd.DataFrame) -> pd.DataFrame:
    """Hard Dice of each network on each set: family, fold, test_set, hard_dice, n_patches.

    `published_hard_dice` averaged over patches, of the table of `score_published`.
    """
    dice = counts.assign(hard_dice=published_hard_dice(counts))
    grouped = dice.groupby(["family", "fold", "test_set"], sort=False)["hard_dice"]
    return grouped.agg(hard_dice="mean", n_patches="size").reset_index()


def published_cells(anchors: pd.DataFrame) -> pd.DataFrame:
    """Published scores of the families of 5 nm gold at 330 kX on real images.

    Parameters
    ----------
    anchors : DataFrame
        From `hrtem_shift.figures.published_numbers.published_dose_anchors`.

    Returns
    -------
    DataFrame
        family, test_set, published, published_folds, confidence, source. Five cells: each
        family on its own dose (mean of folds 0-4), and 884 e/Å² on 423 and 80 (fold 0 only).
        The network of 884 e/Å² on that whole set is left out: it was trained on most of it.
    """
    same = anchors[anchors["networks"] == "same_set_five_folds"]
    high = anchors[(anchors["networks"] == "trained_884_fold_0") & (anchors["dose_e_per_A2"] < 884)]
    same = same.assign(trained=same["dose_e_per_A2"], published_folds=5)
    cells = pd.concat([same, high.assign(trained=884, published_folds=1)], ignore_index=True)
    cells["family"] = [f"5nmAu330kX{dose:g}eUTC" for dose in cells["trained"]]
    cells["test_set"] = [f"{dose:g}" for dose in cells["dose_e_per_A2"]]
    cells = cells.rename(columns={"hard_dice": "published"})
    return cells[[*_CELL, "published", "published_folds", "confidence", "source"]]


def referee_cells(scores: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Mean over folds of each family on each set, beside the published value.

    Parameters
    ----------
    scores : DataFrame
        From `referee_scores`.
    published : DataFrame
        From `published_cells`.

    Returns
    -------
    DataFrame
        family, test_set, hard_dice_mean, hard_dice_std (ddof 1), n_folds, hard_dice_low and
        hard_dice_high (95 % t interval of the mean over folds), the columns of `published`
        (NaN where nothing is published), and difference = hard_dice_mean - published.

    Notes
    -----
    Folds share most of their training images, so the interval is somewhat too narrow
    (Bengio and Grandvalet, JMLR 5, 1089, 2004).
    """
    from scipy.stats import t as student_t

    scores = scores.assign(test_set=scores["test_set"].astype(str))
    cells = scores.groupby(_CELL, sort=False)["hard_dice"].agg(["mean", "std", "count"])
    cells = cells.reset_index().rename(
        columns={"mean": "hard_dice_mean", "std": "hard_dice_std", "count": "n_folds"}
    )
    n = cells["n_folds"]
    half = student_t.ppf(0.975, n - 1) * cells["hard_dice_std"] / np.sqrt(n)
    cells["hard_dice_low"] = cells["hard_dice_mean"] - half
    cells["hard_dice_high"] = cells["hard_dice_mean"] + half
    cells = cells.merge(published, how="left", on=_CELL)
    return cells.assign(difference=cells["hard_dice_mean"] - cells["published"])


def mean_absolute_difference(cells: pd.DataFrame) -> tuple[float, int]:
    """Mean |difference| over the cells with a published value, and their number (5 when whole)."""
    differences = cells["difference"].dropna().abs()
    return float(differences.mean()), len(differences)


def compare_image_statistics(
    patch_sets: Mapping[str, PatchSet], published: pd.DataFrame
) -> pd.DataFrame:
    """Contrast and roughness of simulated sets beside those of the real ones.

    Parameters
    ----------
    patch_sets : mapping
        Test sets, named by their doses [e/Å²].
    published : DataFrame
        From `hrtem_shift.figures.published_numbers.published_image_statistics`.

    Returns
    -------
    DataFrame
        test_set; statistic: ``contrast`` of all patches together [standard deviations] or
        ``roughness``, the median over patches [cycles²/px²]; simulated; published, its
        uncertainty, confidence and source (NaN where nothing is published).
    """
    rows = []
    for name, patch_set in patch_sets.items():
        for statistic, value in statistics_of(patch_set.images, patch_set.masks).items():
            rows.append({"test_set": name, "statistic": statistic, "simulated": value})
    named = published.rename(columns={"value": "published"})
    named["test_set"] = [f"{dose:g}" for dose in named.pop("dose_e_per_A2")]
    return pd.DataFrame(rows).merge(named, how="left", on=["test_set", "statistic"])
