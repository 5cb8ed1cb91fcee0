"""What preparation found: every micrograph is there, and every number beside it is right."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from hrtem_shift.errors import InputError
from hrtem_shift.figures.preparation_overview import (
    MOST_POINTS,
    number,
    preparation_overview_figure,
)

TITLES = ["exposure", "x-rays", "uneven light", "particles", "patches kept"]


def result(name="Au_2p2nm_330kx_423e", n=5, mean_counts=1500.0, **columns):
    """One data set; its micrographs differ a little."""
    step = np.arange(n)
    table = {
        "data_set": name,
        "micrograph": [f"{name}_{k:04}" for k in step],
        "mean_counts": mean_counts + step,
        "xrays_px": step % 7,
        "light_low_counts": 0.8 * mean_counts - step % 9,
        "light_high_counts": mean_counts,
        "particle_fraction": 0.05 + 0.02 * (step % 11),
        "patches": 16,
        "patches_kept": 16 - step % 5,
    }
    return pd.DataFrame({**table, **columns})


def panel(figure, title):
    (ax,) = (ax for ax in figure.axes if ax.get_title(loc="left") == title)
    return ax


def points(ax):
    """x and y of all micrographs that are drawn as points."""
    lines = [line for line in ax.lines if line.get_marker() == "o"]
    return np.concatenate([np.stack(line.get_data(), axis=1) for line in lines])


def wording(ax):
    return [text.get_text() for text in ax.texts]


@pytest.fixture(scope="module")
def few():
    return preparation_overview_figure(pd.concat([result("other", 1), result(n=3)]))


def test_panels_name_their_quantity_and_unit(few):
    assert [ax.get_title(loc="left") for ax in few.axes] == TITLES
    units = [ax.get_xlabel().rpartition(" ")[2] for ax in few.axes]
    assert units == ["[counts]", "[pixels]", "[%]", "[%]", "[%]"]


def test_data_sets_stand_in_the_order_of_the_table():
    figure = preparation_overview_figure(
        pd.concat([result("b", 3), result("c", 1), result("a", 2)])
    )
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["b\n3 micrographs", "c\n1 micrograph", "a\n2 micrographs"]
    top, bottom = figure.axes[0].get_ylim()[::-1]
    assert top < 0 < 2 < bottom


@pytest.mark.parametrize(
    ("title", "values"),
    [
        ("exposure", [1500, 1501, 1502]),
        ("x-rays", [0, 1, 2]),
        ("uneven light", [20, 100 * 301 / 1500, 100 * 302 / 1500]),
        ("particles", [5, 7, 9]),
        ("patches kept", [100, 93.75, 87.5]),
    ],
)
def test_every_micrograph_of_a_few_is_a_point_in_the_row_of_its_set(few, title, values):
    drawn = points(panel(few, title))
    np.testing.assert_allclose(drawn[1:, 0], values)
    assert (abs(drawn[:, 1] - [0, 1, 1, 1]) < 0.3).all()
    assert len(set(drawn[1:, 1])) == 3, "equal values would hide each other"


def test_many_micrographs_are_a_box_and_points_beyond_it():
    many = result(n=1000)
    ax = panel(preparation_overview_figure(many), "exposure")
    line, bar = (one.get_xdata() for one in ax.lines if one.get_marker() != "o" and one_row(one))
    np.testing.assert_allclose(line, np.percentile(many["mean_counts"], [1, 99]))
    np.testing.assert_allclose(bar, np.percentile(many["mean_counts"], [25, 75]))
    beyond = [*range(1500, 1510), *range(2490, 2500)]
    np.testing.assert_array_equal(points(ax)[:, 0], beyond)


def one_row(line):
    x, y = line.get_data()
    return len(set(y)) == 1 and len(x) == 2


@pytest.mark.parametrize("n", [MOST_POINTS, MOST_POINTS + 1])
def test_the_key_explains_what_is_drawn(n):
    figure = preparation_overview_figure(result(n=n))
    assert ("bar: middle half" in figure.get_supxlabel()) == (n > MOST_POINTS)
    assert ("point: a micrograph" in figure.get_supxlabel()) == (n <= MOST_POINTS)
    assert len(points(figure.axes[0])) == (n if n <= MOST_POINTS else 2)


def test_numbers_beside_a_row_are_those_of_its_set():
    figure = preparation_overview_figure(pd.concat([result(n=5), result("one", 1)]))
    beside = {title: wording(panel(figure, title)) for title in TITLES}
    assert beside == {
        "exposure": ["1,502\n± 0.1 %", "1,500"],
        "x-rays": ["2", "0"],
        "uneven light": ["20.1", "20"],
        "particles": ["9", "5"],
        "patches kept": ["70\nof 80", "16\nof 16"],
    }
    medians = [line.get_xdata()[0] for line in panel(figure, "x-rays").lines if upright(line)]
    assert medians == [2, 0]


def upright(line):
    x, y = line.get_data()
    return len(x) == 2 and x[0] == x[1] and y[0] != y[1]


@pytest.mark.parametrize("absent", [None, np.nan])
def test_steps_that_are_left_out_are_said_once(absent):
    light = dict.fromkeys(["light_low_counts", "light_high_counts"], absent)
    table = pd.concat([result(name, 3, xrays_px=absent, **light) for name in "ab"])
    figure = preparation_overview_figure(table)
    assert wording(panel(figure, "x-rays")) == ["not looked for"]
    assert wording(panel(figure, "uneven light")) == ["not fitted"]
    assert all(panel(figure, title).get_xticks().size == 0 for title in TITLES[1:3])
    assert len(points(panel(figure, "exposure"))) == 6


def test_a_single_set_without_a_step_says_so_in_its_row():
    figure = preparation_overview_figure(pd.concat([result("a"), result("b", xrays_px=None)]))
    ax = panel(figure, "x-rays")
    assert wording(ax) == ["2", "not looked for"]
    assert ax.texts[1].get_position()[1] == 1


def test_counts_are_drawn_on_decades_only_where_they_range_over_them():
    near = preparation_overview_figure(pd.concat([result("a"), result("b", mean_counts=15000)]))
    far = preparation_overview_figure(
        pd.concat([result("a"), result("b", mean_counts=45000, xrays_px=3000)])
    )
    scales = [[ax.get_xscale() for ax in figure.axes] for figure in (near, far)]
    assert scales[0] == ["linear"] * 5
    assert scales[1] == ["symlog", "symlog", "linear", "linear", "linear"]


def test_micrographs_without_any_finding_still_draw():
    nothing = result(n=80, xrays_px=0, particle_fraction=0.0, patches_kept=0)
    figure = preparation_overview_figure(nothing)
    figure.draw_without_rendering()
    assert wording(panel(figure, "patches kept")) == ["0\nof 1,280"]


def test_the_same_table_gives_the_same_picture(few):
    table = pd.concat([result("other", 1), result(n=3)])
    for ax, again in zip(few.axes, preparation_overview_figure(table).axes, strict=True):
        np.testing.assert_array_equal(points(ax), points(again))


def shown_texts(figure):
    beyond = set()  # matplotlib keeps labels outside of the axis, and does not draw them
    for ax in figure.axes:
        low, high = ax.get_xlim()
        ticks = zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
        beyond |= {label for position, label in ticks if not low <= position <= high}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text() and text not in beyond
    ]


@pytest.mark.parametrize(("sets", "n"), [(1, 8), (3, 4000), (10, 30)])
def test_texts_are_whole_and_apart(sets, n):
    names = ["Au_2p2nm_330kx_423e", *(f"CdSe_2nm_330kx_80e_{k}" for k in range(1, sets))]
    table = [
        result(name, n, mean_counts=[12.0, 30000.0][k % 2], xrays_px=[3, 40000][k % 2])
        for k, name in enumerate(names)
    ]
    figure = preparation_overview_figure(pd.concat(table))
    FigureCanvasAgg(figure).draw()
    texts = shown_texts(figure)
    boxes = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, boxes, strict=True):
        assert box.x0 >= 0 and box.y0 >= 0, text
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for one, other in combinations(range(len(texts)), 2):
        assert not boxes[one].overlaps(boxes[other]), (texts[one], texts[other])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.1234, "0.123"), (99.94, "99.9"), (99.96, "100"), (1e5, "100,000")],
)
def test_numbers_are_short_to_read(value, text):
    assert number(value) == text


def test_a_table_that_lacks_columns_or_rows_is_refused():
    with pytest.raises(InputError, match=r"lacks the column\(s\) xrays_px, patches"):
        preparation_overview_figure(result().drop(columns=["xrays_px", "patches"]))
    with pytest.raises(InputError, match="no rows"):
        preparation_overview_figure(result().iloc[:0])
