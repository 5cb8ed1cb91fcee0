import numpy as np
import pytest
from radial_distribution import (
    bond_angles_deg,
    coordination_numbers,
    radial_distribution,
)

from hrtem_shift.errors import InputError

ALL = (True, True, True)


def fcc(cells=4, edge_nm=0.4):
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    return (corners + basis).reshape(-1, 3) * edge_nm, (cells * edge_nm,) * 3


@pytest.mark.parametrize(
    "periodic", [ALL, (True, True, False), (False, True, False), (False, False, False)]
)
def test_uncorrelated_atoms_have_g_of_one_whatever_faces_are_open(periodic):
    """Analytic: without the correction a film of 2 nm would lose a quarter at 1 nm."""
    size_nm = (3.0, 2.5, 2.0)
    positions_nm = np.random.default_rng(0).random((12_000, 3)) * size_nm
    _, g = radial_distribution(positions_nm, size_nm, 1.0, 10, periodic)
    assert np.abs(g[1:] - 1).max() < 0.02


def test_fcc_has_its_shells_at_the_known_distances():
    """12, 6, 24 and 12 neighbours at a / sqrt(2), a, a sqrt(3/2) and a sqrt(2)."""
    positions_nm, size_nm = fcc()
    distance_nm, g = radial_distribution(positions_nm, size_nm, 0.6, 119, ALL)
    density = len(positions_nm) / np.prod(size_nm)
    edges_nm = np.linspace(0, 0.6, 120)
    shell_nm3 = 4 / 3 * np.pi * np.diff(edges_nm**3)
    neighbours = g * density * shell_nm3 * (1 - 1 / len(positions_nm))
    shells = np.flatnonzero(g)
    expected_nm = 0.4 * np.sqrt([0.5, 1, 1.5, 2])
    assert np.abs(distance_nm[shells] - expected_nm).max() < 0.003
    assert np.allclose(neighbours[shells], [12, 6, 24, 12])


def test_fcc_has_twelve_neighbours_and_fewer_at_an_open_face():
    positions_nm, size_nm = fcc()
    assert (coordination_numbers(positions_nm, 0.3, size_nm, ALL) == 12).all()
    film = coordination_numbers(positions_nm, 0.3, size_nm)
    assert (film[positions_nm[:, 2] == 0] == 8).all()
    assert np.bincount(film).argmax() == 12


def test_bond_angles_of_fcc_are_multiples_of_sixty_and_ninety():
    """Of the 66 angles 24 are 60, 12 are 90, 24 are 120 and 6 are 180 degrees."""
    positions_nm, size_nm = fcc()
    angles_deg = bond_angles_deg(positions_nm, 0.3, size_nm, ALL)
    values, counts = np.unique(np.round(angles_deg), return_counts=True)
    assert values.tolist() == [60, 90, 120, 180]
    assert (counts / len(positions_nm)).tolist() == [24, 12, 24, 6]


def test_atoms_without_bonds_have_no_angles():
    lonely_nm = np.array([[0.5, 0.5, 0.5], [1.5, 1.5, 1.5]])
    assert len(bond_angles_deg(lonely_nm, 0.2, (2.0, 2.0, 2.0))) == 0


def test_positions_outside_the_box_are_wrapped_where_it_repeats():
    positions_nm, size_nm = fcc()
    moved_nm = positions_nm + np.array([-1e-18, size_nm[1], 0])
    assert (coordination_numbers(moved_nm, 0.3, size_nm, ALL) == 12).all()


def test_distances_that_the_box_does_not_hold_are_refused():
    positions_nm, size_nm = fcc()
    with pytest.raises(InputError, match="half of a periodic edge"):
        radial_distribution(positions_nm, size_nm, 0.9, 10)
    with pytest.raises(InputError, match="half of a periodic edge"):
        coordination_numbers(positions_nm, -0.1, size_nm)
    with pytest.raises(InputError, match="shape"):
        bond_angles_deg(positions_nm[:, :2], 0.1, size_nm)
    with pytest.raises(InputError, match="two atoms"):
        radial_distribution(positions_nm[:1], size_nm, 0.5, 10)
