"""Mixtures of conditions: closed forms, properties of a cosine, and no average of transfers."""

import numpy as np
import pytest
from condition_mixtures import jittered, kernel_cosine, mean_pairwise, mixtures, profile_overlap
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.aberrations import (
    aberration_phase,
    contrast_transfer,
    temporal_envelope,
)
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.overlap import transfer_overlap

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
    for measure in (kernel_cosine, mean_pairwise):
        assert measure(one_each, one_each, OVERLAP) == pytest.approx(OVERLAP)
    assert profile_overlap(one_each, one_each, LENSES, MEASURE) == pytest.approx(OVERLAP)


def test_a_set_does_not_overlap_fully_with_itself_pair_by_pair():
    both = np.full((1, N), 1 / N)
    assert mean_pairwise(both, both, OVERLAP)[0, 0] < 0.9
    assert kernel_cosine(both, both, OVERLAP)[0, 0] == pytest.approx(1)


def test_the_profile_of_a_scattered_defocus_is_its_closed_form():
    """E[T²] = E² [1 - cos(2 chi) exp(-2 (pi lambda v q²)²)] / 2, in every frequency."""
    lens = Lens(defocus_nm=12, cs_mm=0.02, focal_spread_std_nm=2)
    lenses, shares = jittered(lens, 3.0, nodes=40)
    q = np.sqrt(np.linspace(0.25, 64, 6_001))
    mean = sum(
        share * contrast_transfer(0, q, one, 300).real ** 2
        for one, share in zip(lenses, shares, strict=True)
    )
    chi = aberration_phase(q, defocus_nm=12, cs_mm=0.02, energy_keV=300)
    within, between = (
        temporal_envelope(q, focal_spread_std_nm=std_nm, energy_keV=300) for std_nm in (2, 3)
    )
    closed = 0.5 * within**2 * (1 - np.cos(2 * chi) * between**4)
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


def test_what_is_no_mixture_is_refused():
    with pytest.raises(InputError, match="in sum 1"):
        mixtures([[0.5, 0.4]], 2)
    with pytest.raises(InputError, match="each of the 3 conditions"):
        mixtures([[0.5, 0.5]], 3)
    with pytest.raises(InputError, match="neither sign nor phase"):
        profile_overlap(np.eye(N), np.eye(N), LENSES, MEASURE, "signed")
