"""The mixed model recovers known variances and the value of knowing the shift."""

import numpy as np
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM, VCSpec

from hrtem_shift.errors import InputError
from hrtem_shift.shift.mixed_model import logit, mixed_fit, shift_model

ROWS, COLUMNS = 14, 18


def expit(x):
    return 1 / (1 + np.exp(-x))


def made_up(row_std=0.5, column_std=0.3, residual_std=0.2, slope=-4.0, seed=0):
    """Similarity, Dice and power with known effects on logit Dice."""
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(size=(ROWS, COLUMNS))
    power = rng.uniform(0.05, 0.5, size=COLUMNS)
    y = 1.5 + slope * (1 - similarity) + 0.8 * np.log(power + 1e-3)
    y = y + row_std * rng.normal(size=(ROWS, 1)) + column_std * rng.normal(size=COLUMNS)
    return similarity, expit(y + residual_std * rng.normal(size=y.shape)), power


@pytest.fixture(scope="module")
def result():
    return shift_model(*made_up())


def test_known_coefficients_and_variances_are_recovered(result):
    fit = result.fit
    slope = fit.coefficients[1] + fit.coefficients[2]  # from s = 0 to s = 1
    assert slope == pytest.approx(-4, abs=0.3)
    assert fit.coefficients[3] == pytest.approx(0.8, abs=0.3)
    assert np.sqrt(fit.row_variance) == pytest.approx(0.5, rel=0.4)
    assert np.sqrt(fit.column_variance) == pytest.approx(0.3, rel=0.4)
    assert np.sqrt(fit.residual_variance) == pytest.approx(0.2, rel=0.1)
    assert sum(result.shares) == pytest.approx(1)
    assert result.shares.shift > 0.4


def test_knowing_the_shift_helps_where_there_is_one(result):
    for held_out in ("rows_held_out", "columns_held_out"):
        with_it, without = (
            getattr(result.r_squared, held_out),
            getattr(result.without_shift, held_out),
        )
        assert with_it > without + 0.2


def test_it_does_not_where_there_is_none():
    result = shift_model(*made_up(slope=0.0))
    assert result.shares.shift < 0.02
    for held_out in ("rows_held_out", "columns_held_out"):
        gain = getattr(result.r_squared, held_out) - getattr(result.without_shift, held_out)
        assert gain < 0.02


def test_a_balanced_table_without_covariates_has_the_variances_of_anova():
    """REML of a balanced two-way layout: mean squares, by hand (Searle, Variance Components)."""
    rng = np.random.default_rng(5)
    y = rng.normal(size=(6, 8)) + 2 * rng.normal(size=(6, 1)) + rng.normal(size=8)
    fit = mixed_fit(np.ones((6, 8, 1)), y)
    rows, columns, mean = y.mean(axis=1), y.mean(axis=0), y.mean()
    left = y - rows[:, None] - columns + mean
    residual = np.square(left).sum() / (5 * 7)
    assert fit.residual_variance == pytest.approx(residual, rel=1e-3)
    assert fit.row_variance == pytest.approx(rows.var(ddof=1) - residual / 8, rel=5e-3)
    assert fit.column_variance == pytest.approx(columns.var(ddof=1) - residual / 6, rel=5e-3)
    assert fit.coefficients[0] == pytest.approx(mean)
    shrunk = fit.row_variance / (fit.row_variance + residual / 8)
    assert fit.row_effects == pytest.approx(shrunk * (rows - mean), abs=1e-3)


def test_it_agrees_with_statsmodels_on_an_unbalanced_table():
    """Oracle: restricted maximum likelihood by statsmodels' MixedLM, with crossed effects."""
    similarity, dice, _ = made_up(slope=-2.0, seed=4)
    dice[np.random.default_rng(1).uniform(size=dice.shape) < 0.2] = np.nan
    y, covariates = logit(dice), np.stack([np.ones_like(dice), similarity], axis=-1)
    row, column = np.nonzero(np.isfinite(y))
    names = [[[f"{kind}{k}" for k in range(n)]] for kind, n in zip("rc", dice.shape, strict=True)]
    one_hot = [[np.eye(n)[k]] for n, k in zip(dice.shape, (row, column), strict=True)]
    oracle = MixedLM(
        y[row, column],
        covariates[row, column],
        groups=np.zeros(len(row)),
        exog_vc=VCSpec(["row", "column"], names, one_hot),
    ).fit(method="bfgs")
    fit = mixed_fit(covariates, y)
    assert fit.coefficients == pytest.approx(oracle.fe_params, rel=1e-4)
    assert [fit.row_variance, fit.column_variance] == pytest.approx(oracle.vcomp, rel=1e-3)
    assert fit.residual_variance == pytest.approx(oracle.scale, rel=1e-3)
    effects = np.concatenate([fit.row_effects, fit.column_effects])
    assert effects == pytest.approx(oracle.random_effects[0.0].to_numpy(), abs=1e-4)


def test_a_row_that_was_left_out_has_no_effect():
    similarity, dice, _ = made_up()
    dice[3] = np.nan
    fit = mixed_fit(np.stack([np.ones_like(dice), similarity], axis=-1), logit(dice))
    assert fit.row_effects[3] == pytest.approx(0)
    assert np.abs(fit.row_effects).max() > 0.3


def test_dice_of_0_and_1_and_a_test_without_transfer_are_finite():
    similarity, dice, power = (values[..., :8] for values in made_up())
    dice[0, 0], dice[1, 1], power[4] = 0, 1, 0
    result = shift_model(similarity, dice, power)
    assert np.isfinite([*result.shares, *result.r_squared]).all()
    assert logit([0.5]) == pytest.approx(0)


def test_too_few_cells_are_refused():
    with pytest.raises(InputError, match="more conditions"):
        shift_model(np.ones((2, 2)), np.ones((2, 2)), np.ones(2))
