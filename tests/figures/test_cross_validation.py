"""Cross-validation: every network is a point, the interval counts folds."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.figures.cross_validation import folds_answer, folds_figure, t_interval


def folds(dice, seed=1):
    n = len(dice)
    return pd.DataFrame(
        {
            "fold": range(n),
            "seed": seed,
            "hard_dice": dice,
            "n_micrographs": [8] * n,
            "n_patches": [128] * n,
        }
    )


def points(ax):
    return sorted(
        float(y) for line in ax.lines if line.get_marker() == "o" for y in line.get_ydata()
    )


def test_interval_agrees_with_the_printed_quantile():
    # t(0.975, 4) = 2.776 in any printed table; std of 1..5 is sqrt(2.5).
    low, high = t_interval(np.arange(1.0, 6.0))
    assert (low + high) / 2 == pytest.approx(3)
    assert (high - low) / 2 == pytest.approx(2.776 * np.sqrt(2.5 / 5), rel=2e-4)


def test_figure_shows_points_mean_interval_and_n():
    ax = folds_figure(folds([0.91, 0.88, 0.90, 0.93, 0.88])).axes[0]
    assert points(ax) == [0.88, 0.88, 0.90, 0.91, 0.93]
    assert ax.get_title(loc="left") == (
        "mean over folds 0.900, 95 % interval 0.874 to 0.926, n = 5"
    )
    assert ax.get_xticklabels()[0].get_text() == "fold 0\n8 micrographs\n128 patches"


def test_seeds_of_a_fold_do_not_count_as_folds():
    once = folds([0.9, 0.8, 0.7])
    ax = folds_figure(pd.concat([once, once.assign(seed=2)])).axes[0]
    assert len(points(ax)) == 6
    assert ax.get_title(loc="left").endswith("n = 3")


@pytest.mark.parametrize(("second", "text"), [([], "missing"), ([0.8, 0.8, 0.7], "1 of 2 missing")])
def test_failed_network_is_said(second, text):
    table = folds([0.9, np.nan, 0.7])
    if second:
        table = pd.concat([table, folds(second, seed=2)])
    ax = folds_figure(table).axes[0]
    assert text in [t.get_text() for t in ax.texts]


def test_one_fold_has_a_mean_and_no_interval():
    ax = folds_figure(folds([0.9])).axes[0]
    assert ax.get_title(loc="left") == "mean over folds 0.900, n = 1"


def test_nothing_finished_still_draws():
    folds_figure(folds([np.nan, np.nan])).draw_without_rendering()


def test_the_answer_says_mean_interval_n_and_what_was_tested():
    (wording,) = folds_answer(folds([0.91, 0.88, 0.90, 0.93, 0.88]))
    assert wording == (
        "Hard Dice on micrographs that a network has not seen is 0.900 on average (n = 5 folds, "
        "95 % interval 0.874 to 0.926); the worst fold has 0.880, the best 0.930. In all, 40 "
        "micrographs were tested on."
    )


def test_the_answer_has_a_sentence_a_data_set_and_says_what_is_missing():
    two = pd.concat(
        [folds([0.9, np.nan]).assign(data_set="a"), folds([np.nan]).assign(data_set="b")]
    )
    first, second = folds_answer(two)
    assert first.startswith("a: hard Dice") and "is 0.900 on average (n = 1 folds);" in first
    assert second == "b: hard Dice is not known: no fold was tested."
