"""Sentences on mixed batch norms and thinned electrons: numbers of the table, what is missing."""

import numpy as np
import pandas as pd

from hrtem_shift.evaluation.repairs import MIXED, THINNING
from hrtem_shift.figures.repairs_answer import mixed_norms_answer, thinning_answer

DOSES = {"high": 884.0, "low": 80.0}


def row(test_set, before, after, low, high, **more):
    change = {"hard_dice_as_is": before, "hard_dice": after, "change": after - before}
    interval = {"low": low, "high": high, "paired_by": "fold", "n": 5}
    name = {"train_set": "high", "test_set": test_set, "repair": MIXED, "strength": 0.3}
    return {**name, **change, **interval, **more}


def answer(*rows):
    return mixed_norms_answer(pd.DataFrame(rows), ["high", "low"], DOSES)


def test_gain_and_price_stand_in_one_paragraph_lowest_dose_first():
    (text,) = answer(row("high", 0.86, 0.85, -0.02, 0.0), row("low", 0.54, 0.70, 0.05, 0.27))
    assert text == (
        "Without any training, batch norms that take 30 % of their statistics from each test "
        "micrograph change hard Dice of the networks of 884 e/Å² from 0.54 to 0.70 (+0.16, 95 % "
        "interval +0.05 to +0.27, n = 5 folds) at 80 e/Å²; from 0.86 to 0.85 (-0.01, 95 % "
        "interval -0.02 to +0.00, n = 5 folds) at 884 e/Å²."
    )


def test_one_pair_has_no_interval():
    (text,) = answer(row("low", 0.5, 0.7, np.nan, np.nan, n=1, paired_by="network"))
    assert "(+0.20, n = 1 network) at 80" in text


def test_a_missing_test_is_named():
    (text,) = answer(row("low", 0.5, np.nan, np.nan, np.nan))
    assert "by an unknown amount (a test is missing) at 80 e/Å²" in text


def test_other_training_sets_and_noise_are_not_told():
    assert not answer(row("low", 0.5, 0.7, 0.1, 0.3, repair="fixed noise"))
    assert not answer(row("low", 0.5, 0.7, 0.1, 0.3, train_set="low"))


def test_thinning_is_told_as_the_dose_that_it_stands_for():
    thinned = row("low", 0.54, 0.7, 0.1, 0.2, repair=THINNING, strength=0.09, paired_by="network")
    (text,) = thinning_answer(pd.DataFrame([thinned]), ["high", "low"], DOSES)
    assert text.startswith("Training with 9 % of the electrons of each image, as if the dose had")
    assert "been 80 e/Å²" in text and "from 0.54 to 0.70 (+0.16" in text
    assert not answer(thinned)
