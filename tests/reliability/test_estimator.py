"""The estimator follows what was measured, and says how far it may be off and where it ends."""

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.reliability.estimator import (
    COVERAGE,
    FEWEST_MICROGRAPHS,
    DiceEstimator,
    Kernel,
    fit_estimator,
    thinned,
)
from hrtem_shift.reliability.observation import INPUTS


def drawn(n, seed=0, noise=0.03):
    """Micrographs of some quality, on which Dice and all inputs depend, each input noisily."""
    rng = np.random.default_rng(seed)
    quality = rng.uniform(0, 1, n)
    slopes = np.random.default_rng(99).normal(0, 3, len(INPUTS))
    inputs = quality[:, None] * slopes + rng.normal(0, 1, (n, len(INPUTS)))
    dice = np.clip(quality**2 + rng.normal(0, noise, n), 0, 1)
    table = pd.DataFrame(inputs, columns=list(INPUTS))
    return table.assign(
        scale=1.0, mixed_norms=0.0, hard_dice=dice, group=[f"g{k // 2}" for k in range(n)]
    )


@pytest.fixture(scope="module")
def fitted():
    kernel, evidence = fit_estimator(drawn(300))
    return DiceEstimator.of(kernel, evidence), evidence


def test_it_expects_what_was_measured_of_others(fitted):
    estimator, _ = fitted
    fresh = drawn(200, 1)
    expected = [estimator.expect(row) for row in fresh[list(INPUTS)].to_numpy()]
    error = np.array([e.mean for e in expected]) - fresh["hard_dice"]
    assert np.abs(error).mean() < 0.08
    inside = [e.low <= dice <= e.high for e, dice in zip(expected, fresh["hard_dice"], strict=True)]
    assert COVERAGE - 0.05 < np.mean(inside) < 0.99


def test_unseen_expectations_leave_out_the_own_group(fitted):
    _, evidence = fitted
    error = (evidence["unseen_expectation"] - evidence["hard_dice"]).abs()
    assert 0.02 < error.mean() < 0.08


def test_far_from_all_evidence_little_is_explained(fitted):
    estimator, evidence = fitted
    inputs = evidence[list(INPUTS)].to_numpy()
    near = [estimator.expect(row).explained_variance for row in inputs[:50]]
    far = estimator.expect(inputs.mean(axis=0) + 200.0).explained_variance
    assert min(near) > 0.5 > far


def test_thinned_evidence_keeps_the_most_confident_row_of_each_image():
    table = drawn(300).assign(data_set="a", micrograph=[f"m{k // 3}" for k in range(300)])
    few = thinned(table, 150)
    assert len(few) == 150 and few["micrograph"].nunique() == 100
    best = table.groupby("micrograph")["soft_dice"].max()
    pd.testing.assert_series_equal(few.groupby("micrograph")["soft_dice"].max(), best)
    assert thinned(table, 300) is table
    pd.testing.assert_frame_equal(few, thinned(table, 150))


def test_the_same_evidence_gives_the_same_kernel():
    first, second = (fit_estimator(drawn(60))[0] for _ in range(2))
    assert first == second
    assert Kernel.model_validate_json(first.model_dump_json()) == first


def test_too_little_evidence_expects_nothing():
    kernel, evidence = fit_estimator(drawn(FEWEST_MICROGRAPHS - 1))
    assert kernel is None and evidence["unseen_expectation"].isna().all()
    assert fit_estimator(drawn(60).assign(group="same"))[0] is None


def test_inputs_that_are_not_known_of_all_are_left_out():
    kernel, evidence = fit_estimator(drawn(60).assign(agreement=np.nan))
    assert "agreement" not in kernel.inputs
    inputs = evidence[list(INPUTS)].to_numpy()[0]
    assert np.isfinite(DiceEstimator.of(kernel, evidence).expect(inputs).mean)
