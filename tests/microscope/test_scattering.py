import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.scattering import POTENTIAL_V_nm2, scattering_factor_nm

# Peng, Ren, Dudarev and Whelan, Acta Cryst. A52 (1996) 257: f_e in Angstrom at q = 0 and
# 1 per Angstrom, from that table's own Gaussians: another fit to other atomic calculations.
PENG = {
    6: (2.50920, 0.41414),
    14: (5.81820, 0.74130),
    47: (8.66770, 2.19182),
    79: (10.56330, 3.06534),
}
# Kirkland's Lorentzians and Gaussians as abTEM 1.0.11 sums them: f_e in Angstrom at q = 4 and
# 8 per Angstrom.
KIRKLAND = {
    6: (0.03365, 0.00890),
    14: (0.07618, 0.02011),
    47: (0.24142, 0.06552),
    79: (0.38435, 0.10846),
}
TABLES = ["lobato", "kirkland"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("element", PENG)
def test_two_other_tables_agree_within_their_own_spread(element, table):
    low_A = 10 * scattering_factor_nm(element, np.array([0.0, 10.0]), table)
    assert low_A == pytest.approx(PENG[element], rel=0.01)
    high_A = 10 * scattering_factor_nm(element, np.array([40.0, 80.0]), table)
    assert high_A == pytest.approx(KIRKLAND[element], rel=0.01 if table == "lobato" else 1e-3)


@pytest.mark.parametrize("element", range(1, 104))
def test_lobato_and_kirkland_fit_the_same_atoms(element):
    """Both are fits to relativistic Hartree-Fock atoms, up to 12 per Angstrom.

    Found: 1.2 % apart on average for the worst element, 11 % at worst (polonium at q = 0).
    """
    q_per_nm = np.linspace(0, 120, 200)
    lobato, kirkland = (scattering_factor_nm(element, q_per_nm, table) for table in TABLES)
    apart = np.abs(kirkland / lobato - 1)
    assert apart.mean() < 0.013 and apart.max() < 0.12


@pytest.mark.parametrize("element", range(1, 104))
def test_every_element_ends_in_the_mott_bethe_limit(element):
    """Far out the electron sees the bare nucleus: f_e = Z / (2 pi² a0 q²), a0 = 0.0529177 nm."""
    q_per_nm = np.array([3e4])
    limit_nm = element / (2 * np.pi**2 * 0.0529177211 * q_per_nm**2)
    assert scattering_factor_nm(element, q_per_nm) == pytest.approx(limit_nm, rel=1e-4)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("element", range(1, 104))
def test_scattering_falls_with_frequency_and_stays_positive(element, table):
    f_nm = scattering_factor_nm(element, np.linspace(0, 250, 400), table)
    assert (f_nm > 0).all() and (np.diff(f_nm) < 0).all()


def test_the_potential_constant_in_atomic_units():
    """h²/(2 pi m e) = 2 pi a0 e/(4 pi eps0) = 2 pi 0.5291772 A 14.399645 V A = 47.8780 V A²."""
    assert POTENTIAL_V_nm2 * 100 == pytest.approx(2 * np.pi * 0.529177211 * 14.3996455, rel=1e-7)


def test_mean_inner_potential_of_gold_from_free_atoms():
    """Published for free atoms: 29 to 31 V (Au, a = 0.4078 nm); bonding would lower it."""
    mean_V = POTENTIAL_V_nm2 * 4 * scattering_factor_nm(79, np.zeros(1))[0] / 0.40782**3
    assert 29 < mean_V < 31


@pytest.mark.parametrize("element", [0, 104, -6])
def test_an_unknown_element_is_named(element):
    with pytest.raises(InputError, match=f"atomic number {element}"):
        scattering_factor_nm(element, np.zeros(1))
