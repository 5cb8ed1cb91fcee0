"""Interpolation along series of defocus, and medians of repeated values."""

import numpy as np
import pytest

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.shift.defocus_series import (
    _weighted_medians,
    distance_correlation,
    interpolation_errors,
    median_magnitude,
)

DEFOCI_nm = (-30, 0, 10, 20, 60, 90)


def condition(defocus_nm, cs_mm=0.0):
    return ImagingConditions(defocus_nm=defocus_nm, cs_mm=cs_mm, dose_e_per_A2=400)


CONDITIONS = {f"d{d}_{cs}": condition(d, cs) for cs in (0.0, 0.6) for d in DEFOCI_nm[::-1]}
DEFOCUS_nm = np.array([each.defocus_nm for each in CONDITIONS.values()])


def test_a_line_in_defocus_has_no_error_and_the_ends_have_none():
    dice = 0.5 + 0.003 * np.tile(DEFOCUS_nm, (3, 1))
    errors = interpolation_errors(dice, CONDITIONS)
    inner = np.isfinite(errors)
    assert inner.sum() == 3 * 2 * 4 and not inner[:, np.isin(DEFOCUS_nm, (-30, 90))].any()
    np.testing.assert_allclose(errors[inner], 0, atol=1e-12)


def test_a_dip_in_focus_is_seen_and_can_be_left_out():
    dice = np.where(DEFOCUS_nm == 0, 0.3, 0.8)[None]
    errors = interpolation_errors(dice, CONDITIONS)
    assert errors[0, DEFOCUS_nm == 0] == pytest.approx([-0.5, -0.5])
    assert errors[0, DEFOCUS_nm == 10] == pytest.approx([0.25, 0.25])  # half way from the dip
    without = interpolation_errors(dice, CONDITIONS, without_focus=True)
    assert np.nanmax(np.abs(without)) == pytest.approx(0, abs=1e-12)
    assert np.isfinite(without).sum() == 2 * 3


def test_a_cell_that_is_left_out_makes_its_neighbours_neighbours():
    dice = np.tile(np.where(DEFOCUS_nm == 20, 0.1, 0.8), (1, 1))
    dice[0, DEFOCUS_nm == 20] = np.nan
    errors = interpolation_errors(dice, CONDITIONS)
    np.testing.assert_allclose(errors[np.isfinite(errors)], 0, atol=1e-12)
    assert np.isfinite(errors).sum() == 2 * 3


def test_the_median_of_repeated_values_is_that_of_the_list():
    draw = np.random.default_rng(0)
    values = np.sort(draw.uniform(size=9))
    counts = draw.integers(0, 3, (40, 9)).astype(np.int32)
    counts[0] = 0
    medians = _weighted_medians(values, counts)
    assert np.isnan(medians[0])
    for row, median in zip(counts[1:], medians[1:], strict=True):
        assert median == pytest.approx(np.median(np.repeat(values, row)))


def test_the_interval_of_the_median_holds_it():
    errors = np.random.default_rng(0).normal(0, 0.1, (20, 30))
    errors[:, 0] = np.nan
    estimate = median_magnitude(errors, seed=1)
    assert estimate.value == pytest.approx(np.nanmedian(np.abs(errors)))
    assert estimate.low < estimate.value < estimate.high < 0.1
    assert np.isnan(median_magnitude(np.full((2, 2), np.nan), seed=1).value)


def test_dice_that_falls_with_distance_correlates_by_minus_one():
    dice = 0.9 - 0.004 * np.abs(np.subtract.outer(DEFOCUS_nm, DEFOCUS_nm))
    np.fill_diagonal(dice, np.nan)
    estimate, n = distance_correlation(dice, CONDITIONS, seed=1)
    assert n == len(CONDITIONS)  # each has five others of its series
    assert estimate == (pytest.approx(-1), pytest.approx(-1), pytest.approx(-1))
    estimate, n = distance_correlation(dice[:4, :4], dict(list(CONDITIONS.items())[:4]), seed=1)
    assert n == 0 and np.isnan(estimate.value)
