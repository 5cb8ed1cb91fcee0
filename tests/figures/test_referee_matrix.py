"""The referee's figure says every number, its published twin, and what is missing."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.referee import published_cells, referee_cells
from hrtem_shift.figures.published_numbers import published_dose_anchors, published_image_statistics
from hrtem_shift.figures.referee_matrix import referee_matrix_figure

DOSES = ["80", "884", "423"]


def cells(**dice):
    """Two folds a cell, 0.02 apart; `dice` overrides a cell by 'family dose_test set'."""
    rows = [
        {
            "family": f"5nmAu330kX{own}eUTC",
            "fold": fold,
            "test_set": test,
            "hard_dice": dice.get(f"from_{own}_on_{test}", 0.8) + step,
            "n_patches": 9,
        }
        for own in DOSES
        for test in DOSES
        for fold, step in enumerate((-0.01, 0.01))
    ]
    return referee_cells(pd.DataFrame(rows), published_cells(published_dose_anchors()))


def statistics(**values):
    """Table of simulated statistics 0.4 and 0.04 at three doses, with the real ones beside."""
    simulated = {"contrast": 0.4, "roughness": 0.04} | values
    table = pd.DataFrame(
        [
            {"test_set": dose, "statistic": name, "simulated": value}
            for dose in DOSES
            for name, value in simulated.items()
        ]
    )
    real = published_image_statistics().rename(columns={"value": "published"})
    real["test_set"] = real.pop("dose_e_per_A2").astype(str)
    return table.merge(real, how="left", on=["test_set", "statistic"])


def texts(ax):
    return [text.get_text() for text in ax.texts]


def at(ax, column, row):
    return " | ".join(t.get_text() for t in ax.texts if getattr(t, "xy", None) == (column, row))


def test_rows_and_columns_run_from_high_dose_to_low():
    matrix = referee_matrix_figure(cells(), statistics()).axes[0]
    labels = [label.get_text() for label in matrix.get_yticklabels()]
    assert labels == ["5nmAu330kX884eUTC", "5nmAu330kX423eUTC", "5nmAu330kX80eUTC"]
    wanted = ["884 e/Å²", "423 e/Å²", "80 e/Å²"]
    assert [label.get_text() for label in matrix.get_xticklabels()] == wanted


def test_a_cell_tells_mean_spread_and_the_published_value_with_its_folds():
    matrix = referee_matrix_figure(cells(from_884_on_80=0.53), statistics()).axes[0]
    # Two values 0.02 apart: sample standard deviation 0.02 / sqrt(2).
    assert at(matrix, 0, 0) == "0.800 ± 0.014 | n = 2\nreal 0.915 (n = 5)\ndifference −0.115"
    assert at(matrix, 2, 0) == "0.530 ± 0.014 | n = 2\nreal 0.464 (fold 0)\ndifference +0.066"
    assert at(matrix, 0, 2) == "0.800 ± 0.014 | n = 2"


def test_the_mean_difference_is_said_with_the_number_of_cells():
    table = cells(
        from_80_on_80=0.852,
        from_423_on_423=0.889,
        from_884_on_884=0.915,
        from_884_on_423=0.865177,
        from_884_on_80=0.564409,
    )
    figure = referee_matrix_figure(table, statistics())
    assert "to the 5 published values 0.020" in figure.get_supxlabel()


def test_families_without_published_values_are_drawn_and_none_is_claimed():
    table = cells().assign(family="10nmAu330kX425eUTC", published=np.nan, difference=np.nan)
    figure = referee_matrix_figure(table.drop_duplicates("test_set"), statistics())
    assert "published" not in figure.get_supxlabel()
    assert not figure.axes[0].patches
    assert not any("real" in text for text in texts(figure.axes[0]))


def test_absent_and_nan_cells_say_missing():
    table = cells(from_80_on_423=np.nan)
    gone = (table["family"] == "5nmAu330kX423eUTC") & (table["test_set"] == "80")
    shown = texts(referee_matrix_figure(table[~gone], statistics()).axes[0])
    assert shown.count("missing") == 2


def test_the_dose_of_training_is_outlined():
    matrix = referee_matrix_figure(cells(), statistics()).axes[0]
    corners = [(round(p.get_x() + 0.47), round(p.get_y() + 0.47)) for p in matrix.patches]
    assert corners == [(0, 0), (1, 1), (2, 2)]


def test_statistics_stand_beside_the_real_ones_and_say_how_those_were_read():
    contrast, roughness = referee_matrix_figure(cells(), statistics(contrast=0.37)).axes[1:]
    assert sorted(texts(contrast)) == ["0.239", "0.370", "0.370", "0.370", "0.576"]
    assert sorted(texts(roughness)) == ["0.027", "0.040", "0.040", "0.040", "0.050"]
    wording = [[t.get_text() for t in ax.get_legend().get_texts()] for ax in (contrast, roughness)]
    assert wording == [["simulated", "real, printed"], ["simulated", "real, digitized"]]
    position = {text.get_text(): text.xy for text in contrast.texts}
    assert position["0.576"] == (pytest.approx(0.06), 0.5758)


def test_figure_is_12_inches_wide_and_grows_with_the_families():
    few = referee_matrix_figure(cells(), statistics())
    more = [cells().assign(family=f"{size}nmAg330kX420eUTC") for size in range(9)]
    many = referee_matrix_figure(pd.concat([cells(), *more]), statistics())
    assert few.get_size_inches()[0] == many.get_size_inches()[0] == 12
    assert many.get_size_inches()[1] > 2 * few.get_size_inches()[1]


@pytest.mark.parametrize("lacking", ["published", "n_folds"])
def test_lacking_column_is_named(lacking):
    with pytest.raises(InputError, match=f"referee cells: lacks .*{lacking}"):
        referee_matrix_figure(cells().drop(columns=lacking), statistics())


def test_empty_tables_are_refused():
    with pytest.raises(InputError, match="image statistics: has no rows"):
        referee_matrix_figure(cells(), statistics().iloc[:0])
