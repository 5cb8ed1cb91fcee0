"""Published numbers to compare with: facts from a public repository, each with its source."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

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


def _read(name: str) -> pd.DataFrame:
    with _HERE.joinpath("published", name).open("r", encoding="utf-8") as stream:
        return pd.read_csv(stream)
