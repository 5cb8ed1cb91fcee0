import numpy as np
import pytest
from scipy.integrate import quad

from hrtem_shift.mass_thickness.transmission import (
    MATERIALS,
    Material,
    contrast_thickness_nm,
    elastic_cross_section_nm2,
    transmitted,
)
from hrtem_shift.microscope.electrons import REST_ENERGY_keV, wavelength_nm

BOHR_nm = 0.052917721


def integrated_nm2(atomic_number, energy_keV, aperture_mrad):
    """Lenz's differential cross-section for elastic scattering, integrated by numbers."""
    radius = BOHR_nm * atomic_number ** (-1 / 3)
    screening = wavelength_nm(energy_keV) / (2 * np.pi * radius)
    forward = 4 * (atomic_number * radius**2 * (1 + energy_keV / REST_ENERGY_keV) / BOHR_nm) ** 2

    def ring(angle):
        return 2 * np.pi * angle * forward / (1 + (angle / screening) ** 2) ** 2

    return quad(ring, 1e-3 * aperture_mrad, 100 * screening, limit=200, epsabs=0)[0]


@pytest.mark.parametrize("atomic_number", [6, 29, 79])
@pytest.mark.parametrize(("energy_keV", "aperture_mrad"), [(100, 0), (100, 10), (200, 20)])
def test_cross_section_is_the_integral_of_the_differential_one(
    atomic_number, energy_keV, aperture_mrad
):
    assert elastic_cross_section_nm2(atomic_number, energy_keV, aperture_mrad) == pytest.approx(
        integrated_nm2(atomic_number, energy_keV, aperture_mrad), rel=5e-4
    )


@pytest.mark.parametrize("atomic_number", [6, 14, 47, 79])
@pytest.mark.parametrize("energy_keV", [100, 200])
def test_total_cross_section_is_near_that_of_langmore_and_smith(atomic_number, energy_keV):
    """J. P. Langmore and M. F. Smith, Ultramicroscopy 46 (1992) 349, fitted to partial waves."""
    beta2 = 1 - 1 / (1 + energy_keV / REST_ENERGY_keV) ** 2
    fitted = 1.4e-6 * atomic_number**1.5 / beta2
    fitted *= 1 - 0.26 * atomic_number / (137 * np.sqrt(beta2))
    assert elastic_cross_section_nm2(atomic_number, energy_keV) == pytest.approx(fitted, rel=0.3)


@pytest.mark.parametrize(("aperture_mrad", "exponent"), [(0.01, 4 / 3), (2000, 2)])
def test_power_of_the_atomic_number(aperture_mrad, exponent):
    light, heavy = (elastic_cross_section_nm2(z, 200, aperture_mrad) for z in (6, 79))
    assert np.log(heavy / light) / np.log(79 / 6) == pytest.approx(exponent, abs=0.01)


@pytest.mark.parametrize(
    ("name", "low_nm", "high_nm"), [("C", 100, 400), ("Cu", 20, 50), ("Pt", 7, 15), ("Au", 8, 20)]
)
@pytest.mark.parametrize("energy_keV", [100, 200])
def test_contrast_thickness_of_solids_at_10_mrad(name, low_nm, high_nm, energy_keV):
    assert low_nm < contrast_thickness_nm(MATERIALS[name], energy_keV, 10) < high_nm


@pytest.mark.parametrize("name", MATERIALS)
def test_larger_apertures_and_faster_electrons_let_more_through(name):
    material = MATERIALS[name]
    by_aperture = [contrast_thickness_nm(material, 200, mrad) for mrad in (2, 5, 10, 20, 40)]
    by_energy = [contrast_thickness_nm(material, keV, 10) for keV in (60, 100, 200, 300)]
    assert np.all(np.diff(by_aperture) > 0)
    assert np.all(np.diff(by_energy) > 0)


def test_atoms_of_copper_per_volume_are_those_of_its_lattice():
    assert MATERIALS["Cu"].formulas_per_nm3 == pytest.approx(4 / 0.3615**3, rel=0.01)


def test_twice_the_density_halves_the_contrast_thickness():
    light, dense = (Material(((6, 12.011, 1),), density) for density in (1.0, 2.0))
    assert contrast_thickness_nm(light) == pytest.approx(2 * contrast_thickness_nm(dense))


def test_a_compound_scatters_as_the_sum_of_its_atoms():
    oxide = MATERIALS["SiO2"]
    per_formula = elastic_cross_section_nm2(14, 200, 10) + 2 * elastic_cross_section_nm2(8, 200, 10)
    assert 1 / contrast_thickness_nm(oxide, 200, 10) == pytest.approx(
        2.2 * 602.214 / 60.084 * per_formula
    )
    per_formula = 14**1.7 + 2 * 8**1.7
    assert oxide.dark_field_per_nm == pytest.approx(2.2 * 602.214 / 60.084 * per_formula)


def test_beer_lambert():
    thickness = np.array([0, 1e-3, 14, 28, 1e4])
    through = transmitted((thickness, 14.0))
    assert through[0] == 1
    assert 1 - through[1] == pytest.approx(1e-3 / 14, rel=1e-4)  # thin: linear
    assert through[2] == pytest.approx(np.exp(-1))
    assert through[3] == pytest.approx(through[2] ** 2)
    assert through[4] == pytest.approx(0, abs=1e-12)


def test_layers_multiply():
    first, second = np.array([3.0, 0.0]), np.array([10.0, 40.0])
    both = transmitted((first, 14.0), (second, 380.0))
    assert both == pytest.approx(transmitted((first, 14.0)) * transmitted((second, 380.0)))
