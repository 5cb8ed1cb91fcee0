"""The isotonic fit finds a known relation, and held-out cells do not flatter noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.errors import InputError
from hrtem_shift.shift.isotonic import isotonic_fit, isotonic_r_squared, r_squared, smoothness

rng = np.random.default_rng(0)
SIMILARITY = rng.uniform(size=(8, 12))


def relation(similarity):
    return 0.2 + 0.7 * similarity**3


def test_a_known_relation_is_recovered():
    noisy = relation(SIMILARITY) + 0.01 * rng.normal(size=SIMILARITY.shape)
    fit = isotonic_fit(SIMILARITY, noisy)
    positions = np.linspace(0.1, 0.9, 50)
    assert fit.predict(positions) == pytest.approx(relation(positions), abs=0.04)
    result = isotonic_r_squared(SIMILARITY, noisy)
    assert min(result) > 0.97


def test_noise_is_explained_in_sample_and_not_out_of_it():
    result = [isotonic_r_squared(SIMILARITY, rng.normal(size=SIMILARITY.shape)) for _ in range(10)]
    in_sample, by_row, by_column = np.mean(result, axis=0)
    assert in_sample > 0.02
    assert max(by_row, by_column) < 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-1, 1)), min_size=1, max_size=20))
def test_fits_never_fall_and_keep_the_mean(pairs):
    x, y = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    fit = isotonic_fit(x, y)
    assert np.all(np.diff(fit.score) >= -1e-12)
    assert fit.predict(x).mean() == pytest.approx(y.mean())


def test_it_is_constant_beyond_what_was_measured():
    fit = isotonic_fit([0.2, 0.8], [0.1, 0.9])
    assert fit.predict([0.0, 0.5, 1.0]).tolist() == pytest.approx([0.1, 0.5, 0.9])


def test_a_row_that_differs_is_not_foreseen_from_the_others():
    """The row's level is in the fit, but not in the fit without it."""
    y = relation(SIMILARITY)
    y[0] -= 5
    result = isotonic_r_squared(SIMILARITY, y)
    assert result.rows_held_out < result.in_sample
    assert result.rows_held_out < 0.05


def test_explained_by_hand():
    """Rows (0, 2) and (4, 6), predicted by the mean of the cells that are known."""
    y = np.array([[0.0, 2.0], [4.0, 6.0]])
    result = r_squared(y, lambda cells: np.full(y.shape, y[cells].mean()))
    assert result == pytest.approx((0, 0, 0))
    perfect = r_squared(y, lambda cells: y)
    assert perfect == (1, 1, 1)
    far = r_squared(y, lambda cells: np.full(y.shape, 3.0))
    assert far.rows_held_out == pytest.approx(1 - (9 + 1 + 1 + 9) / (25 + 9 + 9 + 25))


def test_cells_without_a_score_are_left_out():
    y = relation(SIMILARITY)
    y[2, 3] = math.nan
    assert math.isfinite(isotonic_r_squared(SIMILARITY, y).rows_held_out)
    with pytest.raises(InputError, match="nothing to fit"):
        isotonic_fit([math.nan], [1.0])


def test_smoothness_tells_a_step_and_the_scatter_of_networks():
    similarity = np.tile(np.linspace(0, 1, 6), (3, 1))
    positions = np.arange(6)
    between_tests = -np.abs(np.subtract.outer(positions, positions)).astype(float)
    smooth = np.repeat((0.3 + 0.5 * similarity)[:, :, None], 400, axis=2)
    result = smoothness(similarity, smooth, between_tests)
    assert result.residual_std == pytest.approx(0, abs=1e-12)
    assert result.network_std == pytest.approx(0, abs=1e-12)
    assert result.largest_step == pytest.approx(0.1)
    noisy = smooth + 0.2 * rng.normal(size=smooth.shape)
    scatter = 0.2 * math.sqrt(math.pi / 800)
    assert smoothness(similarity, noisy, between_tests).network_std == pytest.approx(
        scatter, rel=0.05
    )
