"""Examples: four panels a row, errors in their colours, a scale bar of true length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from hrtem_shift.errors import InputError
from hrtem_shift.figures.colours import BLUE, PALE, VERMILLION
from hrtem_shift.figures.examples import Example, error_colours, examples_figure, round_length_nm


def example(title="Worst of 9, trained at 884, tested at 80 e/Å²", shape=(64, 96)):
    image = np.random.default_rng(3).normal(size=shape)
    label = np.zeros(shape, dtype=bool)
    label[10:30, 10:40] = True
    return Example(title, image, label, np.roll(label, 5, axis=1), 0.05, 0.8333)


def test_a_row_an_example_with_four_named_panels():
    figure = examples_figure([example("worst"), example("median"), example("best")])
    assert len(figure.axes) == 12
    headings = [ax.get_title() for ax in figure.axes[:4]]
    assert headings == ["image", "label", "prediction", "errors"]
    titles = [row.get_suptitle() for row in figure.subfigs]
    assert titles == [f"{name}: hard Dice 0.83" for name in ("worst", "median", "best")]


def test_errors_have_the_colours_of_the_legend():
    label = np.array([[True, False, True, False]])
    prediction = np.array([[True, True, False, False]])
    wanted = [to_rgb(PALE), to_rgb(VERMILLION), to_rgb(BLUE), (1.0, 1.0, 1.0)]
    np.testing.assert_array_equal(error_colours(label, prediction)[0], wanted)

    (legend,) = examples_figure([example()]).legends
    wording = [text.get_text() for text in legend.get_texts()]
    shown = [patch.get_facecolor()[:3] for patch in legend.get_patches()]
    assert [text.split(" (")[0] for text in wording] == ["hit", "false positive", "false negative"]
    assert shown == wanted[:3]


def test_scale_bar_is_as_long_as_it_says():
    ax = examples_figure([example()]).axes[0]
    # 96 pixels of 0.05 nm are 4.8 nm; three tenths of it hold 1 nm = 20 pixels.
    assert [text.get_text() for text in ax.texts] == ["1 nm"]
    bars = [
        p for p in ax.patches if isinstance(p, Rectangle) and p.get_facecolor()[:3] == (1, 1, 1)
    ]
    assert [bar.get_width() for bar in bars] == [pytest.approx(20)]


@given(st.floats(1e-3, 1e4))
def test_round_length_fits_and_is_at_least_two_fifths(longest):
    length = round_length_nm(longest)
    assert 0.4 * longest * (1 - 1e-9) <= length <= longest * (1 + 1e-5)
    assert f"{length:e}"[0] in "125"


def test_shapes_must_agree():
    with pytest.raises(InputError, match=r"example 'x': image \(4, 4\), label \(4, 5\)"):
        Example("x", np.zeros((4, 4)), np.zeros((4, 5)), np.zeros((4, 4)), 0.05, 0.0)


def test_no_example_is_refused():
    with pytest.raises(InputError, match="examples: is empty"):
        examples_figure([])


def test_flat_image_draws():
    flat = Example("flat", np.ones((8, 8)), *(np.zeros((8, 8), bool),) * 2, 0.05, 1.0)
    examples_figure([flat]).draw_without_rendering()
