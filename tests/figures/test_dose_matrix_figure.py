"""The dose matrix runs from high dose to low, and names its sets by their doses."""

import numpy as np
import pandas as pd

from hrtem_shift.figures.dose_matrix import dose_matrix_figure
from hrtem_shift.figures.doses import dose_label, dose_of, high_to_low
from hrtem_shift.figures.tables import summarize

SETS = ["dose_80", "dose_884", "dose_423"]


def matrix():
    rows = [
        {
            "train_set": train,
            "test_set": test,
            "fold": 0,
            "seed": 1,
            "hard_dice": 0.46 if (train, test) == ("dose_884", "dose_80") else 0.8,
            "false_positive_rate": 0.1,
            "false_negative_rate": 0.3,
        }
        for train in SETS
        for test in SETS
    ]
    return pd.DataFrame(rows)


def names(figure):
    return [label.get_text() for label in figure.axes[0].get_xticklabels()]


def test_rows_and_columns_run_from_high_dose_to_low():
    figure = dose_matrix_figure(matrix())
    assert names(figure) == ["884 e/Å²", "423 e/Å²", "80 e/Å²"]
    cell = next(text for text in figure.axes[0].texts if text.get_text().startswith("0.46"))
    assert cell.get_position() == (2, 0)


def test_measured_doses_come_before_names():
    doses = {"dose_80": 95.0, "dose_884": 90.0, "dose_423": 410.0}
    assert names(dose_matrix_figure(matrix(), doses)) == ["410 e/Å²", "95 e/Å²", "90 e/Å²"]


def test_dose_comes_from_the_mapping_before_the_name():
    assert dose_of("dose_884") == 884
    assert dose_of("dose_884", {"dose_884": 900.0}) == 900
    assert dose_of("low") is None
    assert dose_label("low", {"low": 80.0}) == "80 e/Å²"
    assert high_to_low(["a", "b_5", "b_40", "c", "b_5"]) == ["b_40", "b_5", "a", "c"]


def test_summary_of_nothing_is_missing():
    assert str(summarize([np.nan])) == "missing"
    assert summarize([]).n == 0
    assert summarize([0.8, 0.9]).with_n == "0.85 ± 0.07 (n = 2)"
