"""Prediction of Dice from covariates: a planted relation is recovered, noise is not."""

import numpy as np
import pytest

from hrtem_shift.shift.prediction import polynomial_predictor, predictability, seed_ceiling

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


def ways(table, model):
    return table[table["model"] == model].set_index("held_out")


def test_a_planted_relation_is_predicted_and_noise_is_not(planted):
    x, dice = planted
    other = np.random.default_rng(2).uniform(size=x.shape)
    leave_out = np.zeros(dice.shape, bool)
    leave_out[0, :5] = True
    table = predictability(
        {"planted": x, "noise": other, "pair": x[..., 2:]},
        networks(dice, 0.02),
        leave_out,
        FOLDS,
        baseline="noise",
        seed=1,
    )
    result = ways(table, "planted")
    assert set(result.index) == {"rows", "columns", "both"}
    assert (result["share"] > 0.97).all() and (result["gain_low"] > 0.5).all()
    assert (result["n_cells"] == ROWS * COLUMNS - 5).all()
    assert ((result["low"] < result["r2"]) & (result["r2"] < result["high"])).all()
    assert (ways(table, "noise")["r2"] < 0.05).all()
    assert (ways(table, "noise")["gain"] == 0).all()
    alone = ways(table, "pair")["r2"]
    assert ((alone > 0.05) & (alone < 0.6)).all()  # one of three is not enough


def test_a_number_for_each_column_does_not_help_in_a_column_that_was_left_out():
    dice = np.tile(np.random.default_rng(0).uniform(0.2, 0.9, COLUMNS), (ROWS, 1))
    label = np.tile(np.arange(COLUMNS, dtype=float), (ROWS, 1))[..., None]
    table = predictability(
        {"label": label},
        networks(dice, 0.01),
        np.zeros(dice.shape, bool),
        FOLDS,
        baseline="label",
        seed=1,
    )
    result = ways(table, "label")["r2"]
    assert result["columns"] < 0.2 and result["both"] < 0.2


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
    np.testing.assert_array_equal(
        polynomial_predictor(x, dice)(cells), polynomial_predictor(x, changed)(cells)
    )
    assert polynomial_predictor(np.ones((*dice.shape, 1)), dice)(cells)[3] == pytest.approx(
        dice[cells].mean()
    )
