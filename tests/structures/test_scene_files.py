"""Scenes as files: what is written comes back, and what is broken is named."""

import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.structures.scene_files import (
    from_ase,
    read_extxyz,
    to_ase,
    write_extxyz,
    write_prismatic,
)
from hrtem_shift.structures.scenes import Scene

RNG = np.random.default_rng(0)
SCENE = Scene(
    size_nm=(2.0, 3.0, 1.5),
    positions_nm=RNG.random((20, 3)) * (2, 3, 1.5),
    atomic_numbers=RNG.choice([6, 79], 20),
    object_id=RNG.integers(0, 3, 20),
    particles=(),
    region=RNG.integers(0, 4, 20),
)


def assert_same(one, other):
    np.testing.assert_allclose(one.positions_nm, other.positions_nm, atol=1e-9)
    np.testing.assert_allclose(one.size_nm, other.size_nm)
    for name in ("atomic_numbers", "object_id", "region"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_extxyz_comes_back(tmp_path):
    write_extxyz(tmp_path / "scene.xyz", SCENE)
    assert_same(read_extxyz(tmp_path / "scene.xyz"), SCENE)


def test_the_file_is_in_angstrom(tmp_path):
    write_extxyz(tmp_path / "scene.xyz", SCENE)
    count, header, first, *_ = (tmp_path / "scene.xyz").read_text().splitlines()
    assert count == "20"
    assert 'Lattice="20.00000000 0 0 0 30.00000000' in header
    assert float(first.split()[1]) == pytest.approx(10 * SCENE.positions_nm[0, 0])


def test_plain_xyz_with_a_lattice_is_one_object(tmp_path):
    (tmp_path / "plain.xyz").write_text('1\nLattice="20 0 0 0 20 0 0 0 20"\nAu 1.0 2.0 3.0\n')
    scene = read_extxyz(tmp_path / "plain.xyz")
    assert scene.positions_nm.tolist() == [[0.1, 0.2, 0.3]]
    assert scene.object_id.tolist() == [0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a readable scene"),
        ('3\nLattice="9 0 0 0 9 0 0 0 9"\nAu 0 0 0\n', "3 atoms are announced, 1 are there"),
        ("1\nno box\nAu 0 0 0\n", "no Lattice"),
        ('1\nLattice="9 1 0 0 9 0 0 0 9"\nAu 0 0 0\n', "not orthogonal"),
        ('1\nLattice="9 0 0 0 9 0 0 0 9"\nQq 0 0 0\n', "Qq"),
        ('1\nLattice="9 0 0 0 9 0 0 0 9"\nAu 0 zero 0\n', "zero"),
    ],
)
def test_broken_files_are_named(tmp_path, text, said):
    (tmp_path / "bad.xyz").write_text(text)
    with pytest.raises(InputError, match=r"bad\.xyz") as caught:
        read_extxyz(tmp_path / "bad.xyz")
    assert said in str(caught.value)


def test_the_bridge_to_ase_goes_both_ways(tmp_path):
    pytest.importorskip("ase", reason="ASE is an optional extra")
    assert_same(from_ase(to_ase(SCENE)), SCENE)
    with pytest.raises(InputError, match="orthogonal"):
        atoms = to_ase(SCENE)
        atoms.set_cell([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
        from_ase(atoms)


def test_ase_reads_what_we_write(tmp_path):
    io = pytest.importorskip("ase.io", reason="ASE is an optional extra")
    write_extxyz(tmp_path / "scene.xyz", SCENE)
    assert_same(from_ase(io.read(tmp_path / "scene.xyz")), SCENE)


def test_prismatic_files_have_displacements_in_angstrom_and_an_end(tmp_path):
    write_prismatic(tmp_path / "scene.XYZ", SCENE, {"C": 0.007, "Au": 0.008})
    _, edges, first, *_, end, last = (tmp_path / "scene.XYZ").read_text().split("\n")
    assert [float(edge) for edge in edges.split()] == [20.0, 30.0, 15.0]
    number, x, *_, occupancy, rms = first.split()
    assert int(number) == SCENE.atomic_numbers[0]
    assert float(x) == pytest.approx(10 * SCENE.positions_nm[0, 0])
    assert (float(occupancy), float(rms)) == (1.0, {6: 0.07, 79: 0.08}[int(number)])
    assert (end, last) == ("-1", "")
    with pytest.raises(InputError, match="displacement of Au"):
        write_prismatic(tmp_path / "scene.XYZ", SCENE, {"C": 0.007})
