"""Overlap of data sets of many conditions, by hand for two conditions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.mixtures import mean_discrepancy, mixture_overlap
from hrtem_shift.shift.overlap import transfer_overlap

SIGMA = np.array([[1.0, 0.4], [0.4, 1.0]])
SINGLE = np.eye(2)
shares = st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(lambda x: np.array(x) / sum(x))


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_two_conditions_by_hand(p):
    mixed = np.array([[p, 1 - p]])
    own = p**2 + (1 - p) ** 2 + 0.8 * p * (1 - p)
    first = p + 0.4 * (1 - p)
    kernel = mixture_overlap(SIGMA, mixed, SINGLE)
    assert kernel[0, 0] == pytest.approx(first / np.sqrt(own))
    assert mixture_overlap(SIGMA, mixed, SINGLE, "mean")[0, 0] == pytest.approx(first)
    assert mixture_overlap(SIGMA, mixed, SINGLE, "coverage")[0, 0] == (1 if p > 0 else 0.4)
    assert mean_discrepancy(SIGMA, mixed, SINGLE)[0, 0] == pytest.approx(own + 1 - 2 * first)


@settings(max_examples=20, deadline=None)
@given(shares, shares)
def test_of_real_lenses_they_are_bounded_and_one_with_themselves(p, other):
    lenses = [Lens(defocus_nm=d, focal_spread_std_nm=2) for d in (-12, 6, 12, 60)]
    sigma = transfer_overlap(lenses, lenses, TransferMeasure(), "signed")
    assert mixture_overlap(sigma, p[None], p[None])[0, 0] == pytest.approx(1)
    assert -1 - 1e-9 <= mixture_overlap(sigma, p[None], other[None])[0, 0] <= 1 + 1e-9
    assert mean_discrepancy(sigma, p[None], other[None])[0, 0] >= -1e-9


def test_coverage_rises_as_training_data_are_added_and_is_directed():
    narrow, broad = np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]])
    assert mixture_overlap(SIGMA, narrow, broad, "coverage")[0, 0] == pytest.approx(0.7)
    assert mixture_overlap(SIGMA, broad, narrow, "coverage")[0, 0] == pytest.approx(1)
