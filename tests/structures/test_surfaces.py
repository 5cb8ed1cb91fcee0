import ase.io
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS, fill, random_rotation
from hrtem_shift.structures.molecules import anchored, molecule, molecule_from_ase, thiolate
from hrtem_shift.structures.surfaces import (
    adsorbed,
    coordination_numbers,
    exposure,
    outward_normals,
    surface_atoms,
)
from hrtem_shift.structures.volumes import Box, Sphere

GOLD = CRYSTALS["Au"]
GOLD_NM = float(GOLD.cell_nm[0, 0])
BOND_NM = 1.2 * GOLD_NM / 2**0.5
BALL = fill(GOLD, Sphere((0, 0, 0), 4.0))


def slab():
    """Five (001) layers of gold, wide enough that its middle knows no rim."""
    return fill(GOLD, Box((0, 0, 0), (4.0, 4.0, 2.01 * GOLD_NM)))


def middle_of(atoms, reach_nm):
    return np.abs(atoms.positions_nm[:, :2]).max(axis=1) < 2.0 - reach_nm


def distance(atoms, one, other):
    return float(np.linalg.norm(atoms.positions_nm[one] - atoms.positions_nm[other]))


def angle_degrees(atoms, one, at, other):
    to = atoms.positions_nm[[one, other]] - atoms.positions_nm[at]
    return np.degrees(np.arccos(to[0] @ to[1] / np.prod(np.linalg.norm(to, axis=1))))


def test_gold_has_12_neighbours_inside_and_8_on_001():
    atoms = slab()
    number = coordination_numbers(atoms, BOND_NM)[middle_of(atoms, 0.5)]
    height = np.round(np.abs(atoms.positions_nm[middle_of(atoms, 0.5), 2]) / GOLD_NM * 2)
    assert set(number[height == 2]) == {8} and set(number[height < 2]) == {12}


def test_normals_of_a_slab_are_its_own():
    atoms = slab()
    normals = outward_normals(atoms, 0.6)[middle_of(atoms, 0.7)]
    z_nm = atoms.positions_nm[middle_of(atoms, 0.7), 2]
    top = z_nm > 0.9 * GOLD_NM
    assert normals[top] == pytest.approx(np.tile([0, 0, 1.0], (top.sum(), 1)), abs=1e-9)
    assert (normals[np.abs(z_nm) < 0.01] == 0).all()


def test_a_flat_surface_is_exposed_by_three_eighths():
    """Half a ball's centre of mass is 3/8 of its radius from the centre (continuum)."""
    atoms = fill(GOLD, Box((0, 0, 0), (5.0, 5.0, 2.5)))
    surface = (atoms.positions_nm[:, 2] > atoms.positions_nm[:, 2].max() - 0.01) & (
        np.abs(atoms.positions_nm[:, :2]).max(axis=1) < 1.0
    )
    length = np.linalg.norm(exposure(atoms, 1.5)[surface], axis=1)
    assert length == pytest.approx(3 / 8, rel=0.1)


def test_the_surface_of_a_ball_is_its_outermost_layer():
    surface = surface_atoms(BALL, bond_nm=BOND_NM)
    radius_nm = np.linalg.norm(BALL.positions_nm, axis=1)
    assert radius_nm[surface].min() > 2.0 - 1.1 * GOLD_NM
    assert surface[radius_nm > 2.0 - 0.4 * GOLD_NM / 3**0.5].all()
    assert 0.25 < surface.mean() < 0.5
    normals = outward_normals(BALL, 0.6)[surface]
    cosines = np.einsum("ij,ij->i", normals, BALL.positions_nm[surface] / radius_nm[surface, None])
    assert cosines.min() > 0.8


def test_a_vacancy_is_no_surface():
    """Its twelve neighbours lack one, but they are surrounded."""
    hollow = BALL.select(np.linalg.norm(BALL.positions_nm, axis=1) > 0.01)
    assert (coordination_numbers(hollow, BOND_NM) == 11).sum() >= 12
    radius_nm = np.linalg.norm(hollow.positions_nm, axis=1)
    assert radius_nm[surface_atoms(hollow, bond_nm=BOND_NM)].min() > 1.0


def test_the_surface_of_an_oxide_is_outside():
    """Tetrahedral sites have four bonds in the bulk, octahedral ones six: none is surface."""
    oxide = fill(CRYSTALS["Co3O4"], Sphere((0, 0, 0), 3.0))
    surface = surface_atoms(oxide, bond_nm=0.22)
    radius_nm = np.linalg.norm(oxide.positions_nm, axis=1)
    assert radius_nm[surface].min() > 0.95 and surface.sum() > 100


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    name=st.sampled_from(["CO", "H2O", "SCH3", "SC6H13"]),
    orientation=st.sampled_from(["normal", "random"]),
)
def test_adsorbates_stand_outside_and_keep_their_distance(seed, name, orientation):
    rng = np.random.default_rng(seed)
    particle = BALL.rotated(random_rotation(rng))
    guest = molecule(name)
    both = adsorbed(
        particle,
        guest,
        rng=rng,
        count=12,
        height_nm=0.22,
        min_distance_nm=0.2,
        bond_nm=BOND_NM,
        orientation=orientation,
    )
    assert np.array_equal(both.positions_nm[: len(particle)], particle.positions_nm)
    assert np.array_equal(both.region, np.repeat([0, 1], [len(particle), 12 * len(guest)]))
    copies = both.positions_nm[len(particle) :].reshape(12, -1, 3)
    tree = cKDTree(particle.positions_nm)
    gap_nm = tree.query(copies)[0]
    assert gap_nm.min() >= 0.2 - 1e-9
    assert gap_nm[:, 0].max() <= 0.22 + 1e-9
    for k, copy in enumerate(copies[:-1]):
        others = copies[k + 1 :].reshape(-1, 3)
        assert cKDTree(others).query(copy)[0].min() >= 0.2 - 1e-9
        np.testing.assert_allclose(  # rigid
            np.linalg.norm(copy - copy[0], axis=1), np.linalg.norm(guest.positions_nm, axis=1)
        )
    radius_nm = np.linalg.norm(copies, axis=2)
    assert radius_nm[:, 0].min() > 2.0 - 0.3
    if orientation == "normal":
        assert (radius_nm.mean(axis=1) > radius_nm[:, 0]).all()


def test_as_many_as_fit_leave_no_room_for_one_more():
    chosen = {"height_nm": 0.4, "min_distance_nm": 0.4, "bond_nm": BOND_NM}
    full = adsorbed(BALL, molecule("CO"), rng=np.random.default_rng(0), **chosen)
    surface = surface_atoms(BALL, bond_nm=BOND_NM)
    normals = outward_normals(BALL, 2 * BOND_NM)[surface]
    carbon_nm = BALL.positions_nm[surface] + 0.4 * normals
    everything = cKDTree(full.positions_nm)
    gap_nm = [everything.query(at_nm)[0] for at_nm in (carbon_nm, carbon_nm + 0.1128 * normals)]
    assert (np.min(gap_nm, axis=0) < 0.4).all()
    number = (len(full) - len(BALL)) // 2
    assert number > 30
    with pytest.raises(InputError, match=rf"Only {number} fit"):
        adsorbed(BALL, molecule("CO"), rng=np.random.default_rng(0), count=number + 1, **chosen)


def test_only_the_given_sites_are_taken():
    upper = BALL.positions_nm[:, 2] > 1.0
    both = adsorbed(
        BALL,
        molecule("CO"),
        rng=np.random.default_rng(1),
        count=5,
        sites=upper,
        height_nm=0.2,
        min_distance_nm=0.2,
        bond_nm=BOND_NM,
        region=7,
    )
    assert (both.positions_nm[both.region == 7, 2] > 1.0).all() and (both.region == 7).sum() == 10


def test_a_seed_gives_the_same_bytes():
    def shell(seed):
        return adsorbed(
            BALL,
            molecule("SCH3"),
            rng=np.random.default_rng(seed),
            count=20,
            height_nm=0.24,
            min_distance_nm=0.2,
            bond_nm=BOND_NM,
        ).positions_nm.tobytes()

    assert shell(1) == shell(1) != shell(2)


def test_bonds_of_the_library():
    oxide, water, thiol = molecule("CO"), molecule("H2O"), molecule("SC6H13")
    assert distance(oxide, 0, 1) == pytest.approx(0.1128)
    assert distance(water, 0, 1) == pytest.approx(0.0958)
    assert angle_degrees(water, 1, 0, 2) == pytest.approx(104.5)
    assert thiol.atomic_numbers.tolist() == [16] + [6] * 6 + [1] * 13
    assert distance(thiol, 0, 1) == pytest.approx(0.182)
    assert distance(thiol, 3, 4) == pytest.approx(0.153)
    assert angle_degrees(thiol, 2, 3, 4) == pytest.approx(112.0)


@pytest.mark.parametrize("carbons", [1, 2, 3, 6, 18])
def test_every_carbon_of_a_thiolate_has_its_hydrogens(carbons):
    chain = thiolate(carbons)
    hydrogens = chain.positions_nm[chain.atomic_numbers == 1]
    carbon_nm = chain.positions_nm[chain.atomic_numbers == 6]
    gap_nm, at = cKDTree(carbon_nm).query(hydrogens)
    assert gap_nm == pytest.approx(0.109)
    counts = np.bincount(at, minlength=carbons)
    assert sorted(counts) == [2] * (carbons - 1) + [3]
    assert cKDTree(hydrogens).query(hydrogens, k=2)[0][:, 1].min() > 0.17
    assert np.abs(chain.positions_nm.mean(axis=0)[:2]).max() < 1e-9
    assert chain.positions_nm[0] == pytest.approx([0, 0, 0])
    assert (chain.positions_nm[1:, 2] > 0).all()


def test_a_molecule_from_a_file_is_anchored(tmp_path):
    path = tmp_path / "water.xyz"
    path.write_text("3\nwater\nH 0.757 0.586 5.0\nO 0 0 5.0\nH -0.757 0.586 5.0\n")
    water = molecule_from_ase(ase.io.read(path), anchor=1)
    assert water.atomic_numbers.tolist() == [8, 1, 1]
    assert water.positions_nm[0] == pytest.approx([0, 0, 0])
    assert water.positions_nm[1:, 2] == pytest.approx(0.0586)


def call_adsorbed(**changes):
    given_ = {"height_nm": 0.2, "min_distance_nm": 0.2, "bond_nm": BOND_NM, "count": 1}
    guest = changes.pop("guest", molecule("CO"))
    adsorbed(BALL, guest, rng=np.random.default_rng(0), **{**given_, **changes})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: molecule("SC6H14"), "did you mean 'SC6H13'"),
        (lambda: thiolate(0), "at least one"),
        (lambda: anchored(molecule("CO"), 2), "no such atom"),
        (lambda: call_adsorbed(height_nm=0.1), "too near"),
        (lambda: call_adsorbed(count=-1), "negative"),
        (lambda: call_adsorbed(guest=Atoms.joined([])), "a molecule has an atom"),
        (lambda: call_adsorbed(orientation="flat"), "'normal' or 'random'"),
        (lambda: coordination_numbers(BALL, 0.0), "above zero"),
    ],
)
def test_impossible_requests_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
