"""Loss against distance, predicted against measured Dice, and the claims in sentences."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.figures.claims_answer import claims_answer
from hrtem_shift.figures.loss_against_distance import WHAT_TO_DO, loss_against_distance_figure
from hrtem_shift.figures.predicted_against_measured import predicted_against_measured_figure
from hrtem_shift.shift.stability import AXES, distances_of_loss


def losses(axes):
    draw = np.random.default_rng(0)
    rows = [
        (axis.name, axis.unit, f"t{k % 8}", f"u{k}", float(d), 0.02 * d + draw.normal(0, 0.01))
        for axis, n in axes
        for k, d in enumerate(np.linspace(1, 6, n))
    ]
    columns = ["axis", "unit", "train_set", "test_set", "distance", "loss"]
    return pd.DataFrame(rows, columns=columns)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_a_panel_an_axis_says_where_dice_is_lost_and_what_to_do():
    assert set(WHAT_TO_DO) == {axis.name for axis in AXES}
    table = losses([(AXES[0], 24), (AXES[7], 24), (AXES[2], 4)])
    distances = distances_of_loss(table, seed=1)
    figure = loss_against_distance_figure(table, distances)
    defocus, dose, cs = [ax for ax in figure.axes if ax.get_visible()]
    assert defocus.get_title(loc="left") == "Defocus, towards underfocus (n = 24)"
    assert WHAT_TO_DO[AXES[0].name] in texts(defocus)
    expected = distances.set_index(["axis", "loss"]).loc[(AXES[0].name, 0.05), "distance"]
    assert expected == pytest.approx(2.5, rel=0.3)
    assert any(text.startswith(f"0.05 lost at {expected:.2g} nm (") for text in texts(defocus))
    (diamond,) = [x for x in defocus.lines if x.get_marker() == "D" and x.get_ydata()[0] == 0.05]
    assert diamond.get_xdata()[0] == pytest.approx(expected)
    assert "0.15 not lost up to a factor of 64" in texts(dose)
    assert cs.get_title(loc="left") == "Cs (n = 4: too few to decide)" and len(texts(cs)) == 1


def test_without_pairs_the_figure_says_so():
    nothing = losses([])
    figure = loss_against_distance_figure(nothing, distances_of_loss(nothing, seed=1))
    assert "in one quantity alone" in figure.texts[0].get_text()
    empty = pd.DataFrame(columns=["held_out", "hard_dice", "best", "baseline", "model"])
    assert "score is missing" in predicted_against_measured_figure(empty).texts[0].get_text()


def test_points_and_errors_are_those_of_the_table():
    table = pd.DataFrame(
        {
            "held_out": ["row", "both", "both", "training set"],
            "hard_dice": [0.1, 0.5, 0.7, 0.6],
            "best": [0.9, 0.6, 0.7, 0.6],
            "baseline": [0.9, 0.2, 0.7, 0.9],
            "model": "joint, signed",
        }
    )
    left, right = predicted_against_measured_figure(table).axes
    assert left.get_title(loc="left") == "best model: joint, signed"
    assert left.lines[0].get_xdata().tolist() == [0.5, 0.7]
    assert left.lines[0].get_ydata().tolist() == [0.6, 0.7]
    assert "error 0.071" in left.lines[0].get_label()  # 0.1 / sqrt(2)
    assert "error 0.300" in right.lines[1].get_label()


def test_the_answer_counts_claims_and_names_the_best_model():
    claims = pd.DataFrame(
        {
            "claim": ["stability", "predictability", "predictability", "dose", "networks"],
            "statistic": ["d", "R² of joint, power, rows held out", "R² of x", "J", "number"],
            "value": [3.0, 0.91, -0.2, 0.1, 5],
            "note": [np.nan, "the best model", "the best model", "no row", np.nan],  # of a file
            "claim_verdict": ["holds", "fails", "fails", "undecided", "reported"],
        }
    )
    distances = pd.DataFrame(
        {"axis": ["Cs", "dose"], "unit": ["mm", "x"], "loss": 0.05, "distance": [0.6, np.inf]}
    )
    assert claims_answer(claims, distances) == [
        "Of the 3 registered claims 1 holds (stability); 1 fails (predictability); "
        "1 is undecided (dose).",
        "Dice is best predicted by the model 'joint, power': R² 0.91 for training conditions that "
        "were held out, −0.20 for test conditions.",
        "0.05 of Dice is lost at a distance of: Cs: 0.6 mm.",
    ]
