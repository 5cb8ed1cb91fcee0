"""The noise at which statistics of two sets meet."""

import numpy as np
import pandas as pd
import pytest
from disc_patches import disc_patch_set

from hrtem_shift.evaluation.noise_matching import matching_noise, noised_statistics

RHOS = [0.0, 0.5, 1.0, 1.5, 2.0]


def curves(**best):
    rows = [
        ("discs", mode, rho, "other", 0.9 - abs(rho - peak))
        for mode, peak in best.items()
        for rho in RHOS
    ]
    return pd.DataFrame(rows, columns=["train_set", "mode", "rho", "test_set", "hard_dice_mean"])


def test_noise_lowers_contrast_by_the_rescaling_and_raises_roughness():
    table = noised_statistics(disc_patch_set(), RHOS)
    contrast = table["contrast"].to_numpy()
    assert contrast / contrast[0] == pytest.approx(1 / np.hypot(1, RHOS), abs=0.15)
    assert (np.diff(table["roughness"]) > 0).all()
    assert table["roughness"].iloc[-1] < 1 / 6  # of white noise


def test_the_matching_noise_is_where_the_curve_crosses_the_other_set():
    noised = noised_statistics(disc_patch_set(), RHOS)
    middle = noised[["contrast", "roughness"]].iloc[2:4].mean()
    others = pd.DataFrame([{"data_set": "other", **middle}, {"data_set": "discs", **middle}])
    table = matching_noise(noised, others, curves(fixed=1.0, same_noise=2.0))
    assert table["matching_rho"].to_numpy() == pytest.approx([1.25, 1.25])
    assert set(table["best_rho"]) == {1.0} and set(table["best_rho_same_noise"]) == {2.0}
    assert table["matched_by"].tolist() == ["contrast", "roughness"]


def test_statistics_that_never_meet_have_no_matching_noise():
    noised = noised_statistics(disc_patch_set(), RHOS)
    others = pd.DataFrame([{"data_set": "other", "contrast": 99.0, "roughness": 99.0}])
    table = matching_noise(noised, others, curves(fixed=0.5))
    assert table["matching_rho"].isna().all() and table["best_rho_same_noise"].isna().all()
