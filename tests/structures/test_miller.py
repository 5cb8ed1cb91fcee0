import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.miller import (
    angle_degrees,
    direction,
    family,
    lattice_symmetry,
    plane_normal,
    point_group,
    spacing_nm,
    three_indices,
)

GOLD, CDSE, MN3O4 = CRYSTALS["Au"], CRYSTALS["CdSe_wurtzite"], CRYSTALS["Mn3O4"]


@pytest.mark.parametrize(
    ("one", "other", "degrees"),
    [
        ((1, 1, 1), (1, 0, 0), 54.7356),
        ((1, 1, 1), (1, 1, -1), 70.5288),
        ((1, 1, 0), (1, 0, 0), 45.0),
        ((1, 1, 1), (1, 1, 0), 35.2644),
    ],
)
def test_angles_between_facets_of_cubic_crystals(one, other, degrees):
    assert angle_degrees(GOLD, one, other) == pytest.approx(degrees, abs=1e-4)


def test_spacings_of_known_planes():
    """a / sqrt(3) for gold; c / 2 for wurtzite's 0002; tan of the tilt of hausmannite's 101."""
    assert spacing_nm(GOLD, (1, 1, 1)) == pytest.approx(0.40782 / np.sqrt(3))
    assert spacing_nm(CDSE, (0, 0, 0, 2)) == pytest.approx(0.35076)
    assert spacing_nm(CDSE, (1, 0, -1, 0)) == pytest.approx(0.42985 * np.sqrt(3) / 2)
    tilt = np.rad2deg(np.arctan(0.9470 / 0.5762))
    assert angle_degrees(MN3O4, (1, 0, 1), (0, 0, 1)) == pytest.approx(tilt)


def test_four_indices_are_three_with_the_third_left_out():
    assert three_indices((1, 2, -3, 5)) == (1, 2, 5)
    np.testing.assert_array_equal(
        plane_normal(CDSE, (2, -1, -1, 0)), plane_normal(CDSE, (2, -1, 0))
    )


def test_normals_and_directions_differ_where_cells_are_not_cubic():
    assert plane_normal(CDSE, (1, 0, 0)) @ direction(CDSE, (0, 1, 0)) == pytest.approx(0)
    assert direction(CDSE, (1, 0, 0)) @ plane_normal(CDSE, (1, 0, 0)) == pytest.approx(
        np.sqrt(3) / 2
    )
    np.testing.assert_allclose(plane_normal(GOLD, (2, 2, 2)), direction(GOLD, (1, 1, 1)))


@pytest.mark.parametrize(
    ("name", "lattice", "group"),
    [
        ("Au", 48, 48),  # m-3m
        ("Si", 48, 48),
        ("Fe", 48, 48),
        ("Co3O4", 48, 48),
        ("CdSe_zincblende", 48, 24),  # -43m
        ("CdSe_wurtzite", 24, 12),  # 6mm
        ("MoS2", 24, 24),  # 6/mmm
        ("Mn3O4", 16, 16),  # 4/mmm
    ],
)
def test_point_groups_have_their_order(name, lattice, group):
    assert len(lattice_symmetry(CRYSTALS[name])) == lattice
    assert len(point_group(CRYSTALS[name])) == group


@pytest.mark.parametrize("name", ["Au", "CdSe_zincblende", "CdSe_wurtzite", "Mn3O4"])
def test_point_groups_are_groups_of_isometries(name):
    crystal, group = CRYSTALS[name], point_group(CRYSTALS[name])
    members = {matrix.tobytes() for matrix in group}
    products = np.einsum("aij,bjk->abik", group, group).reshape(-1, 3, 3)
    assert {matrix.tobytes() for matrix in products} == members
    cell = crystal.cell_nm.T
    for matrix in group:
        cartesian = cell @ matrix @ np.linalg.inv(cell)
        np.testing.assert_allclose(cartesian @ cartesian.T, np.eye(3), atol=1e-9)


@pytest.mark.parametrize(
    ("name", "plane", "members"),
    [
        ("Au", (1, 1, 1), 8),
        ("Au", (1, 0, 0), 6),
        ("Au", (1, 1, 0), 12),
        ("Au", (2, 1, 0), 24),
        ("Au", (3, 2, 1), 48),
        ("CdSe_zincblende", (1, 1, 1), 4),
        ("CdSe_zincblende", (1, 0, 0), 6),
        ("CdSe_wurtzite", (0, 0, 1), 1),
        ("CdSe_wurtzite", (1, 0, -1, 0), 6),
        ("CdSe_wurtzite", (1, 0, -1, 1), 6),
        ("Mn3O4", (1, 0, 1), 8),
        ("Mn3O4", (1, 1, 2), 8),
        ("Mn3O4", (0, 0, 1), 2),
    ],
)
def test_families_have_their_multiplicity(name, plane, members):
    crystal = CRYSTALS[name]
    planes = family(crystal, plane)
    assert len(planes) == len(set(planes)) == members
    spacings = [spacing_nm(crystal, member) for member in planes]
    np.testing.assert_allclose(spacings, spacings[0])


@pytest.mark.parametrize("plane", [(0, 0, 0), (1, 1), (1, 0, 0, 1), (1, 0.5, 0), (1, 2, 3, 4, 5)])
def test_what_is_no_plane_is_refused(plane):
    with pytest.raises(InputError, match="no plane"):
        plane_normal(GOLD, plane)
