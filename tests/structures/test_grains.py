from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS, fill, random_rotation
from hrtem_shift.structures.grains import Grain, bicrystal, core_shell, join_apart, polycrystal
from hrtem_shift.structures.miller import plane_normal
from hrtem_shift.structures.orientations import aligned, epitaxial, symmetric_tilt
from hrtem_shift.structures.volumes import Box, Sphere

GOLD = CRYSTALS["Au"]
GOLD_NM = float(GOLD.cell_nm[0, 0])
BALL = Sphere((0, 0, 0), 4.0)
NOTHING = Rotation.identity()
CUBIC = [
    Rotation.from_matrix(matrix)
    for order in permutations(range(3))
    for signs in product((1, -1), repeat=3)
    if np.linalg.det(matrix := np.eye(3)[list(order)] * signs) > 0
]


def gap_between_nm(atoms):
    one, two = (atoms.positions_nm[atoms.region == k] for k in (1, 2))
    return cKDTree(one).query(two)[0].min()


def is_on_lattice(positions_nm, crystal, rotation):
    """Whether turned back, every atom is a whole number of cells from one of the crystal's."""
    fractional = rotation.inv().apply(positions_nm) @ np.linalg.inv(crystal.cell_nm)
    apart = fractional[:, None] - crystal.fractional
    return np.linalg.norm(apart - np.round(apart), axis=-1).min(axis=1).max() < 1e-9


def measured_axes(positions_nm):
    """Rotation from the cubic axes, up to the symmetry, of the atom with all neighbours.

    The six second neighbours are at the lattice constant along the axes.
    """
    tree = cKDTree(positions_nm)
    middle = int(tree.query(positions_nm.mean(axis=0))[1])
    near = positions_nm[tree.query_ball_point(positions_nm[middle], 1.1 * GOLD_NM)]
    to = near - positions_nm[middle]
    axes = to[np.linalg.norm(to, axis=1) > 0.9 * GOLD_NM] / GOLD_NM
    assert len(axes) == 6
    first = axes[0]
    second = next(axis for axis in axes if abs(axis @ first) < 0.1)
    return Rotation.from_matrix(np.column_stack([first, second, np.cross(first, second)]))


def misorientation_degrees(one, two):
    return min(np.degrees((one * s * two.inv()).magnitude()) for s in CUBIC)


def test_sigma_5_shares_every_fifth_site():
    """Coincidence site lattice of a 36.87 degree tilt about [001]."""
    rotations = symmetric_tilt((0, 0, 1), 2 * np.degrees(np.arctan(1 / 3)))
    one, two = (fill(GOLD, Sphere((0, 0, 0), 6.0), rotation=r).positions_nm for r in rotations)
    shared = (cKDTree(one).query(two)[0] < 1e-9).mean()
    assert shared == pytest.approx(1 / 5, rel=0.05)


@pytest.mark.parametrize("angle_degrees", [10.0, 22.6199, 36.8699])
def test_a_tilt_is_recovered_from_the_atoms(angle_degrees):
    rotations = symmetric_tilt((0, 0, 1), angle_degrees)
    atoms = bicrystal(BALL, (GOLD, GOLD), rotations, min_distance_nm=0.2)
    grains = [atoms.positions_nm[atoms.region == k] for k in (1, 2)]
    assert grains[0][:, 0].max() <= 1e-9 and grains[1][:, 0].min() > 0
    for grain_nm, rotation in zip(grains, rotations, strict=True):
        assert is_on_lattice(grain_nm, GOLD, rotation)
    one, two = map(measured_axes, grains)
    assert misorientation_degrees(one, two) == pytest.approx(angle_degrees, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), distance_nm=st.floats(0.0, 0.35))
def test_any_boundary_keeps_its_minimum_distance_and_loses_little(seed, distance_nm):
    rng = np.random.default_rng(seed)
    rotations = random_rotation(rng), random_rotation(rng)
    atoms = bicrystal(
        BALL,
        (GOLD, GOLD),
        rotations,
        normal=rng.standard_normal(3),
        offsets_fractional=(rng.random(3), rng.random(3)),
        min_distance_nm=distance_nm,
    )
    assert gap_between_nm(atoms) >= distance_nm
    assert BALL.contains(atoms.positions_nm).all()
    full = 4 / GOLD_NM**3 * np.pi / 6 * 4.0**3
    lost = 4 / GOLD_NM**3 * np.pi / 4 * 4.0**2 * distance_nm  # a disc as thick as the distance
    assert full - lost - 80 < len(atoms) < full + 80
    assert misorientation_degrees(
        *(measured_axes(atoms.positions_nm[atoms.region == k]) for k in (1, 2))
    ) == pytest.approx(misorientation_degrees(*rotations), abs=1e-5)


def test_equal_grains_are_one_crystal():
    """Nothing is lost or doubled where the boundary is none."""
    atoms = bicrystal(BALL, (GOLD, GOLD), (NOTHING, NOTHING), min_distance_nm=0.28)
    assert len(atoms) == len(fill(GOLD, BALL))


def test_three_grains_have_three_regions_and_earlier_ones_stay_whole():
    rng = np.random.default_rng(1)
    grains = [
        Grain(GOLD, Sphere((x_nm, 0, 0), 2.5), random_rotation(rng)) for x_nm in (-1.0, 0.0, 1.0)
    ]
    atoms = polycrystal(grains, min_distance_nm=0.25)
    sizes = np.bincount(atoms.region, minlength=4)[1:]
    assert sizes[0] == len(grains[0].atoms()) > sizes[1] and (sizes > 0).all()
    for k, distance_nm in ((1, 0.25), (2, 0.25)):
        later, earlier = atoms.region > k, atoms.region == k
        tree = cKDTree(atoms.positions_nm[earlier])
        assert tree.query(atoms.positions_nm[later])[0].min() >= distance_nm


def test_distances_count_across_the_borders_of_a_field():
    one = Atoms.of(np.array([[0.05, 1.0, 0.0]]), 79)
    two = Atoms.of(np.array([[1.95, 1.0, 0.0], [-1e-18, 0.0, 0.0]]), 79)
    assert len(join_apart([one, two], 0.2)) == 3
    assert len(join_apart([one, two], 0.2, field_nm=(2.0, 2.0))) == 2


def test_a_core_is_whole_and_its_shell_surrounds_it():
    """Co3O4 in Mn3O4, cube on cube: a of the spinel along [110] of the tetragonal cell."""
    core_crystal, shell_crystal = CRYSTALS["Co3O4"], CRYSTALS["Mn3O4"]
    turn = random_rotation(np.random.default_rng(3))
    grown = epitaxial(
        shell_crystal,
        plane=(0, 0, 1),
        direction=(1, 1, 0),
        on=core_crystal,
        on_plane=(0, 0, 1),
        on_direction=(1, 0, 0),
        on_rotation=turn,
    )
    core = Grain(core_crystal, Sphere((0, 0, 0), 2.5), turn)
    atoms = core_shell(core, shell_crystal, BALL, rotation=grown, min_distance_nm=0.17)
    radius_nm = np.linalg.norm(atoms.positions_nm, axis=1)
    assert (radius_nm[atoms.region == 1] <= 1.25 + 1e-8).all()
    assert (radius_nm[atoms.region == 2] > 1.25).all()
    assert (atoms.region == 1).sum() == len(core.atoms())
    assert set(atoms.atomic_numbers[atoms.region == 1]) == {27, 8}
    assert set(atoms.atomic_numbers[atoms.region == 2]) == {25, 8}
    assert gap_between_nm(atoms) >= 0.17
    assert grown.apply([0, 0, 1]) == pytest.approx(turn.apply([0, 0, 1]))
    assert grown.apply([0.5**0.5, 0.5**0.5, 0]) == pytest.approx(turn.apply([1, 0, 0]))


def test_a_shell_goes_on_with_the_lattice_of_its_core():
    """Silver of the same lattice constant: core and shell are one lattice, nothing is lost."""
    placed = random_rotation(np.random.default_rng(0)), (0.2, 0.2, 0.2), (0.3, -0.1, 0.7)
    core = Grain(GOLD, Sphere((0, 0, 0), 2.0), *placed)
    atoms = core_shell(core, CRYSTALS["Ag"], BALL, min_distance_nm=0.25)
    whole = Grain(GOLD, BALL, *placed).atoms()
    assert len(atoms) == len(whole)
    assert cKDTree(atoms.positions_nm).query(whole.positions_nm)[0].max() < 1e-9


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_planes_and_directions_come_to_lie_where_they_should(seed):
    rng = np.random.default_rng(seed)
    normal, along = rng.standard_normal((2, 3))
    for name, plane, direction, spacing_nm in (
        ("Au", (1, 1, 1), (1, -1, 0), GOLD_NM / 3**0.5),
        ("MoS2", (0, 0, 0, 1), (1, 0, 0), None),
        ("CdSe_wurtzite", (1, 0, 0), (0, 0, 1), None),
    ):
        crystal = CRYSTALS[name]
        turn = aligned(crystal, plane=plane, direction=direction, normal=normal, along=along)
        uvw = turn.apply(np.array(direction) @ crystal.cell_nm)
        across = np.cross(normal, along)
        assert uvw @ normal == pytest.approx(0, abs=1e-9)
        assert uvw @ across == pytest.approx(0, abs=1e-9)
        assert uvw @ along > 0
        if spacing_nm:
            atoms = fill(crystal, BALL, rotation=turn)
            heights = atoms.positions_nm @ normal / np.linalg.norm(normal) / spacing_nm
            assert np.abs(heights - np.round(heights)).max() < 1e-9


def test_epitaxy_lays_plane_on_plane_and_direction_on_direction():
    """Au (111)[1-10] on Mn3O4 (011)[100], itself in any orientation."""
    below, turn = CRYSTALS["Mn3O4"], random_rotation(np.random.default_rng(4))
    grown = epitaxial(
        GOLD,
        plane=(1, 1, 1),
        direction=(1, -1, 0),
        on=below,
        on_plane=(0, 1, 1),
        on_direction=(1, 0, 0),
        on_rotation=turn,
    )
    ours, theirs = plane_normal(GOLD, (1, 1, 1)), plane_normal(below, (0, 1, 1))
    assert grown.apply(ours) == pytest.approx(turn.apply(theirs))
    assert grown.apply([0.5**0.5, -(0.5**0.5), 0]) == pytest.approx(turn.apply([1, 0, 0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: aligned(GOLD, plane=(1, 1, 1), direction=(1, 0, 0)), "does not lie in the plane"),
        (lambda: aligned(GOLD, plane=(1, 1, 1), direction=(0, 0, 0)), "does not lie in the plane"),
        (
            lambda: aligned(GOLD, plane=(0, 0, 1), direction=(1, 0, 0), along=(0, 0, 1)),
            "no direction",
        ),
        (lambda: symmetric_tilt((0, 0, 0), 10.0), "no direction"),
        (lambda: join_apart([], -0.1), "not negative"),
        (lambda: Grain(GOLD, Box((0.1, 0.05, 0.03), (0.01,) * 3)).atoms(), "larger volume"),
    ],
)
def test_impossible_requests_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
