"""Overlap of two conditions: closed forms, printed answers, properties, and no NaN."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lenses import astigmatic_lenses, comatic_lenses, negative, rotated, round_lenses

from hrtem_shift.microscope.aberrations import scherzer_defocus_nm
from hrtem_shift.microscope.conditions import ImagingConditions, Lens
from hrtem_shift.microscope.electrons import wavelength_nm
from hrtem_shift.shift.information import random_atoms_phase_power
from hrtem_shift.shift.measure import FormFactorWeight, TransferMeasure, sample_band
from hrtem_shift.shift.overlap import (
    OVERLAP_FEATURES,
    UNRELATED_MAGNITUDES,
    centred,
    information_overlap,
    overlap_of,
    transfer_overlap,
    transfer_overlaps,
)
from hrtem_shift.shift.sampled_transfer import transfers
from hrtem_shift.shift.transfer import transfer_power

MEASURE = TransferMeasure()
NO_FLOOR = TransferMeasure(noise_floor=0)
DISC = TransferMeasure(q_min_per_nm=0, noise_floor=0)
PARTLY_COHERENT = {"focal_spread_std_nm": 2.0, "illumination_angle_std_mrad": 0.1}
COSINES = ("magnitude", "signed", "power")
KERNELS = (*COSINES, "wave")
KINDS = tuple(OVERLAP_FEATURES)
few = settings(max_examples=12, deadline=None)
pairs = st.tuples(comatic_lenses, comatic_lenses)


def overlap(first, second, kind="magnitude", measure=MEASURE):
    return transfer_overlap([first], [second], measure, kind)[0, 0]


def random_lenses(count, seed=0):
    rng = np.random.default_rng(seed)
    return [
        Lens(
            defocus_nm=rng.uniform(-60, 60),
            cs_mm=rng.uniform(-1.2, 1.2),
            focal_spread_std_nm=rng.uniform(0, 4),
            illumination_angle_std_mrad=rng.uniform(0, 0.3),
        )
        for _ in range(count)
    ]


def closed_signed(f_nm, g_nm):
    """<T, T'> over its norms: no envelopes, flat disc, U = q_max², a, b = pi lambda C1."""
    a, b, u = math.pi * wavelength_nm(300) * f_nm, math.pi * wavelength_nm(300) * g_nm, 64.0

    def product(a, b):
        first = u if a == b else math.sin((a - b) * u) / (a - b)
        return (first - math.sin((a + b) * u) / (a + b)) / (2 * u)

    return product(a, b) / math.sqrt(product(a, a) * product(b, b))


@pytest.mark.parametrize(("f_nm", "g_nm"), [(10, 15), (10, 20), (3, -40), (900, 905), (700, -80)])
def test_signed_overlap_is_its_closed_form_at_any_defocus(f_nm, g_nm):
    result = overlap(Lens(defocus_nm=f_nm), Lens(defocus_nm=g_nm), "signed", DISC)
    assert result == pytest.approx(closed_signed(f_nm, g_nm), abs=1e-6)


@pytest.mark.parametrize(
    ("f_A", "g_A", "expected"),
    [
        (100, 150, (0.531025, 0.782945, 0.609285)),
        (100, 200, (-0.139024, 0.856813, 0.672180)),
        (-100, 100, (-1, 1, 1)),
    ],
)
def test_printed_overlaps_of_defoci(f_A, g_A, expected):
    """physics.md, shift metrics (a), quadrature of 20,000 points."""
    f, g = Lens(defocus_nm=-f_A / 10), Lens(defocus_nm=-g_A / 10)
    result = [overlap(f, g, kind, DISC) for kind in ("signed", "magnitude", "power")]
    assert result == pytest.approx(expected, abs=1e-6)


def test_printed_overlaps_with_scherzer():
    """physics.md, shift metrics (b); its wave column is the square root of ours."""
    scherzer = Lens(defocus_nm=scherzer_defocus_nm(1.2, 300), cs_mm=1.2, **PARTLY_COHERENT)
    others = [Lens(defocus_nm=-c1 / 10, **PARTLY_COHERENT) for c1 in (0, -50, -100, 100, -200)]
    others += [scherzer, Lens(defocus_nm=100, cs_mm=1.2, **PARTLY_COHERENT)]
    expected = {
        "signed": [0, 0.1996, 0.4082, -0.4082, 0.5139, 1, -0.0355],
        "magnitude": [0, 0.7538, 0.8481, 0.8481, 0.8603, 1, 0.7974],
        "power": [0, 0.5288, 0.7243, 0.7243, 0.7278, 1, 0.6104],
        "wave": np.square([0.3515, 0.3537, 0.3433, 0.3412, 0.3079, 1, 0.1020]),
    }
    for kind, values in expected.items():
        result = transfer_overlap(others, [scherzer], NO_FLOOR, kind)[:, 0]
        assert result == pytest.approx(values, abs=6e-5), kind


@pytest.mark.parametrize(("kappa", "expected"), [(1e-3, 0.0512), (1e-2, 0.1602), (1e-6, 0.0016)])
def test_printed_overlaps_with_focus_by_noise_floor(kappa, expected):
    focus, other = Lens(**PARTLY_COHERENT), Lens(defocus_nm=10, **PARTLY_COHERENT)
    result = overlap(focus, other, measure=TransferMeasure(noise_floor=kappa))
    assert result == pytest.approx(expected, abs=5.1e-5)


def test_unrelated_oscillations_overlap_by_a_known_amount():
    far = overlap(Lens(defocus_nm=3000), Lens(defocus_nm=4733))
    assert far == pytest.approx(UNRELATED_MAGNITUDES, abs=2e-3)
    assert centred(np.array([UNRELATED_MAGNITUDES, 1.0])) == pytest.approx([0, 1])


@few
@given(pairs, st.sampled_from(KINDS))
def test_overlaps_are_bounded_one_with_themselves_and_symmetric_unless_directed(pair, kind):
    result = transfer_overlap(pair, pair, MEASURE, kind)
    assert np.diag(result) == pytest.approx(1)
    assert np.all(np.abs(result) <= 1)
    if kind != "signed":
        assert np.all(result >= 0)
    if kind != "containment":
        assert result == pytest.approx(result.T, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("measure", [MEASURE, NO_FLOOR])
def test_conditions_that_transfer_nothing_never_give_nan(kind, measure):
    """In focus, and through an envelope that underflows to nothing."""
    focus, dark, other = Lens(), Lens(defocus_nm=5, focal_spread_std_nm=1e9), Lens(defocus_nm=10)
    result = transfer_overlap([focus, dark, other], [focus, dark, other], measure, kind)
    assert np.all(np.isfinite(result))
    assert np.diag(result) == pytest.approx(1)


def test_without_a_floor_nothing_overlaps_with_nothing_alone():
    result = transfer_overlap([Lens(), Lens(defocus_nm=10)], [Lens()], NO_FLOOR)[:, 0]
    assert result.tolist() == [1, 0]


@few
@given(round_lenses, round_lenses, st.floats(0.1, 0.9), st.sampled_from(COSINES))
def test_without_a_floor_strength_does_not_count(first, second, strength, kind):
    lenses = [first, second]
    assume(transfer_power(lenses, NO_FLOOR).min() > 1e-6)

    def compared(strength):
        for part in transfers(lenses, NO_FLOOR, sample_band(lenses, NO_FLOOR)):
            features = OVERLAP_FEATURES[kind](part)
            yield part.weight, strength * features[:1], features[1:]

    full, faint = (overlap_of(compared(s), kind, 0.0)[0, 0] for s in (1.0, strength))
    assert faint == pytest.approx(full, abs=1e-12)


@few
@given(pairs, st.sampled_from(("magnitude", "power", "containment", "jaccard")))
def test_magnitudes_do_not_know_contrast_reversal(pair, kind):
    first, second = pair
    assert overlap(negative(first), second, kind) == pytest.approx(
        overlap(first, second, kind), abs=1e-9
    )


@few
@given(astigmatic_lenses, astigmatic_lenses)
def test_signed_overlap_changes_its_sign_with_the_contrast(first, second):
    assume(transfer_power([first, second], NO_FLOOR).min() > 1e-6)
    there, back = transfer_overlap([first, negative(first)], [second], NO_FLOOR, "signed")[:, 0]
    assert back == pytest.approx(-there, abs=1e-9)


def test_amplitude_contrast_tells_underfocus_from_overfocus():
    measure = TransferMeasure(amplitude_fraction=0.2)
    under, over = Lens(defocus_nm=10), Lens(defocus_nm=-10)
    assert overlap(under, over) == pytest.approx(1)
    assert overlap(under, over, measure=measure) < 0.95


@pytest.mark.parametrize("kind", KERNELS)
def test_overlaps_are_kernels(kind):
    """Positive semidefinite, so that sqrt(2 - 2 sigma) is a distance."""
    lenses = random_lenses(60)
    result = transfer_overlap(lenses, lenses, MEASURE, kind)
    assert np.linalg.eigvalsh((result + result.T) / 2).min() > -1e-12
    distance = np.sqrt(np.maximum(2 - 2 * result, 0))
    detour = (distance[:, :, None] + distance[None]).min(axis=1)
    assert np.all(distance <= detour + 1e-7)


def test_the_unsquared_wave_overlap_is_no_kernel():
    lenses = random_lenses(60)
    unsquared = np.sqrt(transfer_overlap(lenses, lenses, MEASURE, "wave"))
    assert np.linalg.eigvalsh(unsquared).min() < -0.1


@few
@given(st.floats(-40, 40), st.floats(-40, 40), st.floats(-40, 40))
def test_the_wave_sees_the_difference_of_round_aberrations(first_nm, second_nm, common_nm):
    def waves(moved_nm):
        pair = (Lens(defocus_nm=d + moved_nm, cs_mm=1.0) for d in (first_nm, second_nm))
        return overlap(*pair, "wave")

    assert waves(common_nm) == pytest.approx(waves(0), abs=1e-5)


@few
@given(pairs, st.floats(0, 360), st.sampled_from(KINDS))
def test_turning_both_microscopes_changes_nothing(pair, angle_deg, kind):
    turned = [rotated(lens, angle_deg) for lens in pair]
    assert overlap(*turned, kind) == pytest.approx(overlap(*pair, kind), abs=5e-4)


@few
@given(round_lenses, st.floats(0.5, 4), st.sampled_from(KINDS))
def test_overlaps_scale_with_frequencies(lens, k, kind):
    def at(k):
        factors = {"defocus_nm": k**-2, "cs_mm": k**-4, "focal_spread_std_nm": k**-2}
        factors["illumination_angle_std_mrad"] = k
        lenses = [
            one.model_copy(update={name: getattr(one, name) * f for name, f in factors.items()})
            for one in (lens, Lens(defocus_nm=12, cs_mm=0.3, **PARTLY_COHERENT))
        ]
        return overlap(*lenses, kind, TransferMeasure(q_min_per_nm=0.5 * k, q_max_per_nm=8 * k))

    assert at(k) == pytest.approx(at(1), abs=1e-9)


@few
@given(astigmatic_lenses, st.floats(0.5, 5), pairs)
def test_what_transfers_more_everywhere_contains_what_transfers_less(lens, spread_nm, pair):
    lens = lens.model_copy(update={"illumination_angle_std_mrad": 0.0})
    worse_nm = math.hypot(lens.focal_spread_std_nm, spread_nm)
    worse = lens.model_copy(update={"focal_spread_std_nm": worse_nm})
    assert overlap(lens, worse, "containment") == pytest.approx(1)
    there, back = transfer_overlap(pair, pair, MEASURE, "containment")[[0, 1], [1, 0]]
    assert overlap(*pair, "jaccard") <= min(there, back) + 1e-12


def test_containment_is_directed():
    sharp, blurred = (Lens(defocus_nm=20, focal_spread_std_nm=d) for d in (0.0, 5.0))
    assert overlap(sharp, blurred, "containment") == pytest.approx(1)
    assert overlap(blurred, sharp, "containment") < 0.8


@few
@given(round_lenses, st.sampled_from(sorted(Lens.model_fields)), st.sampled_from(KERNELS))
def test_a_small_change_of_any_coefficient_is_a_small_shift(lens, name, kind):
    if name.endswith("_deg"):
        return
    changed = lens.model_copy(update={name: getattr(lens, name) + 1e-7})
    assert overlap(lens, changed, kind) == pytest.approx(1, abs=5e-4)


def test_rows_are_training_and_columns_testing():
    train, test = random_lenses(3), random_lenses(4, seed=1)
    result = transfer_overlap(train, test, MEASURE, "containment")
    assert result.shape == (3, 4)
    assert result[2, 1] == pytest.approx(overlap(train[2], test[1], "containment"), abs=3e-5)


def test_the_weight_decides_what_counts():
    """Two lenses that agree at low and not at high frequencies."""
    pair = Lens(defocus_nm=10), Lens(defocus_nm=12)
    heavy = TransferMeasure(weight=FormFactorWeight(atomic_number=79))
    assert overlap(*pair, measure=heavy) > overlap(*pair) + 0.03


def test_information_overlap_knows_the_dose():
    def at(dose_e_per_A2):
        return ImagingConditions(defocus_nm=10, dose_e_per_A2=dose_e_per_A2)

    rich, poor = at(1000), at(10)
    phase_power = random_atoms_phase_power(79, 10, 300)
    result = information_overlap([rich, poor], [rich, poor], MEASURE, phase_power)
    assert np.diag(result) == pytest.approx(1)
    assert result[0, 1] == pytest.approx(1)  # much saw what little shows
    assert result[1, 0] < 0.3
    assert overlap(rich, poor) == pytest.approx(1)


@pytest.mark.parametrize(("f_nm", "g_nm"), [(10, 10), (10, -10), (12, 30), (60, -120)])
def test_the_power_overlap_of_two_defoci_is_its_closed_form(f_nm, g_nm):
    """Mean of sin²(a u) sin²(b u) over 0 to U: (1 - S(2a) - S(2b) + (S(2a + 2b) + S(2a - 2b)) / 2)
    / 4 with S(k) = sin(k U) / (k U)."""
    a, b, u = math.pi * wavelength_nm(300) * f_nm, math.pi * wavelength_nm(300) * g_nm, 64.0

    def product(a, b):
        s = [np.sinc(k * u / math.pi) for k in (2 * a, 2 * b, 2 * (a + b), 2 * (a - b))]
        return (1 - s[0] - s[1] + (s[2] + s[3]) / 2) / 4

    expected = product(a, b) / math.sqrt(product(a, a) * product(b, b))
    result = overlap(Lens(defocus_nm=f_nm), Lens(defocus_nm=g_nm), "power", DISC)
    assert result == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("coma_nm", [0.0, 300.0])
def test_round_lenses_overlap_as_much_beside_others_that_are_not_round(coma_nm):
    """A matrix is made block by block: each pair has the overlap that it has alone."""
    lenses = [
        Lens(defocus_nm=12, focal_spread_std_nm=2),
        Lens(defocus_nm=30, c12_nm=10, c23_nm=coma_nm, focal_spread_std_nm=2),
        Lens(defocus_nm=-40, cs_mm=0.6, focal_spread_std_nm=2),
    ]
    matrices = transfer_overlaps(lenses, lenses, MEASURE)
    assert set(matrices) == set(OVERLAP_FEATURES)
    for kind, matrix in matrices.items():
        for (i, first), (j, second) in product(enumerate(lenses), repeat=2):
            alone = transfer_overlap([first], [second], MEASURE, kind)[0, 0]
            assert matrix[i, j] == pytest.approx(alone, abs=3e-4), (kind, i, j)
