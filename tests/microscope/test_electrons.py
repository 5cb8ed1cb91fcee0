import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.electrons import interaction_per_V_nm, wavelength_nm

# From CODATA 2018 from first principles; abTEM 1.0.11 differs by < 3e-10 Angstrom and < 7e-9.
KNOWN = [  # keV, lambda in Angstrom, sigma_e in rad/(V Angstrom), v/c
    (100, 0.0370144, 9.243958e-4, 0.54822),
    (200, 0.0250793, 7.288401e-4, 0.69531),
    (300, 0.0196875, 6.526161e-4, 0.77653),
]


@pytest.mark.parametrize(("energy_keV", "wavelength_A", "sigma_per_V_A", "_beta"), KNOWN)
def test_known_wavelengths_and_interactions_to_the_printed_digits(
    energy_keV, wavelength_A, sigma_per_V_A, _beta
):
    assert wavelength_nm(energy_keV) * 10 == pytest.approx(wavelength_A, abs=5.1e-8)
    assert interaction_per_V_nm(energy_keV) / 10 == pytest.approx(sigma_per_V_A, abs=5.1e-11)


@pytest.mark.parametrize(("energy_keV", "_wavelength_A", "_sigma", "beta"), KNOWN)
def test_interaction_is_2_pi_over_lambda_times_a_relativistic_energy(
    energy_keV, _wavelength_A, _sigma, beta
):
    """sigma = 2 pi / (beta h c / e): the same constant written with the velocity v/c."""
    planck_light_V_nm = 1239.84198
    assert interaction_per_V_nm(energy_keV) == pytest.approx(
        2 * 3.14159265 / (beta * planck_light_V_nm), rel=1e-5
    )


@given(st.floats(1, 3000))
def test_the_practical_formula_of_the_wavelength(energy_keV):
    """12.2643 / sqrt(V + 0.978476e-6 V²) Angstrom, to its six digits."""
    volt = energy_keV * 1e3
    practical_A = 12.2643 / (volt + 0.978476e-6 * volt**2) ** 0.5
    assert wavelength_nm(energy_keV) * 10 == pytest.approx(practical_A, rel=5e-6)


@pytest.mark.parametrize("energy_keV", [0, -300, 300_000, float("nan")])
def test_volts_in_place_of_kilovolts_are_refused(energy_keV):
    with pytest.raises(InputError, match="in kV, not in V"):
        wavelength_nm(energy_keV)
