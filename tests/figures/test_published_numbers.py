"""Published numbers: read from the package, each with its source."""

import itertools

import pandas as pd
import pytest

from hrtem_shift.figures.published_numbers import (
    beside_published,
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


def ours(sets):
    """Two networks of each set on each set, of 0.6 and 0.8."""
    rows = [
        {"train_set": train, "test_set": test, "hard_dice": dice}
        for train, test in itertools.product(sets, sets)
        for dice in (0.6, 0.8)
    ]
    return pd.DataFrame(rows)


def curve(*points):
    columns = ["mode", "rho", "test_set", "hard_dice_mean"]
    return pd.DataFrame(points, columns=columns).assign(hard_dice_std=0.02, n_networks=3)


def test_published_numbers_stand_beside_ours_of_the_same_doses_and_noise():
    doses = {"high": 884.0, "low": 80.0, "unpublished": 300.0}
    curves = curve(
        ("fixed", 0.0, "low", 0.4),
        ("fixed", 0.875, "low", 0.75),
        ("fixed", 0.3333, "low", 0.6),
        ("fixed", 0.875, "unpublished", 0.7),
    )
    table = beside_published(ours(doses), curves, doses, "high")
    plain, noisy = table[table["noise"] == "none"], table[table["noise"] != "none"]
    cells = list(zip(plain["trained_at_e_per_A2"], plain["tested_at_e_per_A2"], strict=True))
    assert sorted(cells) == [(80, 80), (884, 80), (884, 884)]
    assert plain["our_hard_dice"].tolist() == pytest.approx([0.7] * 3)
    assert plain["our_std"].tolist() == pytest.approx([0.02**0.5] * 3)
    assert plain["n_networks"].tolist() == [2] * 3
    assert len(noisy) == 1  # rho = 0 stands there without noise, the others are not published
    assert noisy[["rho", "published_hard_dice", "our_hard_dice"]].iloc[0].tolist() == [
        0.875,
        0.841,
        0.75,
    ]
    printed = {row["tested_at_e_per_A2"]: row for _, row in plain.iterrows()}
    assert printed[884]["published_hard_dice"] == 0.915


def test_there_is_nothing_to_compare_at_other_doses():
    doses = {"a": 100.0, "b": 200.0}
    assert beside_published(ours(doses), curve(("fixed", 0.5, "a", 0.5)), doses, "a").empty
