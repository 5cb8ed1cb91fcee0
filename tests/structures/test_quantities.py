"""Quantities: values follow their distribution, whatever chose the points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.stats import kstest, truncnorm

from hrtem_shift.structures.quantities import (
    Normal,
    Quantity,
    Uniform,
    choice_at,
    limits,
    unit_points,
    value_at,
)

ADAPTER = TypeAdapter(Quantity)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (5.0, 5.0),
        (["normal", 5.0, 0.4], Normal(mean=5, std=0.4)),
        (["uniform", 2, 8], Uniform(low=2, high=8)),
    ],
)
def test_a_parameter_file_may_say_it_in_three_ways(given, expected):
    assert ADAPTER.validate_python(given) == expected


@pytest.mark.parametrize(
    "given", [["normal", 5], ["uniform", 3, 2], ["normal", 1, -1], ["gauss", 1, 1], [], "x"]
)
def test_anything_else_is_refused(given):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(given)


def test_normal_values_are_cut_and_not_heaped_up():
    """Kolmogorov-Smirnov against scipy's truncated normal."""
    quantity = Normal(mean=5, std=0.4)
    values = [value_at(quantity, u) for u in np.random.default_rng(0).random(4000)]
    assert kstest(values, truncnorm(-2, 2, loc=5, scale=0.4).cdf).pvalue > 0.01


@given(u=st.floats(0, 1), mean=st.floats(-5, 5), std=st.floats(0, 3))
def test_values_stay_within_their_limits(u, mean, std):
    for quantity in (Normal(mean=mean, std=std), Uniform(low=mean, high=mean + std), mean):
        low, high = limits(quantity)
        assert low - 1e-9 <= value_at(quantity, u) <= high + 1e-9


def test_choices_have_their_weights():
    points = np.random.default_rng(0).random(20_000)
    drawn = [choice_at([("Au", 0.7), ("Ag", 0.3)], u) for u in points]
    assert drawn.count("Au") / len(drawn) == pytest.approx(0.7, abs=0.01)
    assert choice_at(["Au", "Ag"], 0.49) == "Au"
    assert choice_at(["Au", "Ag"], 0.5) == "Ag"
    assert choice_at([("Au", 0.0), ("Ag", 1.0)], 0.0) == "Ag"


@pytest.mark.parametrize("sampler", ["independent", "sobol"])
def test_a_row_is_the_same_however_many_follow(sampler):
    few = unit_points(sampler, 5, ["a", "b"], 1, "set")
    many = unit_points(sampler, 33, ["a", "b"], 1, "set")
    assert few.equals(many.head(5))
    assert not few.equals(unit_points(sampler, 5, ["a", "b"], 1, "other"))


@pytest.mark.parametrize("sampler", ["sobol", "latin_hypercube"])
def test_planned_points_fill_every_stratum_of_every_axis(sampler):
    points = unit_points(sampler, 64, ["a", "b", "c"], 3, "set").to_numpy()
    strata = np.sort((points * 64).astype(int), axis=0)
    assert (strata == np.arange(64)[:, None]).all()
