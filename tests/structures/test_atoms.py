"""Atoms and volumes are reflected and inverted together."""

import ase.build
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.miller import snapped_nm
from hrtem_shift.structures.molecules import molecule, molecule_from_ase
from hrtem_shift.structures.volumes import Box, Sphere

RNG = np.random.default_rng(0)
ATOMS = Atoms.of(RNG.normal(size=(30, 3)), 79)
NORMALS = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: np.linalg.norm(n) > 0.1)


@given(normal=NORMALS)
def test_a_reflection_undoes_itself_and_keeps_distances_and_the_plane(normal):
    once = ATOMS.mirrored(normal)
    twice = once.mirrored(normal)
    np.testing.assert_allclose(twice.positions_nm, ATOMS.positions_nm, atol=1e-12)
    np.testing.assert_allclose(pdist(once.positions_nm), pdist(ATOMS.positions_nm))
    n = np.array(normal) / np.linalg.norm(normal)
    np.testing.assert_allclose(once.positions_nm @ n, -(ATOMS.positions_nm @ n), atol=1e-12)


@given(normal=NORMALS)
def test_volumes_are_reflected_and_inverted_with_their_atoms(normal):
    box = Box((0.3, 0.1, -0.2), (1.0, 1.5, 2.0))
    inside = box.contains(ATOMS.positions_nm)
    assert 0 < inside.sum() < 30
    mirrored = box.mirrored(normal).contains(ATOMS.mirrored(normal).positions_nm)
    assert np.array_equal(mirrored, inside)
    assert np.array_equal(box.inverted().contains(ATOMS.inverted().positions_nm), inside)


def test_distances_snap_to_lattice_planes():
    """{111} of gold stand 0.40782 / sqrt(3) = 0.23546 nm apart."""
    gold = CRYSTALS["Au"]
    step = 0.40782 / np.sqrt(3)
    assert np.isclose(snapped_nm(gold, (1, 1, 1), 1.0), 4 * step)
    assert np.isclose(snapped_nm(gold, (1, 1, 1), 2.2 * step), 2 * step)
    assert snapped_nm(gold, (1, 0, 0), 0.1) == 0


def test_a_strained_volume_holds_its_strained_points_and_the_volume_of_the_determinant():
    shear = np.array([[1.1, 0.2, 0.0], [0.0, 0.9, 0.1], [0.05, 0.0, 1.2]])
    whole = Sphere((0.1, 0.0, -0.1), 1.4) - Box((0.0, 0.0, 0.0), (0.4, 0.5, 3.0))
    inside = whole.contains(ATOMS.positions_nm)
    strained = whole.strained(shear)
    assert np.array_equal(strained.contains(ATOMS.positions_nm @ shear.T), inside)
    at = (np.arange(400) + 0.5) * 0.006 - 1.2
    volumes = [one.chord_nm(at[None, :], at[:, None]).sum() for one in (whole, strained)]
    assert volumes[1] / volumes[0] == pytest.approx(np.linalg.det(shear), rel=2e-3)
    low, high = Sphere((0, 0, 0), 2.0).strained(np.diag([2.0, 1.0, 0.5])).bounds_nm()
    np.testing.assert_allclose([low, high], [[-2, -1, -0.5], [2, 1, 0.5]])
    with pytest.raises(InputError, match="flattens"):
        whole.strained(np.diag([1, 1, 0]))


def test_molecules_of_ase_are_those_of_the_library():
    oxide = molecule_from_ase(ase.build.molecule("CO"), anchor=1)
    assert sorted(oxide.atomic_numbers) == [6, 8]
    own = molecule("CO")
    assert pdist(oxide.positions_nm) == pytest.approx(pdist(own.positions_nm), abs=0.005)
