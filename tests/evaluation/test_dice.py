"""Dice and counts: known answers and properties."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hrtem_shift.evaluation.dice import COUNTS, count_pixels, hard_dice, summarise_counts

masks = arrays(bool, (3, 5, 7))


def dice(prediction, truth):
    return hard_dice(count_pixels(prediction, truth))


def test_a_known_answer():
    truth = np.zeros((1, 4, 4), bool)
    truth[0, :2, :2] = True
    prediction = np.zeros((1, 4, 4), bool)
    prediction[0, 1:3, :2] = True
    counts = count_pixels(prediction, truth)
    assert counts.iloc[0].tolist() == [2, 2, 2, 10]
    assert dice(prediction, truth)[0] == 0.5
    summary = summarise_counts(counts)
    assert summary == {
        "hard_dice": 0.5,
        "false_positive_rate": pytest.approx(2 / 12),
        "false_negative_rate": 0.5,
    }


@given(masks, masks)
def test_dice_is_symmetric_and_between_0_and_1(a, b):
    assert dice(a, b).equals(dice(b, a))
    assert dice(a, b).between(0, 1).all()


@given(masks)
def test_a_mask_agrees_with_itself(a):
    assert (dice(a, a) == 1).all()


@given(masks, masks)
def test_every_pixel_is_counted_once(a, b):
    assert (count_pixels(a, b)[COUNTS].sum(axis=1) == 35).all()


@given(masks, masks, st.randoms())
def test_the_order_of_pixels_does_not_matter(a, b, random):
    order = list(range(35))
    random.shuffle(order)
    shuffled = [m.reshape(3, 35)[:, order].reshape(3, 5, 7) for m in (a, b)]
    assert dice(*shuffled).equals(dice(a, b))


def test_dice_is_the_f1_score_of_pixels():
    """2TP/(2TP+FP+FN) is the harmonic mean of precision and recall."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1, 50, 50)) > 0.6
    precision, recall = (a & b).sum() / a.sum(), (a & b).sum() / b.sum()
    assert dice(a, b)[0] == pytest.approx(2 / (1 / precision + 1 / recall))


def test_dice_is_the_mean_over_patches_and_rates_are_pooled():
    counts = pd.DataFrame([[10, 0, 0, 90], [0, 5, 5, 90]], columns=COUNTS)
    summary = summarise_counts(counts)
    assert summary["hard_dice"] == 0.5
    assert summary["false_negative_rate"] == pytest.approx(5 / 15)
    assert summary["false_positive_rate"] == pytest.approx(5 / 185)


def test_a_rate_without_pixels_is_not_a_number():
    counts = pd.DataFrame([[0, 0, 0, 9]], columns=COUNTS)
    assert np.isnan(summarise_counts(counts)["false_negative_rate"])
