"""Particles: discs with known answers, and what must hold for any pair of masks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import binary_dilation

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.particle_matching import (
    MATCH_IOU,
    compare_particles,
    summarise_particles,
)

some_masks = array_shapes(min_dims=2, max_dims=2, min_side=4, max_side=9).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


def discs(*circles, side=96):
    """Mask of (y, x, radius), in pixels."""
    y, x = np.mgrid[:side, :side]
    mask = np.zeros((side, side), bool)
    for centre_y, centre_x, radius in circles:
        mask |= (y - centre_y) ** 2 + (x - centre_x) ** 2 <= radius**2
    return mask


def compare(prediction, truth, pixel_size_nm=0.1, min_area_nm2=0.0):
    return compare_particles(prediction, truth, pixel_size_nm, min_area_nm2=min_area_nm2)


def summary(prediction, truth, **options):
    return summarise_particles(compare(prediction, truth, **options))


def test_discs_are_detected_missed_and_invented():
    truth = discs((20, 20, 10), (20, 70, 10), (70, 20, 10))
    prediction = discs((20, 20, 11), (20, 70, 9), (70, 70, 8))
    result = summary(prediction, truth)
    assert [result[f"n_{name}"] for name in ("particles", "detected", "missed", "invented")] == [
        3,
        2,
        1,
        1,
    ]
    for rate in ("precision", "recall", "f1_score"):
        assert result[rate] == pytest.approx(2 / 3)


def test_precision_and_recall_differ_as_they_should():
    truth = discs((20, 20, 10), (20, 70, 10), (70, 20, 10), (70, 70, 10))
    result = summary(discs((20, 20, 10)), truth)
    assert (result["precision"], result["recall"], result["f1_score"]) == (1.0, 0.25, 0.4)


def test_diameters_are_those_of_the_discs_in_nm():
    table = compare(discs((48, 48, 33)), discs((48, 48, 30)), pixel_size_nm=0.04)
    (row,) = table.to_dict("records")
    assert row["outcome"] == "detected"
    # A pixelated disc has the area of the circle to within a percent at this radius.
    assert row["truth_diameter_nm"] == pytest.approx(2.4, rel=0.01)
    assert row["predicted_diameter_nm"] == pytest.approx(2.64, rel=0.01)
    assert row["size_error_percent"] == pytest.approx(10, abs=0.5)
    assert row["iou"] == pytest.approx((30 / 33) ** 2, abs=0.01)


def test_bias_and_spread_are_over_matched_particles_and_area_over_all():
    square = np.zeros((60, 60), bool)
    truth, prediction = square.copy(), square.copy()
    truth[5:15, 5:15] = truth[30:40, 30:40] = truth[30:40, 5:15] = True
    prediction[5:15, 5:17] = prediction[30:40, 30:38] = True
    result = summary(prediction, truth)
    errors = 100 * (np.sqrt([1.2, 0.8]) - 1)
    assert result["size_bias_percent"] == pytest.approx(errors.mean())
    assert result["size_std_percent"] == pytest.approx(errors.std(ddof=1))
    assert result["area_bias_percent"] == pytest.approx(100 * (200 / 300 - 1))


def test_a_particle_at_the_border_counts_but_has_no_size():
    truth, prediction = discs((0, 40, 12), (60, 60, 12)), discs((2, 40, 13), (60, 60, 12))
    table = compare(prediction, truth)
    assert table["outcome"].tolist() == ["detected", "detected"]
    assert table["touches_border"].tolist() == [True, False]
    assert np.isnan(table["size_error_percent"][0])
    result = summarise_particles(table)
    assert (result["n_detected"], result["n_sized"], result["size_bias_percent"]) == (2, 1, 0.0)


@pytest.mark.parametrize("edge", [np.s_[0, 5], np.s_[-1, 5], np.s_[5, 0], np.s_[5, -1]])
def test_each_edge_is_a_border(edge):
    mask = np.zeros((11, 11), bool)
    mask[edge] = True
    assert compare(mask, mask)["touches_border"].tolist() == [True]


def test_specks_are_dropped_from_both_masks():
    truth, prediction = discs((20, 20, 10), (80, 80, 1)), discs((20, 20, 10), (80, 20, 1))
    assert len(compare(prediction, truth)) == 3
    # A disc of radius 1 px has 5 pixels: 0.05 nm².
    assert len(compare(prediction, truth, min_area_nm2=0.05)) == 3
    assert compare(prediction, truth, min_area_nm2=0.051)["outcome"].tolist() == ["detected"]


def test_a_pair_at_the_smallest_area_is_not_torn():
    truth = np.zeros((9, 9), bool)
    truth[3:5, 3:6] = True
    prediction = truth.copy()
    prediction[5, 3] = True
    result = summary(prediction, truth, pixel_size_nm=1.0, min_area_nm2=7.0)
    assert (result["n_detected"], result["n_invented"]) == (1, 0)


def test_overlap_below_one_half_is_a_miss_and_an_invention():
    row = np.zeros((5, 30), bool)
    truth, half, less = row.copy(), row.copy(), row.copy()
    truth[2, 5:17], half[2, 9:21], less[2, 10:22] = True, True, True
    assert compare(half, truth)["outcome"].tolist() == ["detected"]  # 8 of 16 pixels
    assert sorted(compare(less, truth)["outcome"]) == ["invented", "missed"]  # 7 of 17


def test_particles_that_touch_by_a_corner_are_one():
    mask = np.eye(6, dtype=bool)
    assert summary(mask, mask)["n_particles"] == 1


def test_nothing_against_nothing_has_no_rates():
    empty = np.zeros((8, 8), bool)
    result = summary(empty, empty)
    assert result["n_particles"] == result["n_invented"] == 0
    rates = ["precision", "recall", "f1_score", "size_bias_percent", "area_bias_percent"]
    assert np.isnan([result[name] for name in rates]).all()


def test_pooling_is_concatenation():
    truth = discs((20, 20, 10), (60, 60, 12))
    tables = [compare(discs((20, 20, 11)), truth), compare(discs((60, 60, 11), (20, 80, 5)), truth)]
    result = summarise_particles(pd.concat(tables, ignore_index=True))
    assert [result[f"n_{name}"] for name in ("particles", "detected", "invented")] == [4, 2, 1]


@pytest.mark.parametrize("size", [0.0, -0.1, float("nan")])
def test_a_pixel_without_a_size_is_refused(size):
    with pytest.raises(InputError, match="pixel_size_nm"):
        compare(discs((20, 20, 5)), discs((20, 20, 5)), pixel_size_nm=size)


@settings(max_examples=25, deadline=None)
@given(some_masks)
def test_a_mask_against_itself_is_perfect(masks):
    table = compare(masks[0], masks[0])
    assert (table["outcome"] == "detected").all()
    assert (table["iou"] == 1).all()
    assert (table["size_error_percent"].dropna() == 0).all()


@settings(max_examples=40, deadline=None)
@given(some_masks, st.sampled_from([0.0, 0.03]))
def test_exchanging_the_masks_exchanges_missed_and_invented(masks, min_area_nm2):
    here, there = (summary(*pair, min_area_nm2=min_area_nm2) for pair in (masks, masks[::-1]))
    assert here["n_detected"] == there["n_detected"]
    assert (here["n_missed"], here["n_invented"]) == (there["n_invented"], there["n_missed"])


@settings(max_examples=40, deadline=None)
@given(some_masks)
def test_every_particle_has_one_row(masks):
    """Matches are one to one, or a particle would stand in two rows."""
    table = compare(*masks, pixel_size_nm=1.0)
    for column, mask in zip(("predicted", "truth"), masks, strict=True):
        areas = np.pi / 4 * table[f"{column}_diameter_nm"] ** 2
        assert areas.sum() == pytest.approx(mask.sum())
    assert (table["iou"].dropna() >= MATCH_IOU).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(4, 15), st.floats(20, 40), st.floats(20, 40), st.integers(1, 2))
def test_a_dilated_mask_is_too_large_and_an_eroded_one_too_small(radius, y, x, steps):
    truth = discs((y, x, radius), (70, 70, 12))
    dilated = binary_dilation(truth, iterations=1 if radius < 8 else steps)
    assert summary(dilated, truth)["size_bias_percent"] > 0
    assert summary(truth, dilated)["size_bias_percent"] < 0
    assert summary(dilated, truth)["area_bias_percent"] > 0
