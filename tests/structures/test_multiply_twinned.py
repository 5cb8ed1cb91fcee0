from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from hrtem_shift.errors import InputError
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.multiply_twinned import (
    decahedron,
    decahedron_outline,
    icosahedron,
    neighbour_nm,
)
from hrtem_shift.structures.polyhedra import ConvexPolyhedron

GOLD = CRYSTALS["Au"]
CU3AU = replace(GOLD, name="Cu3Au", atomic_numbers=np.array([79, 29, 29, 29]))
D_NM = 0.40782 / np.sqrt(2)

DECAHEDRA = [  # Marks' (m, n, p) and its number of atoms
    ((2, 1, 1), 7),
    ((3, 1, 1), 23),
    ((4, 1, 1), 54),
    ((2, 2, 1), 13),
    ((3, 2, 1), 39),
    ((2, 2, 2), 75),
    ((2, 3, 2), 101),
    ((3, 2, 2), 146),
    ((3, 3, 2), 192),
]


def neighbours(atoms):
    """Number within 1.2 neighbour distances, and the distances themselves."""
    tree = cKDTree(atoms.positions_nm)
    pairs = tree.query_pairs(1.2 * D_NM, output_type="ndarray")
    apart = atoms.positions_nm[pairs[:, 0]] - atoms.positions_nm[pairs[:, 1]]
    return np.bincount(pairs.ravel(), minlength=len(atoms)), np.linalg.norm(apart, axis=1)


@pytest.mark.parametrize(("shells", "count"), [(1, 13), (2, 55), (3, 147), (4, 309), (5, 561)])
def test_icosahedra_have_their_magic_numbers(shells, count):
    assert len(icosahedron(GOLD, shells)) == count


@pytest.mark.parametrize(("numbers", "count"), DECAHEDRA)
def test_decahedra_have_their_magic_numbers(numbers, count):
    assert len(decahedron(GOLD, *numbers)) == count


@pytest.mark.parametrize("numbers", [n for n, _ in DECAHEDRA] + [(2, 2, 3), (1, 3, 2), (5, 4, 3)])
def test_counts_equal_those_of_ase(numbers):
    cluster = pytest.importorskip("ase.cluster", reason="ASE is an optional oracle")
    m, n, p = numbers
    assert len(decahedron(GOLD, m, n, p)) == len(cluster.Decahedron("Au", m, n, p - 1))


def test_every_inner_atom_has_12_neighbours_close_to_the_bulk_distance():
    for atoms in (icosahedron(GOLD, 4), decahedron(GOLD, 4, 4), decahedron(GOLD, 3, 3, 2)):
        count, distance_nm = neighbours(atoms)
        assert count.max() == 12
        assert (np.abs(distance_nm / D_NM - 1) < 0.03).all()
    count, _ = neighbours(icosahedron(GOLD, 4))
    assert (count == 12).sum() == 147  # all but the outermost shell


def test_decahedra_have_fivefold_symmetry_and_a_mirror():
    atoms = decahedron(GOLD, 3, 4, 2)
    tree = cKDTree(atoms.positions_nm)
    turn = 2 * np.pi / 5
    rotation = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    for image in (rotation, np.diag([1, 1, -1]), np.diag([1, -1, 1])):
        assert tree.query(atoms.positions_nm @ np.array(image).T)[0].max() < 1e-9


def test_icosahedra_are_twofold_about_the_axes_and_threefold_about_the_diagonal():
    atoms = icosahedron(GOLD, 3)
    tree = cKDTree(atoms.positions_nm)
    for image in (np.diag([1, -1, -1]), np.diag([-1, -1, 1]), np.roll(np.eye(3), 1, axis=0)):
        assert tree.query(atoms.positions_nm @ image.T)[0].max() < 1e-9
    radius_nm = np.linalg.norm(atoms.positions_nm, axis=1)
    corners = atoms.positions_nm[radius_nm > radius_nm.max() - 1e-6]
    assert len(corners) == 12
    cosines = corners @ corners.T / radius_nm.max() ** 2
    assert np.unique(np.abs(cosines).round(6)).tolist() == [round(1 / np.sqrt(5), 6), 1.0]


@pytest.mark.parametrize(
    ("atoms", "grains"), [(decahedron(GOLD, 4, 3), 5), (icosahedron(GOLD, 4), 20)]
)
def test_grains_are_strained_pieces_of_the_bulk(atoms, grains):
    """Inside of one grain a linear map takes the primitive cell of the bulk there, volume kept."""
    assert set(atoms.region.tolist()) == set(range(grains))
    for grain in range(grains):
        positions_nm = atoms.positions_nm[atoms.region == grain]
        centre = positions_nm[
            np.argsort(np.linalg.norm(positions_nm - positions_nm.mean(0), axis=1))
        ]
        steps = atoms.positions_nm - centre[0]
        steps = steps[(np.linalg.norm(steps, axis=1) < 1.2 * D_NM) & (np.abs(steps).max(1) > 1e-9)]
        volumes = np.abs(np.linalg.det(steps[np.array(_triples(len(steps)))]))
        primitive = D_NM**3 / np.sqrt(2)
        assert np.abs(volumes / primitive - 1).min() < 1e-6


def _triples(count):
    return [(a, b, c) for a in range(count) for b in range(a) for c in range(b)]


def test_the_axis_of_a_decahedron_is_z_and_keeps_the_distance_of_the_bulk():
    atoms = decahedron(GOLD, 2, 5, 1)
    on_axis = np.linalg.norm(atoms.positions_nm[:, :2], axis=1) < 1e-9
    assert np.diff(atoms.positions_nm[on_axis, 2]) == pytest.approx(D_NM)
    np.testing.assert_allclose(atoms.positions_nm.mean(axis=0), 0, atol=1e-9)
    assert neighbour_nm(GOLD) == pytest.approx(D_NM)


@pytest.mark.parametrize("numbers", [(3, 1, 1), (3, 4, 1), (3, 3, 2), (2, 4, 3)])
def test_outlines_go_through_the_outermost_atoms(numbers):
    atoms, outline = decahedron(GOLD, *numbers), decahedron_outline(GOLD, *numbers)
    assert outline.contains(atoms.positions_nm).all()
    assert outline.bounds_nm()[1] == pytest.approx(atoms.positions_nm.max(axis=0))
    # Grains meet in planes, so that their volumes add; grooves are the hull's alone.
    hull = ConvexPolyhedron.from_points(atoms.positions_nm)
    volume_nm3 = sum(grain.volume_nm3 for grain in outline.parts)
    assert (volume_nm3 < 0.99 * hull.volume_nm3) == (numbers[2] > 1)
    x_nm = np.linspace(-3, 3, 301)
    chords_nm = outline.chord_nm(x_nm[None, :], x_nm[:, None])
    assert chords_nm.sum() * 0.02**2 == pytest.approx(volume_nm3, rel=0.01)


def test_the_hull_of_a_large_icosahedron_has_20_faces():
    hull = ConvexPolyhedron.from_points(icosahedron(GOLD, 9).positions_nm)
    assert (len(hull.vertices_nm), (hull.facet_areas_nm2 > 1e-9).sum()) == (12, 20)


def test_elements_are_those_of_the_crystal():
    assert set(icosahedron(CRYSTALS["Ag"], 2).atomic_numbers.tolist()) == {47}
    assert set(decahedron(CRYSTALS["Cu"], 2, 2).atomic_numbers.tolist()) == {29}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: icosahedron(GOLD, 0), "shells: 0 atoms"),
        (lambda: decahedron(GOLD, 0), "width"),
        (lambda: decahedron(GOLD, 2, -1), "height"),
        (lambda: decahedron(GOLD, 2, 1, 0), "notch"),
        (lambda: decahedron(CRYSTALS["Fe"], 2), "face-centred cubic"),
        (lambda: icosahedron(CRYSTALS["CdSe_zincblende"], 2), "face-centred cubic"),
        (lambda: icosahedron(CRYSTALS["CdSe_wurtzite"], 2), "face-centred cubic"),
        (lambda: icosahedron(CU3AU, 2), "an atom of one kind"),
    ],
)
def test_impossible_particles_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
