"""The generalization matrix says every number, and says why one is missing."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.figures.colours import text_on
from hrtem_shift.figures.generalization_matrix import generalization_matrix_figure

SETS = ["gold", "silver", "cdse"]
LONG = "5 nm gold on carbon at 330 kX and 884 e/Å²"


def scores(sets=SETS, bias=None, **dice):
    """Two networks a cell, 0.02 apart; `dice` overrides a cell by 'train_test'."""
    rows = [
        {
            "train_set": train,
            "test_set": test,
            "fold": fold,
            "seed": 1,
            "hard_dice": dice.get(f"{train}_{test}", 0.8) + step,
            "false_positive_rate": 0.1 + step,
            "false_negative_rate": 0.3 + step,
        }
        for train in sets
        for test in sets
        for fold, step in enumerate((-0.01, 0.01))
    ]
    table = pd.DataFrame(rows)
    return table if bias is None else table.assign(size_bias_percent=bias)


def at(table, train, test):
    return (table["train_set"] == train) & (table["test_set"] == test)


def panels(figure):
    """Axes by title, without the bars of colours."""
    return {ax.get_title(): ax for ax in figure.axes if ax.get_title()}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def text_at(ax, column, row):
    (result,) = [t.get_text() for t in ax.texts if t.get_position() == (column, row)]
    return result


def column_names(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


def dice_panel(*args, **options):
    return panels(generalization_matrix_figure(*args, **options))["Hard Dice"]


def overlapping(boxes):
    return [(a, b) for k, a in enumerate(boxes) for b in boxes[k + 1 :] if a.overlaps(b)]


def test_three_panels_name_dice_over_and_undersegmentation():
    shown = panels(generalization_matrix_figure(scores()))
    assert list(shown) == ["Hard Dice", "False-positive rate", "False-negative rate"]
    assert "oversegmentation" in texts(shown["False-positive rate"])
    assert "undersegmentation" in texts(shown["False-negative rate"])
    assert {ax.get_xlabel() for ax in shown.values()} == {"tested on"}
    assert shown["Hard Dice"].get_ylabel() == "trained on"


def test_size_bias_is_a_fourth_panel_centred_on_zero():
    table = scores(bias=-23.0)
    table.loc[at(table, "gold", "cdse"), "size_bias_percent"] = [4.0, 4.2]
    ax = panels(generalization_matrix_figure(table))["Size bias (%)"]
    assert ax.images[0].get_clim() == (-30, 30)
    assert text_at(ax, 0, 0) == "−23\n±0.0"
    assert text_at(ax, 2, 0) == "+4.1\n±0.1"


def test_cell_stands_where_its_train_row_and_test_column_cross():
    ax = dice_panel(scores(gold_cdse=0.46))
    # Two values 0.02 apart: sample standard deviation 0.02 / sqrt(2).
    assert text_at(ax, 2, 0) == "0.46\n±0.01"
    assert ax.images[0].get_array()[0, 2] == pytest.approx(0.46)


def test_rows_and_columns_follow_the_table_or_the_order_and_bear_labels():
    assert column_names(dice_panel(scores())) == SETS
    ax = dice_panel(scores(gold_cdse=0.46), {"gold": "Au"}, ["cdse", "unused", "gold", "silver"])
    assert column_names(ax) == ["cdse", "Au", "silver"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cdse", "Au", "silver"]
    assert text_at(ax, 0, 1).startswith("0.46")


def test_an_order_that_forgets_a_set_is_refused():
    with pytest.raises(InputError, match="order: lacks silver"):
        generalization_matrix_figure(scores(), order=["gold", "cdse"])


def test_the_number_of_networks_stands_below_and_in_cells_with_another():
    table = scores()
    table.loc[0, "hard_dice"] = np.nan
    figure = generalization_matrix_figure(table)
    assert "over 2 networks, or n where" in figure.get_supxlabel()
    shown = texts(panels(figure)["Hard Dice"])
    assert text_at(panels(figure)["Hard Dice"], 0, 0) == "0.81\nn = 1"
    assert sum("n =" in text for text in shown) == 1


def test_one_network_a_cell_has_no_deviation():
    figure = generalization_matrix_figure(scores().query("fold == 0"))
    assert text_at(panels(figure)["Hard Dice"], 0, 0) == "0.79"
    assert figure.get_supxlabel().startswith("score of 1 network;")


def test_a_missing_cell_tells_why():
    table = scores().assign(reason="")
    table = table[~at(table, "cdse", "gold")]
    rates = ["hard_dice", "false_positive_rate", "false_negative_rate"]
    table.loc[at(table, "gold", "silver"), rates] = np.nan
    table.loc[at(table, "gold", "silver"), "reason"] = "loss diverged"
    table.loc[at(table, "silver", "silver"), rates] = np.nan
    for ax in panels(generalization_matrix_figure(table)).values():
        assert text_at(ax, 0, 2) == "not tested"
        assert text_at(ax, 1, 0) == "loss diverged"
        assert text_at(ax, 1, 1) == "missing"
        assert ax.images[0].get_array().mask.sum() == 3


def test_a_long_reason_is_cut_to_three_lines():
    table = scores().assign(reason="the machine ran out of memory in epoch 17 " * 4)
    table.loc[at(table, "gold", "silver"), "hard_dice"] = np.nan
    text = text_at(dice_panel(table), 1, 0)
    assert text.startswith("the machine")
    assert text.endswith("…") and text.count("\n") == 2


def test_diagonal_is_outlined_also_when_the_matrix_is_not_square():
    table = scores()
    (outline,) = dice_panel(table[table["train_set"] == "silver"]).patches
    assert (outline.get_x(), outline.get_y()) == pytest.approx((0.53, -0.47))


def test_both_rates_share_a_range_and_dice_has_all_of_its_own():
    shown = panels(generalization_matrix_figure(scores()))
    limits = [ax.images[0].get_clim() for ax in shown.values()]
    assert limits[0] == (0.0, 1.0)
    assert limits[1] == limits[2] == (0.0, pytest.approx(0.3))


def test_text_turns_white_on_dark_cells():
    ax = dice_panel(scores(gold_cdse=0.1, gold_gold=0.95))
    colours = {text.get_text()[:4]: text.get_color() for text in ax.texts}
    assert colours["0.10"] == "white"
    assert colours["0.95"] == text_on((1, 1, 1)) != "white"


@pytest.mark.parametrize(("n_sets", "bias"), [(2, None), (4, 3.0), (5, None), (10, 3.0)])
def test_no_text_of_a_panel_touches_another(n_sets, bias):
    names = [f"{LONG} {k}" for k in range(n_sets)]
    table = scores(names, bias)
    table.loc[at(table, names[0], names[1]), "hard_dice"] = np.nan
    figure = generalization_matrix_figure(table)
    figure.draw_without_rendering()
    for ax in panels(figure).values():
        cells = [text.get_window_extent() for text in ax.texts if text.get_text()]
        labels = [label.get_window_extent() for label in ax.get_xticklabels()]
        assert not overlapping(cells + labels)


def test_figures_are_as_wide_as_a_page_whatever_the_number_of_sets():
    widths = {
        generalization_matrix_figure(scores(list("abcdefghij")[:n])).get_figwidth()
        for n in (2, 5, 10)
    }
    assert len(widths) == 1


def test_lacking_column_is_named():
    with pytest.raises(InputError, match=r"scores: lacks .*false_negative_rate"):
        generalization_matrix_figure(scores().drop(columns="false_negative_rate"))


def test_empty_table_is_refused():
    with pytest.raises(InputError, match="no rows"):
        generalization_matrix_figure(scores().iloc[:0])
