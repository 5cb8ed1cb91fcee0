"""The library's crystals against neighbours, densities and bond lengths of the literature."""

import subprocess
import sys

import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.structures.crystal_library import CRYSTALS
from hrtem_shift.structures.elements import SYMBOLS, atomic_number, symbol
from hrtem_shift.structures.space_groups import GENERATORS, operation, orbit
from hrtem_shift.structures.unit_cells import (
    Crystal,
    crystal_from_cell,
    crystal_from_cif,
    crystal_from_space_group,
)

MASS_U = {"C": 12.011, "O": 15.999, "Si": 28.086, "S": 32.06, "Mn": 54.938, "Fe": 55.845}
MASS_U |= {"Co": 58.933, "Cu": 63.546, "Zn": 65.38, "Se": 78.971, "Mo": 95.95, "Ag": 107.868}
MASS_U |= {"Cd": 112.414, "Ce": 140.116, "Au": 196.967}

DENSITY_G_PER_CM3 = {  # CRC Handbook; minerals: Handbook of Mineralogy, calculated
    "Au": 19.3,
    "Ag": 10.5,
    "Cu": 8.96,
    "Fe": 7.87,
    "C_diamond": 3.515,
    "Si": 2.329,
    "CdSe_wurtzite": 5.66,
    "CdSe_zincblende": 5.73,
    "ZnS_wurtzite": 4.09,
    "Fe3O4": 5.20,
    "Co3O4": 6.11,
    "Mn3O4": 4.84,
    "MoS2": 5.00,
    "C_graphite": 2.26,
    "CeO2": 7.22,
}

ATOMS_PER_CELL = {
    **dict.fromkeys(["Au", "Ag", "Cu"], 4),
    **dict.fromkeys(["C_diamond", "Si", "CdSe_zincblende"], 8),
    **dict.fromkeys(["CdSe_wurtzite", "ZnS_wurtzite"], 4),
    **dict.fromkeys(["Fe3O4", "Co3O4"], 56),
    "Fe": 2,
    "Mn3O4": 28,
    "MoS2": 6,
    "C_graphite": 4,
    "CeO2": 12,
}

A_NM = {"Au": 0.40782, "Ag": 0.40782, "Cu": 0.36157}


def distances_nm(name, i, element):
    """From one atom of the cell to all others of an element, sorted."""
    crystal = CRYSTALS[name]
    cells = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    of_element = crystal.fractional[crystal.atomic_numbers == atomic_number(element)]
    apart = (of_element + cells - crystal.fractional[i]) @ crystal.cell_nm
    distances = np.sort(np.linalg.norm(apart, axis=-1).ravel())
    return distances[distances > 1e-6]


def atoms_of(name, element):
    return np.flatnonzero(CRYSTALS[name].atomic_numbers == atomic_number(element))


def shell_nm(name, element, other, count):
    """Mean of the nearest shell, which every atom of an element must have alone and complete."""
    means = []
    for i in atoms_of(name, element):
        around = distances_nm(name, i, other)
        assert np.ptp(around[:count]) < 0.01 * around[0]
        assert around[count] > 1.1 * around[count - 1]
        means.append(around[:count].mean())
    assert np.ptp(means) < 1e-9
    return means[0]


def test_every_crystal_of_the_library_is_tested():
    assert CRYSTALS.keys() == DENSITY_G_PER_CM3.keys() == ATOMS_PER_CELL.keys()


@pytest.mark.parametrize("name", sorted(CRYSTALS))
def test_density_and_atoms_a_cell(name):
    crystal = CRYSTALS[name]
    assert len(crystal) == ATOMS_PER_CELL[name]
    mass_u = sum(MASS_U[symbol(number)] for number in crystal.atomic_numbers)
    density = mass_u * 1.66054e-24 / (crystal.volume_nm3 * 1e-21)
    assert density == pytest.approx(DENSITY_G_PER_CM3[name], rel=0.01)


@pytest.mark.parametrize(("name", "element"), [("Au", "Au"), ("Ag", "Ag"), ("Cu", "Cu")])
def test_face_centred_metals_have_12_neighbours_at_a_over_sqrt2(name, element):
    assert shell_nm(name, element, element, 12) == pytest.approx(A_NM[name] / np.sqrt(2))


def test_iron_has_8_neighbours_and_6_more():
    around = distances_nm("Fe", 0, "Fe")
    assert around[:8] == pytest.approx(0.2866 * np.sqrt(3) / 2)
    assert around[8:14] == pytest.approx(0.2866)
    assert around[14] == pytest.approx(0.2866 * np.sqrt(2))


@pytest.mark.parametrize(
    ("name", "element", "a_nm"), [("C_diamond", "C", 0.35673), ("Si",) * 2 + (0.543,)]
)
def test_diamond_has_4_neighbours(name, element, a_nm):
    assert shell_nm(name, element, element, 4) == pytest.approx(a_nm * np.sqrt(3) / 4)


@pytest.mark.parametrize(
    ("name", "metal", "anion", "bond_nm"),
    [
        ("CdSe_wurtzite", "Cd", "Se", 0.2631),
        ("ZnS_wurtzite", "Zn", "S", 0.2342),
        ("CdSe_zincblende", "Cd", "Se", 0.6052 * np.sqrt(3) / 4),
    ],
)
def test_semiconductors_have_4_neighbours_of_the_other_element(name, metal, anion, bond_nm):
    assert shell_nm(name, metal, anion, 4) == pytest.approx(bond_nm, rel=2e-3)
    assert shell_nm(name, anion, metal, 4) == pytest.approx(bond_nm, rel=2e-3)
    assert (distances_nm(name, 0, metal)[:12] > 1.6 * bond_nm).all()


def test_wurtzite_stacks_ab_and_zinc_blende_abc():
    """Metal over metal again after two layers (c) or three (the cube's diagonal)."""
    metal = CRYSTALS["CdSe_wurtzite"].fractional[atoms_of("CdSe_wurtzite", "Cd")]
    np.testing.assert_allclose(np.abs(metal[0] - metal[1])[:2], 1 / 3, atol=1e-9)
    wurtzite = distances_nm("CdSe_wurtzite", atoms_of("CdSe_wurtzite", "Cd")[0], "Cd")
    blende = distances_nm("CdSe_zincblende", atoms_of("CdSe_zincblende", "Cd")[0], "Cd")
    # The ideal wurtzite has 2 second neighbours of its sublattice at sqrt(8/3), the other none.
    assert ((wurtzite / 0.4298 > 1.6) & (wurtzite / 0.4298 < 1.66)).sum() == 2
    assert not ((blende * np.sqrt(2) / 0.6052 > 1.6) & (blende * np.sqrt(2) / 0.6052 < 1.66)).any()


@pytest.mark.parametrize(
    ("name", "metal", "tetrahedron_nm", "octahedron_nm"),
    [
        ("Fe3O4", "Fe", 0.1889, 0.2059),  # Fleet (1981): 1.889, 2.059 Angstrom
        ("Co3O4", "Co", 0.1929, 0.1916),  # a = 8.065 in place of 8.084: 0.2 % shorter
    ],
)
def test_spinels_have_4_and_6_oxygens(name, metal, tetrahedron_nm, octahedron_nm):
    of_metal = [distances_nm(name, i, "O") for i in atoms_of(name, metal)]
    fours = [around for around in of_metal if around[4] > 1.3 * around[3]]
    sixes = [around for around in of_metal if around[4] < 1.1 * around[3]]
    assert (len(fours), len(sixes)) == (8, 16)
    for around in fours:
        assert around[:4] == pytest.approx(tetrahedron_nm, rel=2e-3)
    for around in sixes:
        assert around[:6] == pytest.approx(octahedron_nm, rel=2e-3)
        assert around[6] > 1.3 * around[5]


def test_hausmannite_has_the_bonds_of_its_refinement():
    """Antao et al., Minerals 9, 343 (2019): 4 x 2.0367; 4 x 1.9272 and 2 x 2.2843 Angstrom."""
    of_metal = [distances_nm("Mn3O4", i, "O")[:7] for i in atoms_of("Mn3O4", "Mn")]
    fours = [around for around in of_metal if around[4] > 0.3]
    sixes = [around for around in of_metal if around[4] < 0.3]
    assert (len(fours), len(sixes)) == (4, 8)
    for around in fours:
        assert around[:4] == pytest.approx(0.20367, rel=5e-3)
    for around in sixes:
        assert around[:4] == pytest.approx(0.19272, rel=5e-3)
        assert around[4:6] == pytest.approx(0.22843, rel=5e-3)


def test_sheets_of_graphite_have_3_neighbours_and_are_half_a_cell_apart():
    assert shell_nm("C_graphite", "C", "C", 3) == pytest.approx(0.2464 / np.sqrt(3))
    assert sorted(CRYSTALS["C_graphite"].fractional[:, 2]) == pytest.approx([0.25] * 2 + [0.75] * 2)


def test_cerium_dioxide_has_8_oxygens_around_cerium_and_4_ceriums_around_oxygen():
    assert shell_nm("CeO2", "Ce", "O", 8) == pytest.approx(0.5411 * np.sqrt(3) / 4)
    assert shell_nm("CeO2", "O", "Ce", 4) == pytest.approx(0.5411 * np.sqrt(3) / 4)


def test_molybdenum_disulphide_is_layers_of_prisms():
    """Mo has 6 S at 2.41 Angstrom in two triangles, one over the other; layers are c/2 apart."""
    assert shell_nm("MoS2", "Mo", "S", 6) == pytest.approx(0.2417, rel=2e-3)
    crystal = CRYSTALS["MoS2"]
    mo, s = (crystal.fractional[atoms_of("MoS2", element)] for element in ("Mo", "S"))
    assert sorted(mo[:, 2].tolist()) == pytest.approx([0.25, 0.75])
    for z in (0.25, 0.75):
        near = np.round(s[np.abs(s[:, 2] - z) < 0.2], 9)
        assert len(near) == 2
        assert near[0, :2] == pytest.approx(near[1, :2])


@pytest.mark.parametrize(
    ("group", "order"),
    [(141, 32), (186, 12), (194, 24), (216, 96), (225, 192), (227, 192), (229, 96)],
)
def test_general_positions_have_the_multiplicity_of_the_tables(group, order):
    assert len(orbit(group, (0.11, 0.23, 0.37))) == order


@pytest.mark.parametrize(
    ("group", "place", "multiplicity"),
    [
        (141, (0, 1 / 4, 7 / 8), 4),
        (141, (0, 1 / 2, 1 / 2), 8),
        (141, (0, 0.47, 0.26), 16),
        (194, (1 / 3, 2 / 3, 1 / 4), 2),
        (194, (0.3333, 0.6667, 0.621), 4),  # as files round thirds
        (225, (0, 0, 0), 4),
        (227, (1 / 8, 1 / 8, 1 / 8), 8),
        (227, (1 / 2, 1 / 2, 1 / 2), 16),
        (227, (0.26, 0.26, 0.26), 32),
        (229, (0, 0, 0), 2),
    ],
)
def test_special_positions_have_the_multiplicity_of_the_tables(group, place, multiplicity):
    assert len(orbit(group, place)) == multiplicity


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its own error handling
@pytest.mark.parametrize("group", sorted(GENERATORS))
def test_generators_agree_with_spglib(group):
    """Oracle: the group that spglib (test only) finds in a crystal of general positions."""
    spglib = pytest.importorskip("spglib", reason="comes with wulffpack, an optional oracle")
    orbits = [orbit(group, place) for place in [(0.11, 0.23, 0.37), (0.29, 0.04, 0.18)]]
    kinds = np.repeat([1, 2], [len(places) for places in orbits])  # one alone may have more
    cell = np.diag([0.7, 0.7, 0.9]) if group == 141 else np.eye(3)
    if group in (186, 194):
        cell = CRYSTALS["CdSe_wurtzite"].cell_nm
    dataset = spglib.get_symmetry_dataset((cell, np.concatenate(orbits), kinds))
    assert dataset.number == group


def test_space_groups_make_the_cells_that_are_written_out():
    gold = crystal_from_space_group("gold", 225, [("Au", (0, 0, 0))], (0.40782,) * 3)
    np.testing.assert_array_equal(gold.cell_nm, CRYSTALS["Au"].cell_nm)
    assert sorted(map(tuple, gold.fractional)) == sorted(map(tuple, CRYSTALS["Au"].fractional))


def test_operations_may_be_given_as_a_cif_lists_them():
    rock_salt = crystal_from_space_group(
        "MgO",
        ["x, y+1/2, z+1/2", "x+0.5,y,z+0.5", "-x,-y,-z"],
        [("Mg", (0, 0, 0)), (8, (1 / 2, 1 / 2, 1 / 2))],
        (0.4212,) * 3,
    )
    assert rock_salt.atomic_numbers.tolist() == [12] * 4 + [8] * 4
    matrix, shift = operation("-y, x-y, z+1/2")
    assert matrix.tolist() == [[0, -1, 0], [1, -1, 0], [0, 0, 1]]
    assert shift.tolist() == [0, 0, 0.5]


def test_cells_have_their_angles():
    triclinic = crystal_from_cell("any", [("C", (0, 0, 0))], (0.4, 0.5, 0.6), (80, 95, 110))
    a, b, c = triclinic.cell_nm
    assert [np.linalg.norm(edge) for edge in (a, b, c)] == pytest.approx([0.4, 0.5, 0.6])
    assert np.rad2deg(np.arccos(b @ c / 0.30)) == pytest.approx(80)
    assert np.rad2deg(np.arccos(a @ c / 0.24)) == pytest.approx(95)
    assert np.rad2deg(np.arccos(a @ b / 0.20)) == pytest.approx(110)
    np.testing.assert_allclose(
        triclinic.reciprocal_per_nm @ triclinic.cell_nm.T, np.eye(3), atol=1e-12
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: atomic_number("Gold"), "no element 'Gold'"),
        (lambda: atomic_number("au"), "did you mean 'Au'"),
        (lambda: symbol(0), "no element 0"),
        (lambda: orbit(1234, (0, 0, 0)), "space group 1234 is not in the table"),
        (lambda: orbit(["-x,-y"], (0, 0, 0)), "'-x,-y' is no symmetry operation"),
        (lambda: orbit(["-x,-y,w"], (0, 0, 0)), "no symmetry operation"),
        (lambda: crystal_from_cell("X", [], (1, -1, 1)), "crystal 'X'.*three above zero"),
        (lambda: crystal_from_cell("X", [], (1, 1, 1), (10, 10, 170)), "close no cell"),
        (lambda: Crystal("X", np.zeros((3, 3)), np.zeros((1, 3)), np.ones(1)), "right-handed"),
        (lambda: Crystal("X", np.eye(3), np.zeros((2, 3)), np.ones(1)), "1,.* elements for sites"),
        (
            lambda: crystal_from_space_group(
                "X", 225, [("Au", (0, 0, 0)), ("Cu", (0, 0.5, 0.5))], (0.4,) * 3
            ),
            "the same place",
        ),
    ],
)
def test_what_is_no_crystal_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_symbols_are_in_the_order_of_numbers():
    known = {
        "H": 1,
        "C": 6,
        "O": 8,
        "Si": 14,
        "Fe": 26,
        "Mo": 42,
        "Cd": 48,
        "Au": 79,
        "U": 92,
        "Lr": 103,
    }
    assert {name: atomic_number(name) for name in known} == known
    assert len(set(SYMBOLS)) == len(SYMBOLS) == 103


CIF = """data_rutile
_cell_length_a 4.5937
_cell_length_b 4.5937
_cell_length_c 2.9587
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 42/m n m'
_symmetry_Int_Tables_number 136
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Ti1 Ti 0 0 0 {occupancy}
O1 O 0.3053 0.3053 0 1.0
"""


def test_cif_files_are_read_by_ase(tmp_path):
    path = tmp_path / "rutile.cif"
    path.write_text(CIF.format(occupancy=1.0))
    rutile = crystal_from_cif(path)
    assert rutile.name == "rutile"
    assert rutile.cell_nm[2, 2] == pytest.approx(0.29587)
    assert np.bincount(rutile.atomic_numbers)[[8, 22]].tolist() == [4, 2]
    path.write_text(CIF.format(occupancy=0.5))
    with pytest.raises(InputError, match="only partly occupied"):
        crystal_from_cif(path)
    path.write_text("nothing of the kind")
    with pytest.raises(InputError, match=r"rutile\.cif: no crystal in it"):
        crystal_from_cif(path)


def test_the_library_is_read_without_scipy_or_numba():
    code = (
        "import sys\n"
        "import hrtem_shift.structures.crystals, hrtem_shift.structures.volumes\n"
        "import hrtem_shift.structures.wulff, hrtem_shift.structures.multiply_twinned\n"
        "print(sorted({'torch', 'numba', 'scipy', 'ase'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
