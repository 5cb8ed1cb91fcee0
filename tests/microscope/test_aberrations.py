import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_shift.microscope.aberrations import (
    aberration_phase,
    phase_contrast_transfer,
    scherzer_defocus_nm,
    temporal_envelope,
)
from hrtem_shift.microscope.electrons import wavelength_nm

# Known answers at 300 kV, computed from CODATA 2018; lengths in Angstrom as in the literature.
SCHERZER = [  # Cs mm, sqrt(1.5 Cs lambda) A, point resolution (Cs lambda³/6)^(1/4) A
    (1.2, 595.29, 1.9765),
    (0.6, 420.94, 1.6620),
    (2.7, 892.94, 2.4207),
]
TRANSFER = [  # q 1/A, chi, -sin chi, E_t, E_s, T: Cs 1.2 mm, Scherzer, focal spread SD 20 A
    (0.1, -0.353806, 0.346471, 0.999923, 0.999406, 0.346238),
    (0.2, -1.242619, 0.946631, 0.998777, 0.998678, 0.944224),
    (0.4, -2.208795, 0.803289, 0.980604, 0.999300, 0.787158),
    (0.5, -0.214899, 0.213249, 0.953307, 0.984233, 0.200086),
    (0.6, 5.386511, 0.781256, 0.905602, 0.920580, 0.651316),
    (0.8, 35.351698, 0.713288, 0.730973, 0.488477, 0.254689),
]
ENVELOPES = [  # SD A, E_t at q = .25, .5, .75, 1.0 1/A
    (50**0.5, (0.99963, 0.99404, 0.97019, 0.90879)),
    (10, (0.99925, 0.98812, 0.94128, 0.82591)),
    (20, (0.99702, 0.95331, 0.78499, 0.46529)),
    (40, (0.98812, 0.82591, 0.37972, 0.04687)),
]
SCHERZER_ZEROS_PER_A = (0.50594, 0.56876, 0.61079, 0.64357, 0.67088, 0.69453)


def lens(**changes):
    return {"defocus_nm": scherzer_defocus_nm(1.2, 300), "cs_mm": 1.2, "energy_keV": 300, **changes}


@pytest.mark.parametrize(("cs_mm", "defocus_A", "resolution_A"), SCHERZER)
def test_scherzer_defocus_and_resolution(cs_mm, defocus_A, resolution_A):
    defocus_nm = scherzer_defocus_nm(cs_mm, 300)
    assert defocus_nm * 10 == pytest.approx(defocus_A, abs=0.0051)
    assert scherzer_defocus_nm(-cs_mm, 300) == -defocus_nm
    # The first crossing of T, found from the curve alone.
    q_per_nm = np.linspace(1, 10 / resolution_A * 1.1, 200_001)
    t = phase_contrast_transfer(
        q_per_nm, defocus_nm=defocus_nm, cs_mm=cs_mm, focal_spread_std_nm=0, energy_keV=300
    )
    crossing_per_nm = q_per_nm[np.argmax(t < 0)]
    assert 10 / crossing_per_nm == pytest.approx(resolution_A, abs=1e-4)


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
    """T of the table holds a spatial envelope E_s as well, which this lens does not have."""
    q_per_nm = np.array([10 * q_per_A])
    assert aberration_phase(q_per_nm, **lens()) == pytest.approx(chi, abs=6e-7)
    perfect = phase_contrast_transfer(q_per_nm, **lens(), focal_spread_std_nm=0)
    assert perfect == pytest.approx(minus_sin, abs=6e-7)
    found = phase_contrast_transfer(q_per_nm, **lens(), focal_spread_std_nm=2.0)
    assert found == pytest.approx(minus_sin * e_t, abs=1.2e-6)
    assert found * e_s == pytest.approx(t, abs=2e-6)


@pytest.mark.parametrize(("spread_A", "values"), ENVELOPES)
def test_envelope_table(spread_A, values):
    found = temporal_envelope(
        np.array([2.5, 5, 7.5, 10]), focal_spread_std_nm=spread_A / 10, energy_keV=300
    )
    assert found == pytest.approx(values, abs=6e-6)


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
