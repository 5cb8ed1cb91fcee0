"""The answer: sentences whose numbers follow from the tables, and that admit a failure."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.figures.dose_answer import dose_answer, mismatch_answer

ORDER = ["high", "low"]
DOSES = {"high": 884.0, "low": 80.0}
CURVES = ["mode", "rho", "test_set", "hard_dice_mean", "hard_dice_std", "n_networks"]


def cell(train, test, dice, false_positive=0.05, false_negative=0.05):
    """Two networks, so the sample standard deviation is 0.01 * sqrt(2)."""
    return [
        {
            "train_set": train,
            "test_set": test,
            "hard_dice": dice + step,
            "false_positive_rate": false_positive + step,
            "false_negative_rate": false_negative + step,
        }
        for step in (-0.01, 0.01)
    ]


def matrix(low=0.62, false_positive=0.02, false_negative=0.40, same_set=0.85):
    return pd.DataFrame(
        cell("high", "high", 0.90)
        + cell("high", "low", low, false_positive, false_negative)
        + cell("low", "low", same_set)
    )


def curves(*rows):
    return pd.DataFrame(rows, columns=CURVES)


def answer(table, noise):
    return dose_answer(table, noise, ORDER, DOSES)


NOTHING = curves()


def test_loss_and_its_kind():
    failure, _ = answer(matrix(), NOTHING)
    assert failure == (
        "Trained at 884 and tested at 80 e/Å², hard Dice falls from 0.90 ± 0.01 (n = 2) to "
        "0.62 ± 0.01 (n = 2), a loss of 0.28. There it undersegments (false-negative rate "
        "0.40 ± 0.01, false-positive rate 0.02 ± 0.01)."
    )


def test_oversegmentation_and_balance():
    assert "oversegments" in answer(matrix(false_positive=0.5), NOTHING)[0]
    assert "about equal there" in answer(matrix(false_positive=0.40), NOTHING)[0]


def test_noise_that_repairs_states_gain_remainder_and_price():
    noise = curves(
        ("fixed", 0.0, "low", 0.61, 0.01, 2),
        ("fixed", 1.0, "low", 0.73, 0.02, 2),
        ("uniform", 1.0, "low", 0.70, 0.02, 2),
        ("fixed", 0.0, "high", 0.90, 0.01, 2),
        ("fixed", 1.0, "high", 0.80, 0.01, 2),
    )
    _, repair, caveat = answer(matrix(), noise)
    assert repair == (
        "Noise augmentation with ρ = 1 recovers 0.12 at 80 e/Å²: 0.73 ± 0.02 (n = 2) against "
        "0.61 ± 0.01 (n = 2) without noise. That is about 50 % of the gap to networks trained at "
        "80 e/Å² itself, 0.85 ± 0.01 (n = 2); 0.12 is still missing. At 884 e/Å² itself the same "
        "noise costs 0.10: 0.80 ± 0.01 (n = 2) against 0.90 ± 0.01 (n = 2)."
    )
    assert "upper bound" in caveat


def test_noise_that_harms_is_called_so():
    noise = curves(("fixed", 0.0, "low", 0.62, 0.01, 2), ("fixed", 1.0, "low", 0.55, 0.01, 2))
    _, repair, _ = answer(matrix(), noise)
    assert repair == (
        "Even the best noise augmentation at 80 e/Å², ρ = 1, recovers nothing and costs 0.07: "
        "0.55 ± 0.01 (n = 2) against 0.62 ± 0.01 (n = 2) without noise."
    )


def test_noise_without_effect_repairs_nothing():
    noise = curves(("uniform", 1.0, "low", 0.62, 0.01, 2))
    assert "ρ uniform up to 1, recovers nothing: 0.62" in answer(matrix(), noise)[1]


def test_gain_within_the_scatter_is_called_so():
    noise = curves(("fixed", 0.0, "low", 0.62, 0.05, 2), ("fixed", 1.0, "low", 0.66, 0.05, 2))
    assert "recovers 0.04 at 80 e/Å², no more than the scatter" in answer(matrix(), noise)[1]


def test_single_networks_tell_no_scatter():
    noise = curves(("fixed", 0.0, "low", 0.62, np.nan, 1), ("fixed", 1.0, "low", 0.7, np.nan, 1))
    assert "from too few networks to know the scatter" in answer(matrix(), noise)[1]


def test_whole_gap_closed():
    noise = curves(("fixed", 1.0, "low", 0.86, 0.01, 2))
    assert "closes the whole gap to networks trained at 80" in answer(matrix(), noise)[1]


def test_without_a_noiseless_row_the_matrix_is_the_baseline():
    noise = curves(("fixed", 1.0, "low", 0.70, 0.01, 2))
    assert "against 0.62 ± 0.01 (n = 2) without noise" in answer(matrix(), noise)[1]


def test_no_loss_is_not_called_a_loss():
    assert "hard Dice does not fall: 0.92" in answer(matrix(low=0.92), NOTHING)[0]


@pytest.mark.parametrize("noise", [NOTHING, curves(("fixed", 1.0, "low", np.nan, np.nan, 0))])
def test_missing_results_are_named_not_guessed(noise):
    failure, repair = answer(matrix(low=np.nan, false_positive=np.nan), noise)
    assert failure.endswith("the loss is not known: the test at 80 e/Å² is missing.")
    assert "is not known" in repair


def test_difference_is_that_of_the_printed_numbers():
    table = pd.DataFrame(cell("high", "high", 0.9049) + cell("high", "low", 0.4651))
    failure = answer(table, NOTHING)[0]
    assert "from 0.90 ± 0.01 (n = 2) to 0.47 ± 0.01 (n = 2), a loss of 0.43" in failure


def test_what_strong_noise_costs_is_split_into_mismatch_and_loss():
    rows = [
        ("fixed", 0.0, 0.90),
        ("fixed", 2.0, 0.70),
        ("same_noise", 0.0, 0.90),
        ("same_noise", 2.0, 0.84),
    ]
    table = pd.DataFrame(rows, columns=["mode", "rho", "hard_dice_mean"])
    table = table.assign(test_set="dose_884", hard_dice_std=0.01, n_networks=2)
    (paragraph,) = mismatch_answer(table, "dose_884", {"dose_884": 884})
    assert "Of the 0.20 lost on clean patches 0.14 is a mismatch" in paragraph
    same = table.assign(hard_dice_mean=[0.9, 0.7, 0.9, 0.7])
    assert "is not a mismatch" in mismatch_answer(same, "dose_884", {"dose_884": 884})[0]
    assert mismatch_answer(table[table["mode"] == "fixed"], "dose_884", {"dose_884": 884}) == []
