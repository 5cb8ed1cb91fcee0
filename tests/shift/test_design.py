"""Proposed mixtures against exhaustive search, their guarantee, and the uniform mixture."""

from itertools import combinations
from math import e

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.design import propose_mixture
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap

overlaps = arrays(float, (7, 5), elements=st.floats(0, 1).map(lambda x: round(x, 3)))
TARGET = np.array([0.1, 0.3, 0.2, 0.25, 0.15])


def exhaustive(sigma, target, number):
    return max(
        sigma[list(chosen)].max(axis=0) @ target
        for chosen in combinations(range(len(sigma)), number)
    )


@settings(max_examples=60, deadline=None)
@given(overlaps, st.integers(1, 7))
def test_greedy_keeps_its_guarantee_and_the_bound_holds(sigma, number):
    result = propose_mixture(sigma, TARGET, 100 * number, 100)
    best = exhaustive(sigma, TARGET, number)
    assert result.proposed.coverage >= (1 - 1 / e) * best - 1e-12
    assert result.proposed.coverage <= best + 1e-12 <= result.best_possible + 2e-12
    assert result.proposed.images.sum() == result.uniform.images.sum() == 100 * number


@settings(max_examples=30, deadline=None)
@given(overlaps, st.integers(100, 900))
def test_every_condition_gets_enough_images_and_the_budget_is_spent(sigma, images):
    result = propose_mixture(sigma, TARGET, images, 100)
    for mixture in (result.proposed, result.uniform):
        used = mixture.images[mixture.images > 0]
        assert used.min() >= 100
        assert used.sum() == images
        assert mixture.shares.sum() == pytest.approx(1)


def test_one_condition_is_the_best_one():
    sigma = np.array([[0.9, 0.1], [0.6, 0.6], [0.1, 0.9]])
    result = propose_mixture(sigma, [0.5, 0.5], 50, 50)
    assert result.proposed.images.tolist() == [0, 50, 0]
    assert result.proposed.coverage == pytest.approx(0.6)


def test_images_go_where_the_target_is():
    sigma = np.eye(3)
    result = propose_mixture(sigma, [0.5, 0.3, 0.2], 1000, 100)
    assert result.proposed.images.tolist() == [450, 310, 240]
    assert result.uniform.images.tolist() == [334, 333, 333]
    assert result.proposed.coverage == result.best_possible == pytest.approx(1)


def test_a_lens_needs_fewer_conditions_than_an_even_spread():
    """Target defoci crowd near focus, candidates are even: coverage is worth choosing."""
    lenses = [Lens(defocus_nm=d, focal_spread_std_nm=2) for d in np.linspace(-30, 30, 31)]
    sigma = transfer_overlap(lenses, lenses, TransferMeasure())
    weights = np.exp(-0.5 * (np.array([x.defocus_nm for x in lenses]) / 8) ** 2)
    target = weights / weights.sum()
    result = propose_mixture(sigma, target, 512, 128)
    assert result.proposed.coverage > result.uniform.coverage + 0.02
    assert result.proposed.coverage > 0.95 * result.best_possible
    for mixture in (result.proposed, result.uniform):
        best = sigma[mixture.shares > 0].max(axis=0)
        assert best @ target == pytest.approx(mixture.coverage)


@pytest.mark.parametrize(
    ("sigma", "target", "images", "says"),
    [
        (np.eye(2), [0.5, 0.4], 100, "sum 1"),
        (-np.eye(2), [0.5, 0.5], 100, "another kind of overlap"),
        (np.eye(2), [0.5, 0.5], 9, "too small for one condition"),
    ],
)
def test_what_cannot_be_covered_is_refused(sigma, target, images, says):
    with pytest.raises(InputError, match=says):
        propose_mixture(sigma, target, images, 10)
