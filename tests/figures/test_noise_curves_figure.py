"""Noise curves: two panels, a line a test set, its reference, and its best rho."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from hrtem_shift.figures.noise_curves import _spread, noise_curves_figure

DICE = {
    "dose_884": [0.92, 0.90, 0.60],
    "dose_80": [0.46, 0.75, 0.70],
}
SAME = pd.DataFrame(
    {
        "test_set": ["dose_80", "dose_884"],
        "hard_dice_mean": [0.85, 0.91],
        "hard_dice_std": [0.01, 0.01],
        "n_networks": [5, 5],
    }
)


def curves(modes=("fixed", "uniform")):
    rows = [
        (mode, rho, name, dice, 0.02, 2)
        for mode in modes
        for name, values in DICE.items()
        for rho, dice in zip((0.0, 0.5, 1.0), values, strict=True)
    ]
    columns = ["mode", "rho", "test_set", "hard_dice_mean", "hard_dice_std", "n_networks"]
    return pd.DataFrame(rows[::-1], columns=columns)  # out of order on purpose


def solid(ax):
    return [line for line in ax.lines if line.get_linestyle() == "-"]


def dotted(ax):
    return [line for line in ax.lines if line.get_linestyle() == ":"]


def labels(ax):
    return [text.get_text() for text in ax.texts]


def test_two_panels_with_one_line_a_test_set():
    figure = noise_curves_figure(curves(), SAME)
    assert len(figure.axes) == 2
    for ax in figure.axes:
        assert len(solid(ax)) == len(ax.collections) == 2
        assert all(list(line.get_xdata()) == [0.0, 0.5, 1.0] for line in solid(ax))


def test_reference_has_the_colour_of_its_line():
    ax = noise_curves_figure(curves(), SAME).axes[0]
    by_start = {line.get_ydata()[0]: to_hex(line.get_color()) for line in solid(ax)}
    reference = {line.get_ydata()[0]: to_hex(line.get_color()) for line in dotted(ax)}
    assert reference == {0.91: by_start[0.92], 0.85: by_start[0.46]}
    assert len(set(reference.values())) == 2


def test_labels_name_dose_and_best_rho():
    named = {"dose_80": "80 e/Å²", "dose_884": "884 e/Å²"}
    fixed, uniform = noise_curves_figure(curves(), SAME, named).axes
    assert "80 e/Å²\nbest 0.75 at ρ = 0.5" in labels(fixed)
    assert "80 e/Å²\nbest 0.75 at ρ ≤ 0.5" in labels(uniform)
    assert "884 e/Å²\nbest 0.92 at ρ = 0" in labels(fixed)


def test_ring_stands_at_the_best_rho():
    ax = noise_curves_figure(curves(), SAME).axes[0]
    rings = {
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in ax.lines
        if line.get_markerfacecolor() == "none"
    }
    assert rings == {(0.0, 0.92), (0.5, 0.75)}


def test_caption_states_both_n():
    caption = noise_curves_figure(curves(), SAME.assign(n_networks=[4, 5])).get_supxlabel()
    assert "over n = 2 networks" in caption
    assert "n = 4 to 5 networks" in caption


def test_a_panel_a_mode_that_was_run():
    figure = noise_curves_figure(curves(modes=("fixed", "same_noise")), SAME.iloc[:0])
    assert len(figure.axes) == 2
    assert "at the test" in figure.axes[1].get_title(loc="left")
    assert "dotted" not in figure.get_supxlabel()


def test_missing_points_and_single_networks_do_not_stop_the_figure():
    table = curves()
    table["hard_dice_std"] = np.nan
    table.loc[table["test_set"] == "dose_884", "hard_dice_mean"] = np.nan
    figure = noise_curves_figure(table, SAME)
    figure.draw_without_rendering()
    assert len(solid(figure.axes[0])) == 1


@pytest.mark.parametrize("wanted", [[0.5, 0.5, 0.5], [0.9, 0.1, 0.12], [0.2], []])
def test_labels_keep_their_order_and_their_distance(wanted):
    positions = _spread(wanted, 0.13)
    assert (
        np.argsort(positions, kind="stable").tolist() == np.argsort(wanted, kind="stable").tolist()
    )
    assert all(np.diff(sorted(positions)) >= 0.13 - 1e-12)


def test_labels_that_do_not_meet_stay():
    assert _spread([0.9, 0.1], 0.13) == pytest.approx([0.9, 0.1])
