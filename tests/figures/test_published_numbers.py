"""Published numbers: read from the package, each with its source."""

import pytest

from hrtem_shift.figures.published import (
    published_dose_anchors,
    published_noise_curves,
    published_noised_validation,
)


@pytest.mark.parametrize(
    "table", [published_dose_anchors(), published_noise_curves(), published_noised_validation()]
)
def test_every_row_says_where_it_comes_from(table):
    assert {"mode", "rho", "dose_e_per_A2", "confidence", "source"} <= set(table.columns)
    assert table["confidence"].isin(["printed", "digitized"]).all()
    assert table["source"].str.contains("ScottLabUCB/HRTEM-Generalization").all()
    assert not table[["rho", "dose_e_per_A2"]].isna().any(axis=None)


def test_digitized_curves_meet_the_printed_anchors_at_no_noise():
    anchors, curves = published_dose_anchors(), published_noise_curves()
    printed = anchors[anchors["networks"] == "trained_884_fold_0"].set_index("dose_e_per_A2")
    for _, row in curves[curves["rho"] == 0].iterrows():
        expected = printed.loc[row["dose_e_per_A2"], "hard_dice"]
        assert row["hard_dice"] == pytest.approx(expected, abs=row["uncertainty"])


def test_curves_hold_both_modes_at_three_doses():
    counts = published_noise_curves().groupby(["mode", "dose_e_per_A2"]).size()
    assert counts.to_dict() == {
        (mode, dose): n for mode, n in (("fixed", 16), ("uniform", 13)) for dose in (80, 423, 884)
    }


def test_best_fixed_noise_at_low_dose_is_as_published():
    curves = published_noise_curves()
    low = curves[(curves["mode"] == "fixed") & (curves["dose_e_per_A2"] == 80)]
    best = low.loc[low["hard_dice"].idxmax()]
    assert (best["rho"], best["hard_dice"]) == (0.875, 0.841)
