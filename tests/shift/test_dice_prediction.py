"""Prediction of Dice from covariates: a planted relation is recovered, noise is not."""

import numpy as np
import pytest

from hrtem_shift.shift.prediction import (
    WAYS,
    held_out_predictions,
    polynomial_predictor,
    predict_other_rows,
    seed_ceiling,
)

ROWS, COLUMNS = 20, 30
FOLDS = np.repeat([0, 1], 4)


@pytest.fixture
def planted():
    """Covariates (of the test, of training, of the pair), and Dice that depends on them."""
    draw = np.random.default_rng(1)
    test, train = draw.uniform(size=COLUMNS), draw.uniform(size=ROWS)
    pair = draw.uniform(size=(ROWS, COLUMNS))
    x = np.stack([np.tile(test, (ROWS, 1)), np.tile(train[:, None], (1, COLUMNS)), pair], axis=-1)
    dice = 0.3 + 0.4 * x[..., 0] * x[..., 2] + 0.2 * x[..., 1] ** 2
    return x, dice


def networks(dice, noise, seed=0):
    draw = np.random.default_rng(seed)
    return dice[..., None] + noise * draw.standard_normal((*dice.shape, len(FOLDS)))


def test_a_planted_relation_is_predicted_and_noise_is_not(planted):
    x, dice = planted
    other = np.random.default_rng(2).uniform(size=x.shape)
    leave_out = np.zeros(dice.shape, bool)
    leave_out[0, :5] = True
    held = held_out_predictions(
        {"planted": x, "noise": other, "pair": x[..., 2:]},
        networks(dice, 0.02),
        leave_out,
        FOLDS,
        seed=1,
    )
    assert np.isfinite(held.scores).sum() == ROWS * COLUMNS - 5
    assert held.best(["noise", "pair", "planted"]) == "planted"
    for way in WAYS:
        result = held.r_squared("planted", way)
        assert result.value > 0.97 * held.ceiling and result.low < result.value < result.high
        assert held.gain("planted", "noise", way).low > 0.5
        assert held.gain("noise", "noise", way) == (0, 0, 0)
        assert held.r_squared("noise", way).value < 0.05
        assert 0.05 < held.r_squared("pair", way).value < 0.6  # a part of it is not enough


def test_a_number_for_each_column_does_not_help_in_a_column_that_was_left_out():
    dice = np.tile(np.random.default_rng(0).uniform(0.2, 0.9, COLUMNS), (ROWS, 1))
    label = np.tile(np.arange(COLUMNS, dtype=float), (ROWS, 1))[..., None]
    nothing = np.zeros(dice.shape, bool)
    held = held_out_predictions({"label": label}, networks(dice, 0.01), nothing, FOLDS, seed=1)
    for way in ("columns", "both"):
        assert held.r_squared("label", way).value < 0.2


def test_a_fit_without_some_cells_is_the_fit_of_the_others_alone(planted):
    """Sums of cells left out are subtracted; here they are never added."""
    x, dice = planted
    cells = np.ones(dice.shape, bool)
    cells[3] = False
    few = np.random.default_rng(0).uniform(size=dice.shape) < 0.3  # more left out than used
    for used in (cells, few):
        alone = np.where(used, dice, np.nan)
        everything = np.ones(dice.shape, bool)
        np.testing.assert_allclose(
            polynomial_predictor(x, dice)(used),
            polynomial_predictor(x, alone)(everything),
            atol=2e-3,  # covariates are standardized over other cells, which the ridge notices
        )


def test_further_rows_are_predicted_and_do_not_change_the_fit(planted):
    x, dice = planted
    predicted = predict_other_rows(x[:12], dice[:12], x[12:])
    assert np.abs(predicted - dice[12:]).max() < 0.02
    fewer = predict_other_rows(x[:12], dice[:12], x[12:14])
    np.testing.assert_allclose(fewer, predicted[:2], atol=1e-12)


def test_the_ceiling_is_the_share_of_variance_that_is_no_scatter_of_seeds():
    """Variance of the means is var(dice) + noise² / 8; the fold's own shift is no scatter."""
    draw = np.random.default_rng(3)
    dice, noise = draw.normal(0.6, 0.1, (60, 80)), 0.2
    by_network = networks(dice, noise)
    by_network[..., FOLDS == 1] += 0.3
    expected = 1 - (noise**2 / 8) / (dice.var() + noise**2 / 8)
    assert seed_ceiling(by_network, FOLDS) == pytest.approx(expected, abs=0.02)
    assert np.isnan(seed_ceiling(by_network[..., :1], FOLDS[:1]))


def test_a_fit_uses_no_cell_that_it_may_not_see(planted):
    x, dice = planted
    cells = np.ones(dice.shape, bool)
    cells[3] = False
    changed = dice.copy()
    changed[3] = np.random.default_rng(0).uniform(size=COLUMNS)
    np.testing.assert_allclose(
        polynomial_predictor(x, dice)(cells), polynomial_predictor(x, changed)(cells), atol=1e-12
    )
    assert polynomial_predictor(np.ones((*dice.shape, 1)), dice)(cells)[3] == pytest.approx(
        dice[cells].mean()
    )
