"""Points, fit and residuals of Dice against overlap, and the numbers above them."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.figures.dice_against_shift import dice_against_shift_figure
from hrtem_shift.shift.isotonic import isotonic_r_squared
from hrtem_shift.shift.rank_correlation import median_row, within_rows


def cells(n_train=4, n_test=6, noise=0.02):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n_train):
        for j in range(n_test):
            overlap = 1.0 if i == j else rng.uniform()
            dice = 0.2 + 0.6 * overlap + noise * rng.normal()
            rows.append((f"t{i}", f"t{j}", overlap, dice, 3 + (i == 0)))
    return pd.DataFrame(rows, columns=["train_set", "test_set", "overlap", "hard_dice", "n"])


def line(ax, label):
    (result,) = [one for one in ax.lines if one.get_label() == label]
    return result


def test_points_and_residuals_are_those_of_the_table():
    table = cells()
    top, bottom = dice_against_shift_figure(table).axes
    shown = line(top, "t2")
    row = table[table["train_set"] == "t2"]
    assert shown.get_xdata().tolist() == row["overlap"].tolist()
    assert shown.get_ydata().tolist() == row["hard_dice"].tolist()
    fit = line(top, "isotonic fit")
    expected = row["hard_dice"] - np.interp(row["overlap"], fit.get_xdata(), fit.get_ydata())
    residuals = [one for one in bottom.lines if one.get_color() == shown.get_color()]
    assert residuals[0].get_ydata() == pytest.approx(expected.to_numpy())


def test_the_condition_of_training_is_ringed_and_not_in_the_fit():
    table = cells()
    table.loc[table["train_set"] == table["test_set"], "hard_dice"] = 0.0
    top, _ = dice_against_shift_figure(table).axes
    assert line(top, "isotonic fit").get_xdata().max() < 1
    rings = [one for one in top.lines if one.get_markersize() == 9]
    assert sum(len(one.get_xdata()) for one in rings) == 4


def test_the_title_says_what_the_room_computes():
    table = cells()
    unseen = table[table["train_set"] != table["test_set"]]
    x, y = (
        unseen.pivot(index="train_set", columns="test_set", values=c).to_numpy()
        for c in ("overlap", "hard_dice")
    )
    figure = dice_against_shift_figure(table)
    title = figure.axes[0].get_title(loc="left")
    assert f"median Spearman {median_row(within_rows(x, y)):+.2f}" in title
    assert "n = 4 rows, 20 unseen cells" in title
    assert f"columns held out {isotonic_r_squared(x, y).columns_held_out:+.2f}" in title
    assert "n = 3 to 4 networks" in figure.get_supxlabel()


def test_many_training_sets_are_grey_and_unnamed():
    figure = dice_against_shift_figure(cells(n_train=14))
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["isotonic fit"]
