"""Distances at which Dice is lost: as planted, within intervals that cover them."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.shift.stability import (
    distances_of_loss,
    first_distance,
    isotonic_loss,
    losses_along_axes,
)

NAME = "defocus, towards underfocus"
DISTANCES_nm = np.arange(4.0, 80, 4)


def losses(seed, rows=30, slope=0.0025, spread=0.3, noise=0.02):
    """Loss in proportion to the distance, each training condition with a slope of its own."""
    draw = np.random.default_rng(seed)
    slopes = slope * (1 + spread * draw.standard_normal(rows))
    table = [
        (NAME, "nm", f"t{i}", f"u{j}", d, slopes[i] * d + noise * draw.standard_normal())
        for i in range(rows)
        for j, d in enumerate(DISTANCES_nm)
        if draw.uniform() < 0.5
    ]
    columns = ["axis", "unit", "train_set", "test_set", "distance", "loss"]
    return pd.DataFrame(table, columns=columns)


def estimates(table, seed=1):
    result = distances_of_loss(table, seed=seed)
    return result[result["axis"] == NAME].set_index("loss")


def test_a_linear_loss_has_its_distances():
    result = estimates(losses(0, rows=200))
    assert result.loc[0.05, "distance"] == pytest.approx(20, rel=0.1)
    assert result.loc[0.15, "distance"] == pytest.approx(60, rel=0.1)
    assert (result["low"] < result["distance"]).all()
    assert (result["distance"] < result["high"]).all()
    assert (result["n_train"] == 200).all()


@pytest.mark.slow
def test_intervals_cover_what_was_planted():
    """In some 95 of 100 studies; 88 to 99 of 150 are within what chance allows."""
    repetitions = 150
    covered = np.zeros(2)
    for seed in range(repetitions):
        result = estimates(losses(seed), seed)
        for k, (loss, true) in enumerate(((0.05, 20.0), (0.15, 60.0))):
            covered[k] += result.loc[loss, "low"] <= true <= result.loc[loss, "high"]
    share = covered / repetitions
    assert (share >= 0.88).all() and (share <= 0.99).all(), share


def test_a_loss_that_is_never_reached_is_beyond_and_few_pairs_decide_nothing():
    table = losses(0, slope=0.001, noise=0.001)
    result = estimates(table)
    assert result.loc[0.15, "distance"] == np.inf and result.loc[0.15, "low"] == np.inf
    assert result.loc[0.15, "farthest"] == DISTANCES_nm.max()
    few = estimates(table.head(5))
    assert few["distance"].isna().all() and (few["n_pairs"] == 5).all()


def test_the_distance_is_interpolated_from_no_loss_at_zero():
    distance, fitted = np.array([10.0, 20.0, 30.0]), np.array([0.02, 0.08, 0.2])
    assert first_distance(distance, fitted, 0.05) == pytest.approx(15)
    assert first_distance(distance, fitted, 0.01) == pytest.approx(5)
    assert first_distance(distance, fitted, 0.2) == np.inf  # reached, not exceeded
    table = losses(0).assign(distance=5.0)
    nodes, mean = isotonic_loss(table)
    assert nodes.tolist() == [5.0] and mean[0] == pytest.approx(table["loss"].mean())


def test_pairs_lie_on_an_axis_if_all_else_is_equal():
    def at(**fields):
        return ImagingConditions(**{"defocus_nm": 12, "dose_e_per_A2": 400, **fields})

    conditions = {
        "middle": at(),
        "far": at(defocus_nm=60),
        "over": at(defocus_nm=-8),
        "dim": at(dose_e_per_A2=100),
        "both": at(defocus_nm=60, dose_e_per_A2=100),
        "lens": at(cs_mm=0.6),
    }
    dice = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [0.3, 0.8, 0.1, 0.2, 0.75, 0.0]])
    table = losses_along_axes(dice, conditions)
    found = {
        (row.axis, row.train_set, row.test_set): (row.distance, round(row.loss, 9))
        for row in table.itertuples()
    }
    assert found == {
        (NAME, "middle", "far"): (48, 0.1),
        ("defocus, towards overfocus", "middle", "over"): (20, 0.2),
        ("defocus, towards overfocus", "far", "middle"): (48, 0.5),
        ("defocus, towards overfocus", "far", "over"): (68, 0.7),
        ("dose, down", "middle", "dim"): (2, 0.3),
        ("dose, down", "far", "both"): (2, 0.05),
        ("Cs", "middle", "lens"): (0.6, 0.5),
    }
