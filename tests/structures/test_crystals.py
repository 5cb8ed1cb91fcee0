import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from hrtem_shift.errors import InputError
from hrtem_shift.structures import crystals
from hrtem_shift.structures.crystals import CRYSTALS, fill, random_rotation
from hrtem_shift.structures.volumes import Box, Cylinder, HalfSpace, Sphere
from hrtem_shift.structures.wulff import named_shape

GOLD_NM = 0.40782  # room temperature


def sphere(diameter_nm=4.0, seed=0):
    rng = np.random.default_rng(seed)
    ball = Sphere((0.0, 0.0, 0.0), diameter_nm)
    turn = random_rotation(rng)
    return fill(CRYSTALS["Au"], ball, rotation=turn, offset_fractional=rng.random(3))


def test_gold_atoms_have_12_neighbours_at_a_over_sqrt2_then_6_at_a():
    """Coordination shells of a face-centred cubic lattice, away from the surface."""
    positions_nm = sphere(4.0).positions_nm
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
    atoms = sphere(diameter_nm, seed)
    positions_nm = atoms.positions_nm
    assert np.linalg.norm(positions_nm, axis=1).max() <= diameter_nm / 2 + 2e-9
    assert set(atoms.atomic_numbers.tolist()) == {79}
    expected = 4 / GOLD_NM**3 * np.pi / 6 * diameter_nm**3
    surface = 4 / GOLD_NM**3 * np.pi * diameter_nm**2 * 0.05
    assert abs(len(positions_nm) - expected) < surface + 6
    # The whole-sphere centroid and extent show a corner that no cell reached.
    assert np.abs(positions_nm.mean(axis=0)).max() < 0.12
    assert positions_nm.max(axis=0).min() > diameter_nm / 2 - 0.3


def test_a_rotation_turns_the_crystal_and_only_that():
    turn = Rotation.from_euler("z", 30, degrees=True)
    ball = Sphere((0.0, 0.0, 0.0), 3.0)
    still = fill(CRYSTALS["Au"], ball)
    assert same_atoms(fill(CRYSTALS["Au"], ball, rotation=turn), still.rotated(turn))


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


def same_atoms(one, other):
    """Equal up to their order."""
    gap_nm, match = cKDTree(one.positions_nm).query(other.positions_nm)
    return (
        len(one) == len(other)
        and len(set(match.tolist())) == len(other)
        and gap_nm.max(initial=0) < 1e-9
        and np.array_equal(one.atomic_numbers[match], other.atomic_numbers)
    )


def test_a_ball_keeps_its_atoms():
    """Values of an independent enumeration about the origin, by an earlier version."""
    positions_nm = fill(
        CRYSTALS["Au"], Sphere((0, 0, 0), 3.0), offset_fractional=(0.1, 0.2, 0.3)
    ).positions_nm
    assert len(positions_nm) == 826
    assert positions_nm.sum(axis=0) == pytest.approx([1.875972, -0.734076, 0.734076])


BODIES = [
    named_shape("truncated_octahedron", CRYSTALS["Au"], diameter_nm=2.0),
    Box((0.2, 0.1, 0.0), (2.0, 1.5, 1.0)),
    Cylinder((0, 0, 0), (1, 2, 3), 1.5, 2.0),
    Sphere((0.2, 0, 0), 2.0) - Sphere((0.5, 0, 0), 1.0),
    Sphere((1.0, 0, 0), 1.2) | Sphere((-1.0, 0, 0), 1.4),
]


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(CRYSTALS)),
    body=st.sampled_from(BODIES),
    by_nm=st.tuples(*[st.floats(-300, 300)] * 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_fill_does_not_depend_on_place_or_orientation(name, body, by_nm, seed):
    rng = np.random.default_rng(seed)
    crystal, offset, turn = CRYSTALS[name], rng.random(3), random_rotation(rng)
    still = fill(crystal, body, offset_fractional=offset)
    moved = fill(crystal, body.moved(by_nm), offset_fractional=offset, origin_nm=by_nm)
    assert len(moved) == len(still)
    np.testing.assert_allclose(moved.positions_nm, still.positions_nm + by_nm, atol=1e-9)
    turned = fill(crystal, body.rotated(turn), rotation=turn, offset_fractional=offset)
    assert same_atoms(turned, still.rotated(turn))


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(sorted(CRYSTALS)), seed=st.integers(0, 2**32 - 1))
def test_a_filled_box_misses_no_site(name, seed):
    """Oracle: a block of cells that surely covers the box, each atom tested one by one."""
    rng = np.random.default_rng(seed)
    crystal, turn = CRYSTALS[name], random_rotation(rng)
    body = Box(tuple(rng.uniform(-1, 1, 3)), tuple(rng.uniform(0.2, 1.6, 3)))
    cells = np.stack(np.meshgrid(*[np.arange(-14, 15)] * 3, indexing="ij"), -1).reshape(-1, 3)
    block = (cells[:, None] + crystal.fractional).reshape(-1, 3) @ crystal.cell_nm
    inside = body.contains(turn.apply(block))
    filled = fill(crystal, body, rotation=turn)
    assert len(filled) == inside.sum()
    if inside.any():
        gap_nm, _ = cKDTree(turn.apply(block[inside])).query(filled.positions_nm)
        assert gap_nm.max() < 1e-9


def test_neighbouring_volumes_are_one_crystal():
    """Core and shell of one lattice: no atom is lost or doubled at the border."""
    whole, core = Sphere((3.0, 1.0, 7.0), 3.0), Sphere((3.2, 1.0, 7.0), 1.5)
    parts = len(fill(CRYSTALS["Au"], core)) + len(fill(CRYSTALS["Au"], whole - core))
    assert parts == len(fill(CRYSTALS["Au"], whole))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), edge=st.integers(1, 6))
def test_atoms_on_the_faces_stay_whatever_the_place_and_orientation(seed, edge):
    """Magic number of an fcc cube whose corners are atoms: n cells an edge, all faces full."""
    rng = np.random.default_rng(seed)
    turn, by_nm = random_rotation(rng), rng.uniform(-300, 300, 3)
    cube = Box.between((0, 0, 0), np.full(3, edge * GOLD_NM)).rotated(turn).moved(by_nm)
    atoms = fill(CRYSTALS["Au"], cube, rotation=turn, origin_nm=by_nm)
    assert len(atoms) == (edge + 1) ** 3 + 3 * edge**2 * (edge + 1)


def test_large_pieces_are_filled_in_parts_of_the_same_order(monkeypatch):
    body = Sphere((1.0, 2.0, 3.0), 4.0)
    whole = fill(CRYSTALS["Co3O4"], body)
    monkeypatch.setattr(crystals, "_SITES_AT_ONCE", 1000)
    parts = fill(CRYSTALS["Co3O4"], body)
    np.testing.assert_allclose(parts.positions_nm, whole.positions_nm, atol=1e-12)
    assert np.array_equal(parts.atomic_numbers, whole.atomic_numbers)


def test_a_whole_number_of_cells_has_their_atoms():
    a_nm = 0.8065
    box = Box.between((0, 0, 0), np.full(3, 2 * a_nm - 1e-6))
    atoms = fill(CRYSTALS["Co3O4"], box)
    assert np.bincount(atoms.atomic_numbers)[[8, 27]].tolist() == [8 * 32, 8 * 24]


def test_offsets_shift_by_the_cell_vectors():
    crystal, offset = CRYSTALS["CdSe_wurtzite"], np.array([0.3, 0.4, 0.9])
    box = Box((0, 0, 0), (2.0, 2.0, 2.0))
    shift_nm = offset @ crystal.cell_nm
    there = fill(crystal, box, offset_fractional=offset)
    assert same_atoms(there, fill(crystal, box.moved(-shift_nm)).moved(shift_nm))
    assert same_atoms(there, fill(crystal, box, offset_fractional=offset - 2))


def test_a_volume_between_atoms_is_empty():
    assert len(fill(CRYSTALS["Au"], Sphere((0.2, 0.0, 0.0), 0.1))) == 0
    assert len(fill(CRYSTALS["Au"], Sphere((0, 0, 0), 1.0) & Sphere((5, 0, 0), 1.0))) == 0


def test_endless_and_monstrous_volumes_are_refused():
    with pytest.raises(InputError, match="without end"):
        fill(CRYSTALS["Au"], HalfSpace((0, 0, 1), 0.0))
    with pytest.raises(InputError, match="in nm"):
        fill(CRYSTALS["Au"], Box((0, 0, 0), (5000, 5000, 5000)))
