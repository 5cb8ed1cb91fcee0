"""Atoms and volumes are reflected and inverted together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.miller import snapped_nm
from hrtem_shift.structures.volumes import Box

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
