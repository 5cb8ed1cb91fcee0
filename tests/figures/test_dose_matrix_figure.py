"""The generalization matrix says every number, and says it when one is missing."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.figures.colours import text_on
from hrtem_shift.figures.dose_matrix import dose_matrix_figure
from hrtem_shift.figures.doses import dose_label, dose_of, high_to_low
from hrtem_shift.figures.tables import summarize

SETS = ["dose_80", "dose_884", "dose_423"]


def matrix(**dice):
    """Two networks a cell, 0.02 apart; `dice` overrides a cell by 'train_test'."""
    rows = []
    for train in SETS:
        for test in SETS:
            middle = dice.get(f"{train}_{test}", 0.8)
            for fold, step in enumerate((-0.01, 0.01)):
                rows.append(
                    {
                        "train_set": train,
                        "test_set": test,
                        "fold": fold,
                        "seed": 1,
                        "hard_dice": middle + step,
                        "false_positive_rate": 0.1 + step,
                        "false_negative_rate": 0.3 + step,
                    }
                )
    return pd.DataFrame(rows)


def panels(figure):
    return figure.axes[:3]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_three_panels_name_dice_over_and_undersegmentation():
    figure = dose_matrix_figure(matrix())
    assert [ax.get_title() for ax in panels(figure)] == [
        "Hard Dice",
        "False-positive rate",
        "False-negative rate",
    ]
    assert "oversegmentation" in texts(figure.axes[1])
    assert "undersegmentation" in texts(figure.axes[2])


def test_rows_and_columns_run_from_high_dose_to_low():
    ax = dose_matrix_figure(matrix()).axes[0]
    wanted = ["884 e/Å²", "423 e/Å²", "80 e/Å²"]
    assert [label.get_text() for label in ax.get_xticklabels()] == wanted
    assert [label.get_text() for label in ax.get_yticklabels()] == wanted
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("tested on", "trained on")


def test_cell_stands_where_its_train_row_and_test_column_cross():
    ax = dose_matrix_figure(matrix(dose_884_dose_80=0.46)).axes[0]
    cell = next(text for text in ax.texts if text.get_text().startswith("0.46"))
    assert cell.get_position() == (2, 0)
    # Two values 0.02 apart: sample standard deviation 0.02 / sqrt(2).
    assert cell.get_text() == "0.46 ± 0.01\nn = 2"


def test_absent_and_nan_cells_say_missing():
    table = matrix(dose_80_dose_423=np.nan)
    table = table[(table["train_set"] != "dose_423") | (table["test_set"] != "dose_80")]
    assert texts(dose_matrix_figure(table).axes[0]).count("missing") == 2


def test_one_failed_network_lowers_n_and_hides_no_cell():
    table = matrix()
    table.loc[0, "hard_dice"] = np.nan
    shown = texts(dose_matrix_figure(table).axes[0])
    assert "0.81\nn = 1" in shown
    assert "missing" not in shown


def test_diagonal_is_outlined_also_when_the_matrix_is_not_square():
    table = matrix()
    figure = dose_matrix_figure(table[table["train_set"] == "dose_423"])
    (outline,) = figure.axes[0].patches
    assert outline.get_x() == pytest.approx(0.53)
    assert outline.get_y() == pytest.approx(-0.47)


def test_both_rates_share_a_range_and_dice_has_all_of_its_own():
    limits = [ax.images[0].get_clim() for ax in panels(dose_matrix_figure(matrix()))]
    assert limits[0] == (0.0, 1.0)
    assert limits[1] == limits[2] == (0.0, pytest.approx(0.3))


def test_text_turns_white_on_dark_cells():
    ax = dose_matrix_figure(matrix(dose_884_dose_80=0.1, dose_884_dose_884=0.95)).axes[0]
    colours = {text.get_text()[:4]: text.get_color() for text in ax.texts}
    assert colours["0.10"] == "white"
    assert colours["0.95"] == text_on((1, 1, 1)) != "white"


def test_lacking_column_is_named():
    with pytest.raises(InputError, match=r"dose_matrix: lacks .*false_negative_rate"):
        dose_matrix_figure(matrix().drop(columns="false_negative_rate"))


def test_empty_table_is_refused():
    with pytest.raises(InputError, match="no rows"):
        dose_matrix_figure(matrix().iloc[:0])


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
