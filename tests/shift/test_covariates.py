"""Covariates of single conditions and of sets of several, against the functions they stand for."""

import numpy as np
import pytest
from planted_conditions import CONDITIONS, MIXED, TRAINED, covariates

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.shift.covariates import MODELS
from hrtem_shift.shift.measure import TransferMeasure, sample_band
from hrtem_shift.shift.mixtures import mixture_overlap
from hrtem_shift.shift.overlap import transfer_overlap, transfer_overlaps
from hrtem_shift.shift.resolution import as_resolved
from hrtem_shift.shift.transfer import transfer_power

MEASURE = TransferMeasure()
TESTS = list(CONDITIONS.values())


@pytest.fixture(scope="module")
def of():
    return covariates()


def test_every_model_has_its_covariates_and_none_is_undefined(of):
    assert of.train_sets == (*TRAINED, *MIXED) and of.test_sets == tuple(CONDITIONS)
    for model, names in MODELS.items():
        assert of.of(model).shape == (len(of.train_sets), len(TESTS), len(names))
        assert np.isfinite(of.of(model)).all()
    assert of.of("joint, signed").shape[-1] == 3 and of.of("transfer").shape[-1] == 10


@pytest.mark.parametrize(("prefix", "kind"), [("", "signed"), ("resolved_", "magnitude")])
def test_overlap_is_that_of_the_conditions_and_of_mixtures(of, prefix, kind):
    lenses = as_resolved(TESTS, 7.4, 300) if prefix else TESTS
    every = transfer_overlap(lenses, lenses, MEASURE, kind)
    result = of.values[f"{prefix}overlap_{kind}"]
    n = len(TRAINED)
    np.testing.assert_allclose(result[:n], every[:n], atol=1e-4)
    shares = np.array([[each in members for each in TESTS] for members in MIXED.values()], float)
    shares /= shares.sum(axis=1, keepdims=True)
    expected = mixture_overlap(every, shares, np.eye(len(TESTS)))
    np.testing.assert_allclose(result[n:], expected, atol=1e-4)
    power = transfer_power(lenses, MEASURE)
    np.testing.assert_allclose(of.values[f"{prefix}test_power"][0], power, atol=1e-4)
    np.testing.assert_allclose(of.values[f"{prefix}train_power"][n:, 0], shares @ power, atol=1e-4)


def test_plain_differences_have_the_direction_of_the_test(of):
    row, column = of.train_sets.index("d12_cs0"), of.test_sets.index("d12_dose1600")
    assert of.values["log2_dose_ratio"][row, column] == pytest.approx(2)  # 1600 of 400
    assert of.values["log2_test_dose"][row, column] == pytest.approx(np.log2(1600))
    near = of.train_sets.index("near")
    focus = of.test_sets.index("d-12_cs0")
    mean = np.mean([abs(d + 12) for d in (6, 12, 20, 30)])
    assert of.values["defocus_difference_nm"][near, focus] == pytest.approx(mean)
    apart = np.mean([abs(d - 12) for d in (6, 12, 20, 30)])
    assert of.values["defocus_magnitude_difference_nm"][near, focus] == pytest.approx(apart)


def test_contrast_transfer_needs_half_a_turn_even_with_coma():
    """T(-q) = conj T(q): the other half adds the conjugate of the same product."""
    lenses = [
        ImagingConditions(defocus_nm=30, c23_nm=2000, focal_spread_std_nm=2, dose_e_per_A2=400),
        ImagingConditions(defocus_nm=-20, c21_nm=80, focal_spread_std_nm=2, dose_e_per_A2=400),
    ]
    half, whole = (sample_band(lenses, MEASURE, of_waves=flag) for flag in (False, True))
    assert len(half.weight) < 0.6 * len(whole.weight)
    for kinds in (["signed"], ["magnitude"]):
        alone = transfer_overlaps(lenses, lenses, MEASURE, kinds)[kinds[0]]
        beside_waves = transfer_overlaps(lenses, lenses, MEASURE, [*kinds, "wave"])[kinds[0]]
        np.testing.assert_allclose(alone, beside_waves, atol=2e-4)
