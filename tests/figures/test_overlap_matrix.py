"""Both matrices stand side by side in one order, and say what is missing."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from hrtem_shift.errors import InputError
from hrtem_shift.figures.overlap_matrix import overlap_matrix_figure


def cells(train=("b", "a"), test=("a", "b", "c")):
    rows = [(x, y, 1.0 if x == y else 0.25, 0.9 if x == y else 0.4, 3) for x in train for y in test]
    return pd.DataFrame(rows, columns=["train_set", "test_set", "overlap", "hard_dice", "n"])


def panels(table, **options):
    figure = overlap_matrix_figure(table, **options)
    return figure, {ax.get_title(): ax for ax in figure.axes if ax.get_title()}


def test_rows_and_columns_follow_the_table_in_both():
    figure, shown = panels(cells(), labels={"a": "10 nm"})
    overlap, dice = shown.values()
    assert list(shown)[1] == "Hard Dice" and "reconstruction" in next(iter(shown))
    assert overlap.images[0].get_array().tolist() == [[0.25, 1, 0.25], [1, 0.25, 0.25]]
    assert dice.images[0].get_array().tolist() == [[0.4, 0.9, 0.4], [0.9, 0.4, 0.4]]
    assert [t.get_text() for t in dice.get_xticklabels()] == ["10 nm", "b", "c"]
    assert [t.get_text() for t in overlap.get_yticklabels()] == ["b", "10 nm"]
    assert "n = 3 networks" in figure.get_supxlabel()


def test_cells_say_their_numbers_and_missing_ones_a_dash():
    table = cells()
    table.loc[0, "hard_dice"] = np.nan
    table.loc[1, "hard_dice"] = 0.0
    _, shown = panels(table)
    wording = [text.get_text() for text in shown["Hard Dice"].texts]
    assert wording == ["–", "0", ".40", ".90", ".40", ".40"]


def test_the_condition_of_training_is_outlined():
    _, shown = panels(cells())
    outlined = [p for p in shown["Hard Dice"].patches if isinstance(p, Rectangle)]
    corners = [(round(p.get_x() + 0.48), round(p.get_y() + 0.46)) for p in outlined]
    assert corners == [(1, 0), (0, 1)]


def test_many_conditions_have_no_numbers_and_not_every_name():
    names = [f"condition {k}" for k in range(60)]
    figure, shown = panels(cells(names, names))
    ax = shown["Hard Dice"]
    assert not ax.texts
    assert len(ax.get_xticks()) == 30
    assert figure.get_figheight() < 12


def test_signed_overlaps_have_room_below_zero():
    table = cells()
    table.loc[0, "overlap"] = -0.83
    _, shown = panels(table)
    assert next(iter(shown.values())).images[0].get_clim() == (-0.9, 1)


def test_lacking_columns_are_named():
    with pytest.raises(InputError, match="lacks the column"):
        overlap_matrix_figure(cells().drop(columns="n"))
