from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hrtem_shift.errors import InputError
from hrtem_shift.structures.crystals import CRYSTALS, Crystal, fill, random_rotation
from hrtem_shift.structures.layers import Layers
from hrtem_shift.structures.orientations import aligned
from hrtem_shift.structures.planar_defects import (
    PlanarDefect,
    fill_faulted,
    random_defects,
    stacking_sequence,
)
from hrtem_shift.structures.stacks import stack
from hrtem_shift.structures.volumes import Box, HalfSpace, Sphere

GOLD = CRYSTALS["Au"]
GOLD_NM = float(GOLD.cell_nm[0, 0])
BALL = Sphere((0, 0, 0), 4.0)
HEXAGONAL = {"twin": [0], "intrinsic": [0, 1], "extrinsic": [0, 2]}
"""Which layers become hexagonal, counted from the defect's own."""
TETRAHEDRAL_ANGLE = np.degrees(np.arccos(-1 / 3))

CDSE = Crystal(
    "wurtzite CdSe",
    np.array([[0.4299, 0, 0], [-0.21495, 0.4299 * 0.75**0.5, 0], [0, 0, 0.4299 * (8 / 3) ** 0.5]]),
    np.array(
        [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.375], [2 / 3, 1 / 3, 0.875]]
    ),
    np.array([48, 48, 34, 34]),
)
CLOSE_PACKED = [
    *("Au", "Ag", "Cu", "C_diamond", "Si"),
    *("CdSe_wurtzite", "ZnS_wurtzite", "CdSe_zincblende"),
]
MAGNESIUM = Crystal(
    "magnesium",
    np.array([[0.3209, 0, 0], [-0.16045, 0.3209 * 0.75**0.5, 0], [0, 0, 0.5211]]),
    np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]),
    np.array([12, 12]),
)
ZNS = Crystal(
    "zinc blende",
    np.eye(3) * 0.5409,
    np.concatenate([GOLD.fractional, GOLD.fractional + 0.25]),
    np.repeat([30, 16], 4),
)


def close_packing(positions_nm, bond_nm):
    """'f', 'h' or '' (surface) of each atom: pairs of opposite neighbours, six or three.

    Written for these tests; the rule is that of local neighbour analysis: cuboctahedron
    (six 180-degree pairs) against anticuboctahedron (three).
    """
    tree = cKDTree(positions_nm)
    kinds = []
    for at, neighbours in enumerate(tree.query_ball_point(positions_nm, 1.2 * bond_nm)):
        to = positions_nm[[n for n in neighbours if n != at]] - positions_nm[at]
        if len(to) != 12:
            kinds.append("")
            continue
        cosines = (to @ to.T) / np.outer(*[np.linalg.norm(to, axis=1)] * 2)
        opposite = (cosines < -0.99).sum() // 2
        kinds.append({6: "f", 3: "h"}.get(int(opposite), "?"))
    return np.array(kinds)


def kinds_by_layer(atoms, spacing_nm, bond_nm):
    """What the inner atoms of each layer are, from the lowest; each layer must be of one kind."""
    kinds = close_packing(atoms.positions_nm, bond_nm)
    layer = np.round(atoms.positions_nm[:, 2] / spacing_nm).astype(int)
    found = {}
    for k in np.unique(layer):
        inner = {kind for kind in kinds[layer == k] if kind}
        assert len(inner) <= 1
        if inner:
            found[int(k)] = inner.pop()
    return found


def coincide(one_nm, other_nm):
    return len(one_nm) == len(other_nm) and cKDTree(one_nm).query(other_nm)[0].max() < 1e-9


def gold_layers_of(atoms, offset=0.0):
    spacing_nm = GOLD_NM / 3**0.5
    return kinds_by_layer(atoms.moved([0, 0, -offset * spacing_nm]), spacing_nm, GOLD_NM / 2**0.5)


def gold_layers(defects):
    return gold_layers_of(fill_faulted(GOLD, BALL, defects))


def test_abc_is_the_crystal_itself_turned_to_111():
    """Same atoms as unit cells give: x is [1-10], y is [11-2], z is [111]."""
    axes = np.array([[1, -1, 0], [1, 1, -2], [1, 1, 1]]) / np.sqrt([[2], [6], [3]])
    cells = np.stack(np.meshgrid(*[np.arange(-9, 10.0)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    for crystal in (GOLD, ZNS):
        lattice_nm = crystal.cell_nm[0, 0]
        positions_nm = ((cells + crystal.fractional).reshape(-1, 3) * lattice_nm) @ axes.T
        inside = BALL.contains(positions_nm)
        atoms = fill_faulted(crystal, BALL, [])
        assert coincide(atoms.positions_nm, positions_nm[inside])
        nearest = cKDTree(positions_nm[inside]).query(atoms.positions_nm)[1]
        expected = np.tile(crystal.atomic_numbers, len(cells))[inside][nearest]
        assert np.array_equal(atoms.atomic_numbers, expected)


def test_layers_are_a_over_root_3_apart():
    z_nm = np.unique(np.round(fill_faulted(GOLD, BALL, []).positions_nm[:, 2], 9))
    assert np.diff(z_nm) == pytest.approx(GOLD_NM / 3**0.5)


def test_perfect_gold_is_cubic_everywhere():
    assert set(gold_layers([]).values()) == {"f"}


@pytest.mark.parametrize(("kind", "hexagonal"), HEXAGONAL.items())
def test_each_cubic_defect_has_its_signature(kind, hexagonal):
    """One hexagonal layer in a twin, two in an intrinsic fault, two about one in an extrinsic."""
    found = gold_layers([PlanarDefect(kind, 2)])
    assert [layer for layer, of in found.items() if of == "h"] == [2 + i for i in hexagonal]
    assert set(found.values()) == {"f", "h"}


def test_every_atom_keeps_twelve_neighbours_at_the_same_distance():
    defects = [PlanarDefect("extrinsic", -5), PlanarDefect("intrinsic", 0), PlanarDefect("twin", 4)]
    atoms = fill_faulted(GOLD, BALL, defects)
    inner = np.linalg.norm(atoms.positions_nm, axis=1) < 2.0 - GOLD_NM
    distances_nm = cKDTree(atoms.positions_nm).query(atoms.positions_nm[inner], k=14)[0]
    assert distances_nm[:, 1:13] == pytest.approx(GOLD_NM / 2**0.5)
    assert (distances_nm[:, 13] > 1.3 * GOLD_NM / 2**0.5).all()


def test_a_twin_is_its_own_mirror_image():
    atoms = fill_faulted(GOLD, BALL, [PlanarDefect("twin", 0)])
    assert coincide(atoms.positions_nm, atoms.positions_nm * [1, 1, -1])
    perfect = fill_faulted(GOLD, BALL, [])
    assert not coincide(perfect.positions_nm, perfect.positions_nm * [1, 1, -1])


def test_an_intrinsic_fault_is_a_slip_by_a_sixth_of_112():
    """Above the fault the perfect crystal is shifted by a/6[11-2], nothing else."""
    perfect, faulted = (
        fill_faulted(GOLD, Box((0, 0, 0), (3, 3, 3)), defects)
        for defects in ([], [PlanarDefect("intrinsic", 0)])
    )
    slipped = perfect.positions_nm + np.outer(
        perfect.positions_nm[:, 2] > 0.01, [0, GOLD_NM / 6**0.5, 0]
    )
    inner = np.abs(slipped[:, :2]).max(axis=1) < 1.2
    assert cKDTree(faulted.positions_nm).query(slipped[inner])[0].max() < 1e-9


def test_regions_say_which_side_of_each_defect():
    defects = [PlanarDefect("intrinsic", 3), PlanarDefect("twin", -2)]
    atoms = fill_faulted(GOLD, BALL, defects)
    layer = np.round(atoms.positions_nm[:, 2] / (GOLD_NM / 3**0.5))
    assert np.array_equal(atoms.region, 1 + (layer > -2) + (layer > 3))
    assert set(fill_faulted(GOLD, BALL, []).region) == {1}


@pytest.mark.parametrize(
    ("kind", "letters"),
    [
        ("I1", "ABABCBCBC"),
        ("I2", "ABABCACAC"),
        ("E", "ABABCABAB"),
    ],
)
def test_hexagonal_faults_are_written_as_in_the_books(kind, letters):
    assert stacking_sequence("AB", [PlanarDefect(kind, 3)], 0, 8)[0] == letters


@pytest.mark.parametrize(
    ("kind", "letters"),
    [("twin", "ABCABACBA"), ("intrinsic", "ABCABABCA"), ("extrinsic", "ABCABACAB")],
)
def test_cubic_defects_are_written_as_in_the_books(kind, letters):
    assert stacking_sequence("ABC", [PlanarDefect(kind, 4)], 0, 8)[0] == letters


@pytest.mark.parametrize(("kind", "cubic"), [("I1", 1), ("I2", 2), ("E", 3)])
def test_wurtzite_faults_keep_four_bonds_and_have_their_number_of_cubic_layers(kind, cubic):
    atoms = fill_faulted(CDSE, BALL, [PlanarDefect(kind, 0)])
    layers = Layers.of(CDSE)
    bond_nm = 0.375 * CDSE.cell_nm[2, 2]
    tree = cKDTree(atoms.positions_nm)
    inner = np.flatnonzero(np.linalg.norm(atoms.positions_nm, axis=1) < 1.5)
    for at, neighbours in zip(
        inner, tree.query_ball_point(atoms.positions_nm[inner], 1.15 * bond_nm), strict=True
    ):
        others = [n for n in neighbours if n != at]
        assert len(others) == 4
        assert (atoms.atomic_numbers[others] != atoms.atomic_numbers[at]).all()
        to = (atoms.positions_nm[others] - atoms.positions_nm[at]) / bond_nm
        cosines = (to @ to.T)[np.triu_indices(4, 1)]
        assert np.degrees(np.arccos(cosines)) == pytest.approx(TETRAHEDRAL_ANGLE, abs=1e-6)
    cations = atoms.select(atoms.atomic_numbers == 48)
    found = kinds_by_layer(cations, layers.spacing_nm, layers.net_nm)
    assert list(found.values()).count("f") == cubic
    assert {found[k] for k in found if k < 0} == {"h"}


@pytest.mark.parametrize("name", [*CLOSE_PACKED, "magnesium"])
def test_layers_of_the_library_are_the_crystals_themselves(name):
    """Atom for atom what unit cells give, once plane and row are turned to z and x."""
    crystal = MAGNESIUM if name == "magnesium" else CRYSTALS[name]
    cubic = Layers.of(crystal).stacking == "ABC"
    plane, row = ((1, 1, 1), (1, -1, 0)) if cubic else ((0, 0, 1), (1, 0, 0))
    turn = aligned(crystal, plane=plane, direction=row)
    first_nm = turn.apply(crystal.fractional[0] @ crystal.cell_nm)
    cells = fill(crystal, BALL, rotation=turn, origin_nm=-first_nm)
    layers = fill_faulted(crystal, BALL, [])
    found = [
        cKDTree(cells.positions_nm * mirror).query(layers.positions_nm)
        # From which of its two layers an AB stack is seen, the next is at +y or -y.
        for mirror in ([1, 1, 1], [1, 1 if cubic else -1, 1])
    ]
    gap_nm, at = min(found, key=lambda one: one[0].max())
    assert len(layers) == len(cells) and gap_nm.max() < 1e-9
    assert np.array_equal(layers.atomic_numbers, cells.atomic_numbers[at])


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(st.sampled_from([1, 2]), min_size=23, max_size=23))
def test_any_sequence_is_read_back_from_its_atoms(steps):
    """A layer between two of the same letter is hexagonal, between two others cubic."""
    letters = "".join("ABC"[k] for k in np.cumsum([0, *steps]) % 3)
    layers = Layers.of(GOLD)
    atoms = stack(layers, letters, BALL, lowest=-12)
    found = kinds_by_layer(atoms, layers.spacing_nm, layers.net_nm)
    for layer, kind in found.items():
        assert kind == ("h" if letters[layer + 11] == letters[layer + 13] else "f")
    assert len(found) > 8


def test_polytypes_are_sequences():
    """4H (ABCB): every other layer is hexagonal."""
    layers = Layers.of(GOLD)
    atoms = stack(layers, "ABCB" * 6, BALL)
    found = kinds_by_layer(atoms, layers.spacing_nm, layers.net_nm)
    assert all(one != next_ for one, next_ in pairwise(found.values()))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), at_most=st.integers(0, 4))
def test_random_mixtures_show_just_the_defects_that_they_say(seed, at_most):
    rng = np.random.default_rng(seed)
    placed = {"rotation": random_rotation(rng), "offset_fractional": rng.random(3)}
    ball = Sphere((0.3, -0.2, 0.5), 3.6)
    drawn = random_defects(GOLD, ball, at_most=at_most, rng=rng, **placed)
    assert len(drawn) <= at_most
    assert all(b.layer - a.layer >= 3 for a, b in pairwise(drawn))
    atoms = fill_faulted(GOLD, ball, drawn, **placed)
    assert ball.contains(atoms.positions_nm).all()
    assert set(atoms.region) == set(range(1, len(drawn) + 2))
    nearest_nm = cKDTree(atoms.positions_nm).query(atoms.positions_nm, k=2)[0][:, 1]
    assert nearest_nm.min() == pytest.approx(GOLD_NM / 2**0.5)
    found = gold_layers_of(atoms.rotated(placed["rotation"].inv()), placed["offset_fractional"][2])
    hexagonal = {d.layer + i for d in drawn for i in HEXAGONAL[d.kind]}
    assert {layer for layer, of in found.items() if of == "h"} == hexagonal & set(found)


def test_a_rotation_turns_the_stack_and_only_that():
    turn = Rotation.from_rotvec([0.3, -0.5, 0.7])
    defects = [PlanarDefect("twin", 1)]
    still, turned = (fill_faulted(GOLD, BALL, defects, rotation=r) for r in (None, turn))
    assert coincide(still.rotated(turn).positions_nm, turned.positions_nm)


def test_a_seed_gives_one_mixture():
    ball = Sphere((0, 0, 0), 5.0)
    one, two = (
        random_defects(GOLD, ball, at_most=3, rng=np.random.default_rng(5)) for _ in range(2)
    )
    assert one == two
    rng = np.random.default_rng(0)
    many = [random_defects(GOLD, ball, at_most=3, rng=rng) for _ in range(200)]
    assert {len(drawn) for drawn in many} == {0, 1, 2, 3}
    assert {defect.kind for drawn in many for defect in drawn} == {"twin", "intrinsic", "extrinsic"}


@pytest.mark.parametrize(
    ("defects", "message"),
    [
        ([PlanarDefect("twim", 0)], "did you mean 'twin'"),
        ([PlanarDefect("I1", 0)], "No such kind in this stacking"),
        ([PlanarDefect("twin", 40)], "holds layers"),
        ([PlanarDefect("extrinsic", 0), PlanarDefect("twin", 1)], "overlap"),
    ],
)
def test_impossible_defects_are_refused(defects, message):
    with pytest.raises(InputError, match=message):
        fill_faulted(GOLD, BALL, defects)


def test_more_defects_than_fit_are_refused():
    with pytest.raises(InputError, match="Ask for fewer"):
        random_defects(GOLD, Sphere((0, 0, 0), 2.0), at_most=5, rng=np.random.default_rng(0))


GRAPHITE = Crystal(
    "graphite",
    np.array([[0.2461, 0, 0], [-0.12305, 0.2461 * 0.75**0.5, 0], [0, 0, 0.6708]]),
    np.array([[0, 0, 0.25], [0, 0, 0.75], [1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]),
    np.full(4, 6),
)


@pytest.mark.parametrize("crystal", [CRYSTALS["Fe"], CRYSTALS["MoS2"], CRYSTALS["Co3O4"], GRAPHITE])
def test_crystals_that_are_no_stack_are_refused(crystal):
    with pytest.raises(InputError, match="not a stack"):
        Layers.of(crystal)


@pytest.mark.parametrize("sequence", ["", "ABD", "ABBA"])
def test_letters_that_are_no_stacking_are_refused(sequence):
    with pytest.raises(InputError, match="position A, B or C"):
        stack(Layers.of(GOLD), sequence, BALL)


def test_a_sequence_shorter_than_its_volume_is_refused():
    with pytest.raises(InputError, match="longer sequence"):
        stack(Layers.of(GOLD), "ABCABC", BALL)


def test_an_endless_volume_is_refused():
    with pytest.raises(InputError, match="without end"):
        fill_faulted(GOLD, HalfSpace((0, 0, 1), 0.0), [])
