"""Amorphous carbon as a bond network; what it is compared with: docs/amorphous-carbon.md."""

from functools import cache

import numpy as np
import pytest
from radial_distribution import (
    bond_angles_deg,
    coordination_numbers,
    radial_distribution,
)
from scipy.spatial import cKDTree

from hrtem_shift.errors import InputError
from hrtem_shift.structures.bond_relaxation import near_pairs
from hrtem_shift.structures.carbon_network import carbon_network

SIZE_NM = (4.0, 4.4, 3.0)
ALL = (True, True, True)


@cache
def network(seed=0, size_nm=SIZE_NM, density=110.3, distance=0.14):
    rng = np.random.default_rng(seed)
    return carbon_network(size_nm, density_per_nm3=density, min_distance_nm=distance, rng=rng)


@pytest.mark.parametrize(("density", "distance"), [(110.3, 0.14), (90.0, 0.13), (150.0, 0.14)])
def test_density_and_minimum_distance_are_honoured_across_all_borders(density, distance):
    positions_nm = network(density=density, distance=distance)
    assert len(positions_nm) == round(density * np.prod(SIZE_NM))
    assert (positions_nm >= 0).all() and (positions_nm < SIZE_NM).all()
    nearest_nm = cKDTree(positions_nm, boxsize=SIZE_NM).query(positions_nm, k=2)[0][:, 1]
    assert nearest_nm.min() >= distance * (1 - 1e-12)


def test_mean_coordination_is_that_of_amorphous_carbon():
    """Hard spheres have 2.05; real carbon of 2.2 g/cm³ about 3.1-3.4, mostly threefold."""
    numbers = coordination_numbers(network(), 0.185, SIZE_NM, ALL)
    share = np.bincount(numbers, minlength=8) / len(numbers)
    assert 3.05 < numbers.mean() < 3.4
    assert share[3] > 0.65 and share[:2].sum() < 0.01 and share[5:].sum() < 0.02


def test_denser_carbon_has_more_fourfold_atoms():
    share = [
        (coordination_numbers(network(density=density), 0.185, SIZE_NM, ALL) >= 4).mean()
        for density in (90.0, 110.3, 150.0)
    ]
    assert share[0] < 0.15 < share[1] < 0.25 < 0.4 < share[2]


def test_there_are_two_shells_with_a_gap_between_them():
    distance_nm, g = radial_distribution(network(), SIZE_NM, 0.8, 160, ALL)
    first_nm = distance_nm[g.argmax()]
    assert 0.142 <= first_nm <= 0.15 and g.max() > 4
    assert g[(distance_nm > 0.185) & (distance_nm < 0.21)].mean() < 0.45
    assert g[(distance_nm > 0.235) & (distance_nm < 0.255)].mean() > 1.3
    assert g[distance_nm > 0.6].mean() == pytest.approx(1, abs=0.02)


def test_bond_angles_lie_around_110_degrees_and_close_few_triangles():
    angles_deg = bond_angles_deg(network(), 0.185, SIZE_NM, ALL)
    assert 105 < angles_deg.mean() < 120
    assert (angles_deg < 75).mean() < 0.03


def test_no_direction_and_no_place_is_preferred():
    """The atoms start on a grid's cells; nothing of the grid may be left.

    Bragg peaks at its reciprocal vectors would exceed the structure factor's noise (mean 1,
    exponential distribution) by far.
    """
    positions_nm = network(size_nm=(5.0, 5.0, 5.0))
    cells = round(5.0 * 110.3 ** (1 / 3))
    for axis in range(3):
        phase = 2 * np.pi * cells / 5.0 * positions_nm[:, axis]
        assert np.abs(np.exp(1j * phase).sum()) ** 2 / len(positions_nm) < 10
        counts, _ = np.histogram(positions_nm[:, axis], bins=10, range=(0, 5.0))
        assert np.abs(counts / counts.mean() - 1).max() < 0.06


def test_a_seed_gives_one_network_and_another_seed_another():
    assert np.array_equal(network(1), network.__wrapped__(1))
    assert not np.array_equal(network(1), network(2))


def test_pairs_are_those_of_a_tree_and_a_short_list_says_so():
    rng = np.random.default_rng(0)
    size = np.array([1.0, 1.3, 0.8])
    positions = rng.random((200, 3)) * size * 1.5 - 0.2
    first, second = np.empty(4000, np.int32), np.empty(4000, np.int32)
    count = near_pairs(positions, size, 0.25, first, second)
    found = {frozenset(pair) for pair in zip(first[:count], second[:count], strict=True)}
    assert len(found) == count
    assert found == set(map(frozenset, cKDTree(positions, boxsize=size).query_pairs(0.25)))
    assert near_pairs(positions, size, 0.25, first[:50], second[:50]) == -1


@pytest.mark.parametrize(
    ("size_nm", "density", "distance", "message"),
    [
        (SIZE_NM, -1.0, 0.14, "above zero"),
        (SIZE_NM, 200.0, 0.14, "Diamond"),
        (SIZE_NM, 110.3, 0.15, "bonds are as short"),
        ((4.0, 4.0, 0.5), 110.3, 0.14, "thicker film"),
    ],
)
def test_what_is_no_carbon_is_refused(size_nm, density, distance, message):
    with pytest.raises(InputError, match=message):
        network(size_nm=size_nm, density=density, distance=distance)
