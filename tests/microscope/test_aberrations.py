import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_shift.microscope.aberrations import (
    TERMS,
    aberration_phase,
    aberration_polynomial,
    contrast_transfer,
    corrected_optimum,
    focal_spread_std_nm,
    gradient,
    information_limit_nm,
    phase_contrast_transfer,
    point_resolution_nm,
    scherzer_defocus_nm,
    square,
    temporal_envelope,
    wave_aberration,
    wave_transfer,
)
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.microscope.electrons import wavelength_nm

# Known answers at 300 kV, computed from CODATA 2018; lengths in Angstrom as in the literature.
SCHERZER = [  # Cs mm, sqrt(1.5 Cs lambda), sqrt(Cs lambda), point resolution, all A, and mrad
    (1.2, 595.29, 486.06, 1.9765, 9.961),
    (0.6, 420.94, 343.69, 1.6620, 11.845),
    (2.7, 892.94, 729.08, 2.4207, 8.133),
]
PASSBANDS = [(1, 595.29, 0.35775), (2, 909.33, 0.44216), (3, 1139.90, 0.49505)]  # A, 1/A
TRANSFER = [  # q 1/A, chi, -sin chi, E_t, E_s, T: Cs 1.2 mm, Scherzer, focal spread SD 20 A
    (0.1, -0.353806, 0.346471, 0.999923, 0.999406, 0.346238),
    (0.2, -1.242619, 0.946631, 0.998777, 0.998678, 0.944224),
    (0.4, -2.208795, 0.803289, 0.980604, 0.999300, 0.787158),
    (0.5, -0.214899, 0.213249, 0.953307, 0.984233, 0.200086),
    (0.6, 5.386511, 0.781256, 0.905602, 0.920580, 0.651316),
    (0.8, 35.351698, 0.713288, 0.730973, 0.488477, 0.254689),
]
ENVELOPES = [  # SD A, E_t at q = .25, .5, .75, 1.0 1/A, information limit A
    (50**0.5, (0.99963, 0.99404, 0.97019, 0.90879), 0.4676),
    (10, (0.99925, 0.98812, 0.94128, 0.82591), 0.5561),
    (20, (0.99702, 0.95331, 0.78499, 0.46529), 0.7864),
    (40, (0.98812, 0.82591, 0.37972, 0.04687), 1.1122),
]
SPATIAL_ENVELOPES = [  # SD mrad, E_s at q = .25, .4, first zero of T: Cs 1.2 mm, Scherzer
    (0.1, (0.99886, 0.99930, 0.98225)),
    (0.25, (0.99287, 0.99563, 0.89412)),
    (0.5, (0.97179, 0.98265, 0.63913)),
]
SCHERZER_ZEROS_PER_A = (0.50594, 0.56876, 0.61079, 0.64357, 0.67088, 0.69453)


def lens(**changes):
    return {"defocus_nm": scherzer_defocus_nm(1.2, 300), "cs_mm": 1.2, "energy_keV": 300, **changes}


SCHERZER_LENS = Lens(defocus_nm=scherzer_defocus_nm(1.2, 300), cs_mm=1.2)
ORDERS = {name: (n, m) for name, (_, n, m) in TERMS.items()}
SIZES = {"nm": 200.0, "um": 50.0, "mm": 1.0}  # of aberrations, by the unit in their names
ROUND = [name for name, (_, m) in ORDERS.items() if m == 0]
NOT_ROUND = [name for name in ORDERS if name not in ROUND]
ODD = [name for name, (n, _) in ORDERS.items() if n % 2 == 0]


def any_lens(rng, **given):
    """All aberrations and both widths."""
    magnitudes = {name: rng.uniform(-1, 1) * SIZES[name[-2:]] for name in ORDERS}
    azimuths = {name: rng.uniform(0, 360) for name in Lens.model_fields if "azimuth" in name}
    widths = {"focal_spread_std_nm": 1.0, "illumination_angle_std_mrad": 0.02}
    return Lens(**{**magnitudes, **azimuths, **widths, **given})


@pytest.mark.parametrize(
    ("cs_mm", "defocus_A", "original_A", "resolution_A", "angle_mrad"), SCHERZER
)
def test_scherzer_defocus_and_resolution(cs_mm, defocus_A, original_A, resolution_A, angle_mrad):
    defocus_nm = scherzer_defocus_nm(cs_mm, 300)
    assert defocus_nm * 10 == pytest.approx(defocus_A, abs=0.0051)
    assert defocus_nm * 10 / 1.5**0.5 == pytest.approx(original_A, abs=0.0051)
    assert point_resolution_nm(cs_mm, 300) * 10 == pytest.approx(resolution_A, abs=5.1e-5)
    assert 1e3 * wavelength_nm(300) / point_resolution_nm(cs_mm, 300) == pytest.approx(
        angle_mrad, abs=5.1e-4
    )
    assert scherzer_defocus_nm(-cs_mm, 300) == -defocus_nm
    # The first crossing of T, found from the curve alone.
    q_per_nm = np.linspace(1, 10 / resolution_A * 1.1, 200_001)
    t = phase_contrast_transfer(
        q_per_nm, defocus_nm=defocus_nm, cs_mm=cs_mm, focal_spread_std_nm=0, energy_keV=300
    )
    crossing_per_nm = q_per_nm[np.argmax(t < 0)]
    assert 10 / crossing_per_nm == pytest.approx(resolution_A, abs=1e-4)


@pytest.mark.parametrize(("n", "defocus_A", "centre_per_A"), PASSBANDS)
def test_passbands(n, defocus_A, centre_per_A):
    """chi is stationary at -(n - 1/4) pi in their middle."""
    defocus_nm = scherzer_defocus_nm(1.2, 300, n)
    assert 10 * defocus_nm == pytest.approx(defocus_A, abs=0.0051)
    q_per_nm = np.linspace(3, 6, 300_001)
    chi = aberration_phase(q_per_nm, **lens(defocus_nm=defocus_nm))
    assert chi.min() == pytest.approx(-(n - 0.25) * np.pi, abs=1e-6)
    assert q_per_nm[chi.argmin()] / 10 == pytest.approx(centre_per_A, abs=6e-6)


def test_the_band_that_scherzer_defocus_passes():
    """abs T >= 1/sqrt(2) from 0.15325 to 0.48217 per Angstrom."""
    q_per_nm = np.linspace(1, 5.1, 410_001)
    passed = q_per_nm[
        phase_contrast_transfer(q_per_nm, **lens(), focal_spread_std_nm=0) >= 0.5**0.5 - 1e-9
    ]
    assert passed[0] / 10 == pytest.approx(0.15325, abs=6e-6)
    assert passed[-1] / 10 == pytest.approx(0.48217, abs=6e-6)


def test_corrected_optimum():
    """Lentzen (2006), information limit 0.8 Angstrom: 57.792 Angstrom and 12.723 um."""
    defocus_nm, cs_mm = corrected_optimum(12.5, 300)
    assert 10 * defocus_nm == pytest.approx(57.792, abs=5.1e-4)
    assert 1e3 * cs_mm == pytest.approx(12.723, abs=5.1e-4)


def test_focal_spread_of_the_instabilities():
    """Cc 1.2 mm, FWHM 0.7 eV: 11.891 Angstrom; with 1e-7 of voltage and current 12.190."""
    fwhm = 2 * np.sqrt(2 * np.log(2))
    energy = {"cc_mm": 1.2, "energy_keV": 300, "energy_spread_std_eV": 0.7 / fwhm}
    assert 10 * focal_spread_std_nm(**energy) == pytest.approx(11.891, abs=5.1e-4)
    shaken_nm = focal_spread_std_nm(**energy, voltage_instability=1e-7, current_instability=1e-7)
    assert 10 * shaken_nm == pytest.approx(12.190, abs=5.1e-4)
    assert 10 * information_limit_nm(shaken_nm, 300) == pytest.approx(0.6140, abs=5.1e-5)


def test_zeros_at_scherzer():
    chi = aberration_phase(10 * np.array(SCHERZER_ZEROS_PER_A), **lens())
    assert chi == pytest.approx(np.pi * np.arange(6), abs=2e-3)


def test_phase_minimum_at_scherzer():
    """chi is lowest at q = 0.35775 per Angstrom, -3 pi/4."""
    q_per_nm = np.linspace(0.1, 5, 50_000)
    chi = aberration_phase(q_per_nm, **lens())
    assert chi.min() == pytest.approx(-0.75 * np.pi, abs=1e-6)
    assert q_per_nm[chi.argmin()] / 10 == pytest.approx(0.35775, abs=2e-5)


@pytest.mark.parametrize(("defocus_A", "zero_per_A"), [(50, 1.0079), (100, 0.7127), (250, 0.4507)])
def test_first_zero_without_spherical_aberration(defocus_A, zero_per_A):
    chi = aberration_phase(np.array([10 * zero_per_A]), **lens(defocus_nm=defocus_A / 10, cs_mm=0))
    assert chi == pytest.approx(-np.pi, abs=1e-3)


@pytest.mark.parametrize(("q_per_A", "chi", "minus_sin", "e_t", "e_s", "t"), TRANSFER)
def test_transfer_table(q_per_A, chi, minus_sin, e_t, e_s, t):
    """Through the round functions, and through a lens that has a spatial envelope E_s too."""
    q_per_nm = np.array([10 * q_per_A])
    assert aberration_phase(q_per_nm, **lens()) == pytest.approx(chi, abs=6e-7)
    perfect = phase_contrast_transfer(q_per_nm, **lens(), focal_spread_std_nm=0)
    assert perfect == pytest.approx(minus_sin, abs=6e-7)
    found = phase_contrast_transfer(q_per_nm, **lens(), focal_spread_std_nm=2.0)
    assert found == pytest.approx(minus_sin * e_t, abs=1.2e-6)
    partly = SCHERZER_LENS.model_copy(update={"illumination_angle_std_mrad": 0.1})
    assert np.abs(wave_transfer(0, q_per_nm, partly, 300)) == pytest.approx(e_s, abs=6e-7)
    whole = partly.model_copy(update={"focal_spread_std_nm": 2.0})
    assert contrast_transfer(q_per_nm, 0, whole, 300) == pytest.approx(t, abs=6e-7)


@pytest.mark.parametrize(("spread_A", "values", "limit_A"), ENVELOPES)
def test_envelope_table(spread_A, values, limit_A):
    q_per_nm = np.array([2.5, 5, 7.5, 10])
    found = temporal_envelope(q_per_nm, focal_spread_std_nm=spread_A / 10, energy_keV=300)
    assert found == pytest.approx(values, abs=6e-6)
    any_focus = Lens(defocus_nm=30, focal_spread_std_nm=spread_A / 10)
    assert np.abs(wave_transfer(0, q_per_nm, any_focus, 300)) == pytest.approx(values, abs=6e-6)
    assert 10 * information_limit_nm(spread_A / 10, 300) == pytest.approx(limit_A, abs=5.1e-5)


@pytest.mark.parametrize(("angle_mrad", "values"), SPATIAL_ENVELOPES)
def test_spatial_envelope_table(angle_mrad, values):
    tilted = SCHERZER_LENS.model_copy(update={"illumination_angle_std_mrad": angle_mrad})
    first_zero_per_nm = 1 / point_resolution_nm(1.2, 300)
    found = np.abs(wave_transfer(np.array([2.5, 4, first_zero_per_nm]), 0, tilted, 300))
    assert found == pytest.approx(values, abs=6e-6)


@pytest.mark.parametrize("name", NOT_ROUND)
def test_each_aberration_is_its_polar_form(name):
    """(2 pi / lambda) C alpha^(n+1) / (n+1) cos m (f - azimuth), f from +x to +y."""
    n, m = ORDERS[name]
    unit_nm = {"nm": 1, "um": 1e3, "mm": 1e6}[name[-2:]]
    aberrations = Lens(**{name: 3.0, f"c{n}{m}_azimuth_deg": 25.0})
    f, q_per_nm = np.radians(np.arange(0, 360, 7)), 6.0
    alpha = wavelength_nm(300) * q_per_nm
    expected = 2 * np.pi / wavelength_nm(300) * 3.0 * unit_nm * alpha ** (n + 1) / (n + 1)
    found = wave_aberration(q_per_nm * np.sin(f), q_per_nm * np.cos(f), aberrations, 300)
    np.testing.assert_allclose(
        found, expected * np.cos(m * (f - np.radians(25))), atol=1e-12 * expected
    )


def test_round_aberrations_add_up_in_any_direction():
    """pi lambda C1 q² + (pi/2) lambda³ C3 q⁴ + (pi/3) lambda⁵ C5 q⁶."""
    q_per_nm, f = np.linspace(0, 12, 40), np.linspace(0, 7, 40)
    found = wave_aberration(
        q_per_nm * np.sin(f),
        q_per_nm * np.cos(f),
        Lens(defocus_nm=40.0, cs_mm=1.2, c50_mm=4.0),
        300,
    )
    fifth = np.pi / 3 * wavelength_nm(300) ** 5 * 4e6 * q_per_nm**6
    third = aberration_phase(q_per_nm, **lens(defocus_nm=40.0))
    np.testing.assert_allclose(found, third + fifth, rtol=1e-12, atol=1e-10)


def test_the_spatial_envelope_holds_the_slope_in_both_directions():
    """exp(-(s²/2) abs(grad chi)²) against differences of chi, for all aberrations at once."""
    rng = np.random.default_rng(0)
    step_per_nm, s_mrad = 1e-5, 0.2
    qy, qx = rng.uniform(-8, 8, (2, 50))
    one = any_lens(rng, focal_spread_std_nm=0.0, illumination_angle_std_mrad=s_mrad)

    def slope(along_y, along_x):
        ends = [
            wave_aberration(qy + side * along_y, qx + side * along_x, one, 300) for side in (1, -1)
        ]
        return (ends[0] - ends[1]) / (2 * step_per_nm * wavelength_nm(300))  # rad per rad

    slopes = np.hypot(slope(step_per_nm, 0), slope(0, step_per_nm))
    found = np.abs(wave_transfer(qy, qx, one, 300))
    np.testing.assert_allclose(found, np.exp(-0.5 * (1e-3 * s_mrad * slopes) ** 2), atol=1e-6)
    assert 0.01 < np.median(found) < 0.99


def test_gradient_and_square_of_a_polynomial():
    c = aberration_polynomial(any_lens(np.random.default_rng(1)), 300)
    value = np.polynomial.polynomial.polyval2d
    of_y, of_x = gradient(c)
    step = 1e-4
    assert value(2.0, 3.0, of_y) == pytest.approx(
        (value(2 + step, 3, c) - value(2 - step, 3, c)) / (2 * step), rel=1e-6
    )
    assert value(2.0, 3.0, of_x) == pytest.approx(
        (value(2, 3 + step, c) - value(2, 3 - step, c)) / (2 * step), rel=1e-6
    )
    assert value(2.0, 3.0, square(c)) == pytest.approx(value(2, 3, c) ** 2, rel=1e-12)


def test_the_odd_part_of_chi_shifts_and_the_even_part_transfers():
    """T = exp(-i odd) (-sqrt(1 - Q²) sin even + Q cos even), with coma and threefold."""
    rng = np.random.default_rng(2)
    qy, qx = rng.uniform(-10, 10, (2, 200))
    coherent = {"focal_spread_std_nm": 0.0, "illumination_angle_std_mrad": 0.0}
    whole = any_lens(rng, **coherent)
    even = whole.model_copy(update=dict.fromkeys(ODD, 0.0))
    odd = whole.model_copy(update={name: 0.0 for name in ORDERS if name not in ODD})
    chi_even, chi_odd = (wave_aberration(qy, qx, part, 300) for part in (even, odd))
    for fraction in (0.0, 0.3):
        size = -np.sqrt(1 - fraction**2) * np.sin(chi_even) + fraction * np.cos(chi_even)
        found = contrast_transfer(qy, qx, whole, 300, fraction)
        np.testing.assert_allclose(found, np.exp(-1j * chi_odd) * size, atol=1e-9)
    assert np.abs(chi_odd).max() > np.pi / 2


def test_the_transfer_of_a_real_object_is_hermitian_and_never_exceeds_one():
    rng = np.random.default_rng(3)
    qy, qx = rng.uniform(-8, 8, (2, 200))
    one = any_lens(rng)
    here, opposite = (contrast_transfer(s * qy, s * qx, one, 300, 0.2) for s in (1, -1))
    np.testing.assert_allclose(opposite, here.conj(), atol=1e-12)
    assert 0.1 < np.abs(here).max() <= 1


def test_a_round_lens_is_the_same_by_both_ways():
    q_per_nm, f = np.linspace(0, 9, 40), np.linspace(0, 7, 40)
    both = {"focal_spread_std_nm": 2.0}
    found = contrast_transfer(
        q_per_nm * np.sin(f),
        q_per_nm * np.cos(f),
        SCHERZER_LENS.model_copy(update=both),
        300,
        0.1,
    )
    expected = phase_contrast_transfer(q_per_nm, **lens(), **both, amplitude_fraction=0.1)
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_envelope_is_the_normal_average_over_defocus():
    """Its width is a standard deviation: a 1/e width or a FWHM would not average to it."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    q_per_nm = np.linspace(0, 9, 40)
    averaged = sum(
        weight
        * phase_contrast_transfer(
            q_per_nm, **lens(defocus_nm=10 + 2 * node, cs_mm=0.01), focal_spread_std_nm=0
        )
        for node, weight in zip(nodes, weights / weights.sum(), strict=True)
    )
    enveloped = phase_contrast_transfer(
        q_per_nm, **lens(defocus_nm=10, cs_mm=0.01), focal_spread_std_nm=2
    )
    assert enveloped == pytest.approx(averaged, abs=1e-12)


def test_underfocus_and_absorption_darken_together():
    """At low q amplitude and phase contrast add up at underfocus, and cancel at overfocus."""
    q_per_nm = np.array([1.0])

    def t(defocus_nm, amplitude_fraction):
        return phase_contrast_transfer(
            q_per_nm,
            **lens(defocus_nm=defocus_nm, cs_mm=0),
            focal_spread_std_nm=0,
            amplitude_fraction=amplitude_fraction,
        )[0]

    assert 0 < t(10, 0) < t(10, 0.1)
    assert t(-10, 0) < t(-10, 0.1)
    assert t(0, 0.1) == pytest.approx(0.1)


@given(
    q_per_nm=st.floats(0, 15),
    defocus_nm=st.floats(-200, 200),
    cs_mm=st.floats(-3, 3),
    fraction=st.floats(0, 1),
)
def test_transfer_never_exceeds_one(q_per_nm, defocus_nm, cs_mm, fraction):
    """No factor 2 inside T."""
    t = phase_contrast_transfer(
        np.array([q_per_nm]),
        **lens(defocus_nm=defocus_nm, cs_mm=cs_mm),
        focal_spread_std_nm=1,
        amplitude_fraction=fraction,
    )
    assert np.abs(t) <= 1 + 1e-12


def test_frequency_is_not_angular():
    """Free defocus shifts the phase by pi at q = 1/sqrt(lambda defocus), without 2 pi."""
    q_per_nm = 1 / np.sqrt(wavelength_nm(300) * 10)
    chi = aberration_phase(np.array([q_per_nm]), **lens(defocus_nm=10, cs_mm=0))
    assert chi == pytest.approx(-np.pi)
