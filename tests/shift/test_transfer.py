"""What one condition transfers: closed forms, printed answers, and properties of the measures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenses import astigmatic_lenses, comatic_lenses, negative, rotated, round_lenses
from pydantic import ValidationError

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.aberrations import (
    contrast_transfer,
    scherzer_defocus_nm,
    wave_transfer,
)
from hrtem_shift.microscope.conditions import ImagingConditions, Lens
from hrtem_shift.microscope.electrons import wavelength_nm
from hrtem_shift.shift.information import random_atoms_phase_power, transfer_information
from hrtem_shift.shift.measure import (
    LEAST_RADII,
    BraggWeight,
    EmpiricalWeight,
    FormFactorWeight,
    TransferMeasure,
    check_nyquist,
    sample_band,
)
from hrtem_shift.shift.sampled_transfer import transfers
from hrtem_shift.shift.transfer import transfer_amplitude, transfer_coverage, transfer_power

MEASURE = TransferMeasure()
DISC = TransferMeasure(q_min_per_nm=0)
PARTLY_COHERENT = {"focal_spread_std_nm": 2.0, "illumination_angle_std_mrad": 0.1}
few = settings(max_examples=15, deadline=None)


def closed_power(defocus_nm, q_max_per_nm=8.0):
    """1/2 [1 - sin(2 a U) / (2 a U)] of a flat disc, a = pi lambda C1 and U = q_max²."""
    turn = 2 * math.pi * wavelength_nm(300) * defocus_nm * q_max_per_nm**2
    return 0.5 * (1 - math.sin(turn) / turn)


def power(lens, measure=MEASURE):
    return transfer_power([lens], measure)[0]


@pytest.mark.parametrize("defocus_nm", [0.3, -10.0, 60.0, -1000.0, 20_000.0])
def test_power_is_its_closed_form_at_any_defocus(defocus_nm):
    assert power(Lens(defocus_nm=defocus_nm), DISC) == pytest.approx(
        closed_power(defocus_nm), abs=5e-7
    )


def test_printed_powers_and_amplitudes():
    """physics.md, shift metrics (b): 300 kV, 0.05 to 0.8 1/A, spread 20 A, 0.1 mrad."""
    lenses = [Lens(defocus_nm=-c1 / 10, **PARTLY_COHERENT) for c1 in (0, -50, -100, 100, -200)]
    lenses += [
        Lens(defocus_nm=defocus_nm, cs_mm=1.2, **PARTLY_COHERENT)
        for defocus_nm in (scherzer_defocus_nm(1.2, 300), 100)
    ]
    amplitudes = [0, 0.6202, 0.5394, 0.5394, 0.5781, 0.5655, 0.4628]
    powers = [0, 0.4428, 0.3798, 0.3798, 0.4131, 0.4001, 0.2912]
    assert transfer_amplitude(lenses, MEASURE) == pytest.approx(amplitudes, abs=5.1e-5)
    assert transfer_power(lenses, MEASURE) == pytest.approx(powers, abs=5.1e-5)


def test_coverage_of_a_scherzer_passband():
    """abs T >= 0.70711 from 6.525 to 2.074 A and, beyond the first zero, in bands."""
    lens = Lens(defocus_nm=scherzer_defocus_nm(1.2, 300), cs_mm=1.2)
    first_band = TransferMeasure(q_min_per_nm=0, q_max_per_nm=5.0594)
    expected = (4.8217**2 - 1.5325**2) / 5.0594**2
    # The middle of the band touches the threshold: abs sin is 0.70711 there.
    assert transfer_coverage([lens], first_band, 0.7070)[0] == pytest.approx(expected, abs=1e-3)


@settings(max_examples=8, deadline=None)
@given(st.one_of(round_lenses, comatic_lenses), st.sampled_from([0.0, 0.1, 1.0]))
def test_transfers_are_those_of_the_lens(lens, amplitude_fraction):
    measure = TransferMeasure(q_max_per_nm=6.0, amplitude_fraction=amplitude_fraction)
    frequencies = sample_band([lens], measure)
    at = (frequencies.qy_per_nm, frequencies.qx_per_nm)
    parts = list(transfers([lens], measure, frequencies))
    contrast = np.concatenate([part.contrast[0].numpy() for part in parts])
    wave = np.concatenate([part.wave[0].numpy() for part in parts])
    assert contrast == pytest.approx(contrast_transfer(*at, lens, 300, amplitude_fraction))
    assert wave == pytest.approx(wave_transfer(*at, lens, 300))
    assert frequencies.weight.sum() == pytest.approx(1)


@few
@given(comatic_lenses)
def test_power_lies_below_amplitude_and_that_below_its_root(lens):
    eps2, eps1 = power(lens), transfer_amplitude([lens], MEASURE)[0]
    assert -1e-12 <= eps2 <= eps1 + 1e-12
    assert eps1 <= math.sqrt(eps2) + 1e-12 <= 1 + 2e-12


@few
@given(astigmatic_lenses, st.floats(0, 180))
def test_power_does_not_know_contrast_reversal_nor_rotation(lens, angle_deg):
    assert power(negative(lens)) == pytest.approx(power(lens), abs=1e-9)
    assert power(rotated(lens, angle_deg)) == pytest.approx(power(lens), abs=3e-5)


@few
@given(round_lenses, st.floats(1.05, 3), st.sampled_from(sorted(PARTLY_COHERENT)))
def test_less_coherence_transfers_less(lens, factor, width):
    wider = lens.model_copy(update={width: getattr(lens, width) * factor + 0.01})
    assert power(wider) <= power(lens) + 1e-9


def scaled(lens, k):
    """The same transfer at k times the frequency."""
    factors = {"defocus_nm": k**-2, "cs_mm": k**-4, "focal_spread_std_nm": k**-2}
    factors["illumination_angle_std_mrad"] = k
    return lens.model_copy(update={name: getattr(lens, name) * f for name, f in factors.items()})


@few
@given(round_lenses, st.floats(0.5, 2))
def test_scaling_frequencies_and_aberrations_together_changes_nothing(lens, k):
    band = TransferMeasure(q_min_per_nm=0.5 * k, q_max_per_nm=8 * k)
    assert power(scaled(lens, k), band) == pytest.approx(power(lens), abs=1e-9)


def test_nothing_is_transferred_in_focus_and_half_far_from_it():
    assert power(Lens()) == 0
    assert power(Lens(defocus_nm=5000)) == pytest.approx(0.5, abs=1e-3)
    assert transfer_amplitude([Lens(defocus_nm=5000)], MEASURE)[0] == pytest.approx(
        2 / math.pi, abs=1e-3
    )


@pytest.mark.parametrize("defocus_nm", [-35.0, 12.0, 400.0])
def test_finer_nodes_change_nothing(monkeypatch, defocus_nm):
    lens = Lens(defocus_nm=defocus_nm, cs_mm=0.6, **PARTLY_COHERENT)
    result = power(lens)
    monkeypatch.setitem(LEAST_RADII, True, 50_000)
    assert power(lens) == pytest.approx(result, abs=1e-6)


def bits(dose_e_per_A2, lens=None, atoms_per_nm2=10):
    lens = lens or Lens(defocus_nm=10)
    conditions = [
        ImagingConditions(dose_e_per_A2=dose, **lens.model_dump()) for dose in dose_e_per_A2
    ]
    phase_power = random_atoms_phase_power(79, atoms_per_nm2, 300)
    return transfer_information(conditions, MEASURE, phase_power)


def test_information_rises_with_the_dose_ever_more_slowly():
    doses = np.array([1e-6, 2e-6, 10, 20, 30, 1000, 2000, 3000])
    result = bits(doses)["bits_per_A2"].to_numpy()
    assert result[1] == pytest.approx(2 * result[0], rel=1e-4)  # linear at low dose
    gains = np.diff(result) / np.diff(doses)
    assert np.all(gains > 0) and np.all(np.diff(gains) < 0)


def test_information_at_low_dose_by_hand():
    """i = (2 pi / ln 2) D times the integral of P T² q dq, as ln(1 + x) is x."""
    lens, dose = Lens(defocus_nm=10), 1e-6
    q_per_A, step = np.linspace(0.05, 0.8, 200_001, retstep=True)
    phase_power_A2 = random_atoms_phase_power(79, 10, 300)(10 * q_per_A)
    transfer = contrast_transfer(0, 10 * q_per_A, lens, 300).real
    integrand = phase_power_A2 * transfer**2 * q_per_A
    integral = float((integrand.sum() - (integrand[0] + integrand[-1]) / 2) * step)
    expected = math.pi / math.log(2) * 4 * dose * integral
    assert bits([dose], lens)["bits_per_A2"][0] == pytest.approx(expected, rel=1e-4)


def test_the_share_of_information_is_that_of_power_at_low_dose_and_none_without_transfer():
    weight = FormFactorWeight(atomic_number=79)
    shares = bits([1e-6])["share"][0]
    assert shares == pytest.approx(power(Lens(defocus_nm=10), TransferMeasure(weight=weight)))
    assert bits([100.0], Lens(focal_spread_std_nm=1))["share"][0] == 0
    assert 0 < bits([100.0])["share"][0] < 1


def test_bragg_shells_look_at_spacings_alone():
    """Gold's 111 is transferred fully at the defocus where chi = -pi/2, and not at -pi."""
    q = 1 / 0.2355
    full_nm = 0.5 / (wavelength_nm(300) * q**2)
    shell = TransferMeasure(weight=BraggWeight(spacings_nm=(0.2355,), shell_std_per_nm=0.02))
    assert power(Lens(defocus_nm=full_nm), shell) == pytest.approx(1, abs=2e-3)
    assert power(Lens(defocus_nm=2 * full_nm), shell) == pytest.approx(0, abs=2e-3)


def test_shells_have_equal_shares():
    weight = BraggWeight(spacings_nm=(0.2355, 0.144), shell_std_per_nm=0.05)
    result = sample_band([Lens()], TransferMeasure(weight=weight))
    inner = np.hypot(result.qy_per_nm, result.qx_per_nm) < 5.5
    assert result.weight[inner].sum() == pytest.approx(0.5, abs=1e-3)


def test_an_empirical_weight_is_interpolated():
    ramp = TransferMeasure(weight=EmpiricalWeight(q_per_nm=(0, 8), power=(0, 8)))
    result = sample_band([Lens()], ramp)
    q = np.hypot(result.qy_per_nm, result.qx_per_nm)
    assert result.weight / q == pytest.approx(np.full(len(q), result.weight[0] / q[0]))


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ({"q_min_per_nm": 9.0}, "not below"),
        ({"weight": {"kind": "empirical", "q_per_nm": [2, 1], "power": [1, 1]}}, "must rise"),
        ({"weight": {"kind": "bragg", "spacings_nm": []}}, "at least 1 item"),
        ({"noise_flor": 1.0}, "did you mean 'noise_floor'"),
    ],
)
def test_an_impossible_measure_is_refused(block, says):
    with pytest.raises(ValidationError, match=says):
        TransferMeasure(**block)


def test_a_band_beyond_nyquist_a_weight_of_nothing_and_an_absurd_defocus_are_refused():
    with pytest.raises(InputError, match=r"nothing beyond 2\.5 1/nm"):
        check_nyquist(MEASURE, pixel_size_nm=0.2)
    check_nyquist(MEASURE, pixel_size_nm=0.0625)
    nothing = TransferMeasure(weight=EmpiricalWeight(q_per_nm=(1, 2), power=(0, 0)))
    with pytest.raises(InputError, match="weight 'empirical' is 0"):
        sample_band([Lens()], nothing)
    with pytest.raises(InputError, match="units of the aberrations"):
        sample_band([Lens(defocus_nm=1e9)], MEASURE)
