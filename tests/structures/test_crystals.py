import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from hrtem_shift.errors import InputError
from hrtem_shift.structures.crystals import CRYSTALS, fill_sphere, random_rotation

GOLD_NM = 0.40782  # room temperature


def sphere(diameter_nm=4.0, seed=0):
    rng = np.random.default_rng(seed)
    return fill_sphere(CRYSTALS["Au"], diameter_nm, random_rotation(rng), rng.random(3))


def test_gold_atoms_have_12_neighbours_at_a_over_sqrt2_then_6_at_a():
    """Coordination shells of a face-centred cubic lattice, away from the surface."""
    positions_nm, _ = sphere(4.0)
    inner = np.linalg.norm(positions_nm, axis=1) < 2.0 - 1.05 * GOLD_NM
    tree = cKDTree(positions_nm)
    distances_nm, _ = tree.query(positions_nm[inner], k=20)
    assert distances_nm[:, 1:13] == pytest.approx(GOLD_NM / np.sqrt(2), rel=1e-9)
    assert distances_nm[:, 13:19] == pytest.approx(GOLD_NM, rel=1e-9)
    assert (distances_nm[:, 19] > 1.2 * GOLD_NM).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), diameter_nm=st.floats(1.5, 6.0))
def test_a_sphere_is_filled_whatever_the_orientation_and_offset(seed, diameter_nm):
    """Nothing outside, the right number inside (surface term: half an atom a site), no gap."""
    positions_nm, elements = sphere(diameter_nm, seed)
    assert np.linalg.norm(positions_nm, axis=1).max() <= diameter_nm / 2 + 1e-12
    assert set(elements.tolist()) == {79}
    expected = 4 / GOLD_NM**3 * np.pi / 6 * diameter_nm**3
    surface = 4 / GOLD_NM**3 * np.pi * diameter_nm**2 * 0.05
    assert abs(len(positions_nm) - expected) < surface + 6
    # The whole-sphere centroid and extent show a corner that no cell reached.
    assert np.abs(positions_nm.mean(axis=0)).max() < 0.12
    assert positions_nm.max(axis=0).min() > diameter_nm / 2 - 0.3


def test_a_rotation_turns_the_crystal_and_only_that():
    turn = Rotation.from_euler("z", 30, degrees=True)
    still, _ = fill_sphere(CRYSTALS["Au"], 3.0, Rotation.identity(), np.zeros(3))
    turned, _ = fill_sphere(CRYSTALS["Au"], 3.0, turn, np.zeros(3))
    np.testing.assert_allclose(turned, turn.apply(still), atol=1e-12)


def test_orientations_are_uniform_on_so3():
    """The cosine of the tilt of any axis is uniform, and so is (angle - sin angle)/pi.

    Uniform Euler angles fail the first at this n: they crowd tilts near 0 and 180 degrees.
    """
    rng = np.random.default_rng(7)
    rotations = Rotation.concatenate([random_rotation(rng) for _ in range(4000)])
    for axis in np.eye(3):
        for component in rotations.apply(axis).T:
            assert kstest(component, "uniform", args=(-1, 2)).pvalue > 1e-4
    angle = rotations.magnitude()
    assert kstest((angle - np.sin(angle)) / np.pi, "uniform").pvalue > 1e-4


def test_the_uniformity_test_would_catch_euler_angles():
    rng = np.random.default_rng(7)
    euler = Rotation.from_euler("zxz", rng.uniform(0, [360, 180, 360], (4000, 3)), degrees=True)
    assert kstest(euler.apply([0, 0, 1.0])[:, 2], "uniform", args=(-1, 2)).pvalue < 1e-10


@pytest.mark.parametrize("diameter_nm", [0.0, -1.0, float("nan")])
def test_a_sphere_without_atoms_is_refused(diameter_nm):
    with pytest.raises(InputError, match="No atom lies inside"):
        fill_sphere(CRYSTALS["Au"], diameter_nm, Rotation.identity(), np.zeros(3))
