"""Published numbers to compare with: facts from a public repository, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import pandas as pd

from hrtem_shift.evaluation.scoring import mean_and_std
from hrtem_shift.tables import rows_of

_HERE = files("hrtem_shift.figures")


def published_dose_anchors() -> pd.DataFrame:
    """Printed hard Dice at three doses, without added noise.

    Returns
    -------
    DataFrame
        ``networks, mode, rho, dose_e_per_A2, hard_dice, confidence, source``.
        ``networks`` is ``same_set_five_folds`` (mean of five folds, trained and tested on
        that dose) or ``trained_884_fold_0`` (one network, trained at 884 e/Å²).

    References
    ----------
    ScottLabUCB/HRTEM-Generalization, noise augmentation notebook; arXiv 2306.11853.
    """
    table = _read("dose_anchors.csv")
    hard = table[table["quantity"] == "hard_dice"].rename(columns={"value": "hard_dice"})
    return hard.drop(columns="quantity").reset_index(drop=True)


def published_noise_curves() -> pd.DataFrame:
    """Hard Dice against noise added in training, digitized from the published figures.

    Returns
    -------
    DataFrame
        ``mode`` ("fixed" or "uniform"), ``rho`` (or its upper bound), ``dose_e_per_A2`` of
        the test set, ``hard_dice``, ``uncertainty`` of the reading, ``confidence``,
        ``source``.

    Notes
    -----
    One network a value of rho, trained at 884 e/Å² (fold 0, seed 962): no spread is known.

    References
    ----------
    ScottLabUCB/HRTEM-Generalization, noise augmentation notebook; arXiv 2306.11853.
    """
    return _read("noise_curves.csv")


def published_noised_validation() -> pd.DataFrame:
    """Printed soft Dice on validation patches that carry the same noise as the training ones.

    Returns
    -------
    DataFrame
        ``mode, rho, dose_e_per_A2, val_soft_dice_noised_epoch249, best_epoch_0based,
        confidence, source``. It stays near 0.9 where `published_noise_curves`, tested
        without noise, collapses: those networks fail on clean images, not on noise.

    References
    ----------
    ScottLabUCB/HRTEM-Generalization, noise augmentation notebook; arXiv 2306.11853.
    """
    return _read("noised_validation.csv")


def published_image_statistics() -> pd.DataFrame:
    """Contrast and roughness of the real patches of 5 nm gold, at two doses.

    Returns
    -------
    DataFrame
        ``statistic`` ("contrast" or "roughness"; see
        `hrtem_shift.preparation.image_statistics`), ``dose_e_per_A2``, ``value`` (contrast in
        standard deviations, roughness in cycles²/px²), ``uncertainty`` of the reading,
        ``confidence``, ``source``.

    References
    ----------
    ScottLabUCB/HRTEM-Generalization, noise augmentation notebook; arXiv 2306.11853.
    """
    return _read("image_statistics.csv")


def beside_published(
    scores: pd.DataFrame,
    noise_curves: pd.DataFrame,
    doses: Mapping[str, float],
    high_dose_set: str,
) -> pd.DataFrame:
    """Published hard Dice beside ours, where both have the same doses and the same noise.

    Parameters
    ----------
    scores : DataFrame
        Without noise, from `hrtem_shift.evaluation.scoring.plain_scores`.
    noise_curves : DataFrame
        ``mode, rho, test_set, hard_dice_mean, hard_dice_std, n_networks`` of networks trained
        on ``high_dose_set`` and tested without noise.
    doses : mapping
        Data set to dose [e/Å²].
    high_dose_set : str
        The set whose networks are trained with noise.

    Returns
    -------
    DataFrame
        One row a number that is published: trained_at_e_per_A2, tested_at_e_per_A2, noise
        (mode), rho, published_hard_dice, confidence, our_hard_dice, our_std, n_networks.
    """
    ours = mean_and_std(scores, ["train_set", "test_set"])
    ours["train"], ours["test"] = ours["train_set"].map(doses), ours["test_set"].map(doses)
    rows = []
    for anchor in rows_of(published_dose_anchors()):
        same = anchor["networks"] == "same_set_five_folds"
        train = anchor["dose_e_per_A2"] if same else doses[high_dose_set]
        if not same and anchor["dose_e_per_A2"] == doses[high_dose_set]:
            continue  # the published cell holds training patches
        cell = ours[(ours["train"] == train) & (ours["test"] == anchor["dose_e_per_A2"])]
        rows += [_beside(train, anchor, 0.0, "none", row) for row in rows_of(cell)]
    curves = noise_curves.assign(dose_e_per_A2=noise_curves["test_set"].map(doses))
    published = published_noise_curves()
    both = curves[curves["rho"] > 0].merge(published, on=["mode", "rho", "dose_e_per_A2"])
    for row in rows_of(both):
        rows.append(_beside(doses[high_dose_set], row, row["rho"], row["mode"], row))
    return pd.DataFrame(rows)


def _beside(
    train: float, published: dict[str, Any], rho: float, mode: str, ours: dict[str, Any]
) -> dict[str, Any]:
    return {
        "trained_at_e_per_A2": train,
        "tested_at_e_per_A2": published["dose_e_per_A2"],
        "noise": mode,
        "rho": rho,
        "published_hard_dice": published["hard_dice"],
        "confidence": published["confidence"],
        "our_hard_dice": ours["hard_dice_mean"],
        "our_std": ours["hard_dice_std"],
        "n_networks": ours["n_networks"],
    }


def _read(name: str) -> pd.DataFrame:
    with _HERE.joinpath("published", name).open("r", encoding="utf-8") as stream:
        return pd.read_csv(stream)
