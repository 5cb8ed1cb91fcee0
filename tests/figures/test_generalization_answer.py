"""Labels, sentences and the figure of gaps, from tables whose answer is known."""

import pandas as pd
from study_scores import DATA_SETS, by_distance, nothing, scores

from hrtem_shift.evaluation.study_summary import (
    asymmetries,
    difficulties,
    distance_correlation,
    gaps,
    matrices,
)
from hrtem_shift.figures.data_set_labels import display_names
from hrtem_shift.figures.generalization_answer import generalization_answer
from hrtem_shift.figures.generalization_gaps import generalization_gaps_figure

AXIS = "pixel_size_nm"
LABELS = display_names(DATA_SETS, AXIS)


def answer(table, axis=AXIS):
    result = gaps(table, nothing(), seed=1)
    if axis:
        far = distance_correlation(table, DATA_SETS, axis, seed=1)
        result = pd.concat([result, far])
    tables = matrices(table), result, difficulties(table), asymmetries(table)
    return generalization_answer(*tables, LABELS, axis)


def test_sets_are_called_by_their_value_or_by_a_given_label_or_by_name():
    assert LABELS == {"small": "0.02 nm", "middle": "0.03 nm", "large": "0.04 nm"}
    assert display_names(DATA_SETS) == {name: name for name in LABELS}
    assert display_names(DATA_SETS, AXIS, {"small": "fine"})["small"] == "fine"


def test_two_sets_are_never_called_the_same():
    table = DATA_SETS.assign(pixel_size_nm=[0.02, 0.02, 0.04])
    assert display_names(table, AXIS) == {"small": "small", "middle": "middle", "large": "0.04 nm"}


def test_the_answer_names_levels_gap_and_distance():
    (paragraph,) = answer(scores(dice=by_distance))
    assert "n = 15 networks" in paragraph
    assert "The loss grows with the ratio of pixel sizes" in paragraph
    assert "trained on 0.02 nm and tested on 0.04 nm" in paragraph or (
        "trained on 0.04 nm and tested on 0.02 nm" in paragraph
    )


def test_the_answer_says_what_is_not_decided():
    (paragraph,) = answer(scores(noise=0.05))
    assert "which may be zero" in paragraph and "is not decided" in paragraph
    assert "No pair of sets is asymmetric" in paragraph


def test_variants_are_compared():
    paragraphs = answer(scores(("as_recorded", "flat_field"), dice=by_distance), axis=None)
    assert [text.split(":")[0] for text in paragraphs[:2]] == ["As recorded", "Flat field"]
    assert paragraphs[2].startswith("Variants compared.") and "Gap: As recorded" in paragraphs[2]


def test_gaps_are_drawn_by_set_or_by_variant():
    table = scores(dice=by_distance)
    figure = generalization_gaps_figure(table, gaps(table, nothing(), seed=1), DATA_SETS, LABELS)
    (ax,) = figure.axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list(LABELS.values())
    several = scores(("as_recorded", "flat_field"), dice=by_distance)
    result = gaps(several, nothing(), seed=1)
    figure = generalization_gaps_figure(several, result, DATA_SETS, LABELS, AXIS)
    left, right = figure.axes
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["as recorded", "flat field"]
    assert sum(len(line.get_xdata()) for line in right.lines) == 2 + 12  # the line at 0, pairs
