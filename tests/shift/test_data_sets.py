"""Data sets as distributions: closed forms, metric properties, and no average of transfers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.aberrations import contrast_transfer
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.data_sets import (
    directed_coverage,
    discrepancy_kernel,
    jittered,
    jittered_power,
    kernel_cosine,
    mean_pairwise,
    mixtures,
    power_of_sets,
    profile_overlap,
    squared_discrepancy,
    unbiased_squared_discrepancy,
    wasserstein,
)
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import overlap_distance, transfer_overlap
from hrtem_shift.shift.transfer import transfer_power

MEASURE = TransferMeasure()
LENSES = [Lens(defocus_nm=d, focal_spread_std_nm=2) for d in (-20, -12, -5, 0, 4, 9, 15, 22)]
N = len(LENSES)
OVERLAP = transfer_overlap(LENSES, LENSES, MEASURE)
few = settings(max_examples=25, deadline=None)


def _normalised(shares):
    return np.array(shares) / sum(shares)


sets = (st.lists(st.integers(0, 4), min_size=N, max_size=N).filter(lambda s: sum(s) > 0)).map(
    _normalised
)


@few
@given(sets, sets)
def test_the_kernel_cosine_is_a_cosine(p, r):
    found = kernel_cosine([p, r], [p, r], OVERLAP)
    assert np.diag(found) == pytest.approx(1)
    assert found == pytest.approx(found.T)
    assert np.all((found >= 0) & (found <= 1 + 1e-12))


def test_single_conditions_as_sets_overlap_as_conditions():
    one_each = np.eye(N)
    for measure in (kernel_cosine, mean_pairwise, directed_coverage):
        assert measure(one_each, one_each, OVERLAP) == pytest.approx(OVERLAP)
    assert profile_overlap(one_each, one_each, LENSES, MEASURE) == pytest.approx(OVERLAP)


def test_a_set_does_not_overlap_fully_with_itself_pair_by_pair():
    both = np.full((1, N), 1 / N)
    assert mean_pairwise(both, both, OVERLAP)[0, 0] < 0.9
    assert kernel_cosine(both, both, OVERLAP)[0, 0] == pytest.approx(1)


@few
@given(sets, sets, st.integers(0, N - 1))
def test_coverage_is_directed_and_never_falls_with_more_training(train, test, added):
    before = directed_coverage(train, test, OVERLAP)[0, 0]
    after = directed_coverage((train + np.eye(N)[added]) / 2, test, OVERLAP)[0, 0]
    assert before <= after + 1e-12 <= 1 + 2e-12
    if np.all(train[test > 0] > 0):
        assert before == pytest.approx(1)


def test_coverage_forgets_how_often_a_condition_was_trained_on():
    narrow, wide = np.eye(N)[1], np.eye(N)[[1, 6]].mean(axis=0)
    assert directed_coverage(wide, narrow, OVERLAP)[0, 0] == pytest.approx(1)
    assert directed_coverage(narrow, wide, OVERLAP)[0, 0] < 0.95


def test_the_profile_of_a_scattered_defocus_is_its_closed_form():
    """E[T²] = E² [1 - cos(2 chi) exp(-2 (pi lambda v q²)²)] / 2, in every frequency."""
    lens = Lens(defocus_nm=12, cs_mm=0.02, focal_spread_std_nm=2)
    lenses, shares = jittered(lens, 3.0, nodes=40)
    q = np.sqrt(np.linspace(0.25, 64, 6_001))
    mean = sum(
        share * contrast_transfer(0, q, one, 300).real ** 2
        for one, share in zip(lenses, shares, strict=True)
    )
    closed = jittered_power(q, lens, 3.0, 300)
    assert mean == pytest.approx(closed, abs=1e-9)
    # Its overlap with a sharp condition, by quadrature in u = q²:
    sharp = np.abs(contrast_transfer(0, q, LENSES[5], 300))
    cosine = (np.sqrt(closed) @ sharp) / np.sqrt(closed.sum() * (sharp @ sharp))
    rows = np.zeros((2, len(lenses) + 1))
    rows[0, :-1], rows[1, -1] = shares, 1
    found = profile_overlap(
        rows[:1], rows[1:], [*lenses, LENSES[5]], TransferMeasure(noise_floor=0)
    )
    assert found[0, 0] == pytest.approx(cosine, abs=1e-4)


def test_a_wide_range_of_defocus_keeps_its_profile():
    """The mean of T over it is 0; the root mean square overlaps by (2 / pi) / sqrt(1 / 2)."""
    lenses = [Lens(defocus_nm=d) for d in np.linspace(-400, 400, 82)]
    wide = np.full((1, len(lenses)), 1 / len(lenses))
    found = profile_overlap(wide, np.eye(len(lenses)), lenses, MEASURE)[0]
    far = np.array([abs(lens.defocus_nm) > 100 for lens in lenses])
    assert found[far] == pytest.approx(np.full(far.sum(), 2 * np.sqrt(2) / np.pi), abs=0.03)


def test_power_of_a_set_is_told_with_its_least_and_tenth():
    power = transfer_power(LENSES, MEASURE)
    table = power_of_sets(np.full((1, N), 1 / N), power)
    assert table.loc[0, "mean"] == pytest.approx(power.mean())
    assert table.loc[0, "least"] == power.min() == 0
    assert table.loc[0, "tenth_percentile"] == np.sort(power)[0]
    alone = power_of_sets(np.eye(N)[4:5], power).loc[0]
    assert alone.tolist() == pytest.approx([power[4]] * 3)


@few
@given(sets, sets)
def test_discrepancy_is_zero_for_equal_sets_alone(p, r):
    found = squared_discrepancy([p, r], [p, r], discrepancy_kernel(OVERLAP))
    assert np.diag(found) == pytest.approx(0, abs=1e-12)
    assert found[0, 1] >= -1e-12
    if np.abs(p - r).max() > 0.05:
        assert found[0, 1] > 1e-6


def test_the_estimate_from_samples_is_unbiased_and_may_be_negative():
    kernel = discrepancy_kernel(OVERLAP)
    rng = np.random.default_rng(0)
    p, r = np.full(N, 1 / N), np.eye(N)[:4].mean(axis=0)
    truth = squared_discrepancy(p, r, kernel)[0, 0]

    def estimates(first, second):
        return np.array(
            [
                unbiased_squared_discrepancy(
                    rng.choice(N, 6, p=first), rng.choice(N, 9, p=second), kernel
                )
                for _ in range(2000)
            ]
        )

    apart, alike = estimates(p, r), estimates(p, p)
    assert apart.mean() == pytest.approx(truth, abs=4 * apart.std() / np.sqrt(2000))
    assert alike.mean() == pytest.approx(0, abs=4 * alike.std() / np.sqrt(2000))
    assert alike.min() < 0


@few
@given(sets, sets, sets)
def test_wasserstein_is_a_distance(p, r, s):
    assert wasserstein(p, p, OVERLAP) == pytest.approx(0, abs=1e-7)
    there, back = wasserstein(p, r, OVERLAP), wasserstein(r, p, OVERLAP)
    assert there == pytest.approx(back, abs=1e-9)
    assert 0 <= there <= np.sqrt(2)
    assert there <= wasserstein(p, s, OVERLAP) + wasserstein(s, r, OVERLAP) + 1e-9


@few
@given(sets, sets)
def test_wasserstein_on_a_line_is_that_of_scipy(p, r):
    """sigma such that sqrt(2 - 2 sigma) is a distance of points on a line."""
    places = np.linspace(0, 1.3, N)
    overlap = 1 - np.subtract.outer(places, places) ** 2 / 2
    expected = wasserstein_distance(places, places, p, r)
    assert wasserstein(p, r, overlap) == pytest.approx(expected, abs=1e-9)


def test_wasserstein_between_single_conditions_is_their_distance():
    one_each = np.eye(N)
    assert wasserstein(one_each[1], one_each[6], OVERLAP) == pytest.approx(
        overlap_distance(OVERLAP)[1, 6]
    )


def test_what_is_no_mixture_is_refused():
    with pytest.raises(InputError, match="in sum 1"):
        mixtures([[0.5, 0.4]], 2)
    with pytest.raises(InputError, match="each of the 3 conditions"):
        mixtures([[0.5, 0.5]], 3)
    with pytest.raises(InputError, match="neither sign nor phase"):
        profile_overlap(np.eye(N), np.eye(N), LENSES, MEASURE, "signed")
    with pytest.raises(InputError, match="501 conditions"):
        wasserstein(np.full(501, 1 / 501), np.full(501, 1 / 501), np.eye(501))
