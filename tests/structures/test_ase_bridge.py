"""Scenes as ase.Atoms: what is handed over comes back, also through a file."""

import ase.io
import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.structures.ase_bridge import from_ase, to_ase
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


def assert_same(scene, expected):
    np.testing.assert_allclose(scene.positions_nm, expected.positions_nm, atol=1e-9)
    np.testing.assert_allclose(scene.size_nm, expected.size_nm)
    for name in ("atomic_numbers", "object_id", "region"):
        assert np.array_equal(getattr(scene, name), getattr(expected, name)), name


def test_the_bridge_to_ase_goes_both_ways():
    atoms = to_ase(SCENE)
    assert atoms.cell.lengths() == pytest.approx([20, 30, 15])  # Angstrom
    assert atoms.pbc.tolist() == [True, True, False]
    assert_same(from_ase(atoms), SCENE)


def test_extended_xyz_keeps_objects_and_regions(tmp_path):
    ase.io.write(tmp_path / "scene.xyz", to_ase(SCENE))
    assert_same(from_ase(ase.io.read(tmp_path / "scene.xyz")), SCENE)


def test_plain_xyz_with_a_lattice_is_one_object(tmp_path):
    (tmp_path / "plain.xyz").write_text('1\nLattice="20 0 0 0 20 0 0 0 20"\nAu 1.0 2.0 3.0\n')
    scene = from_ase(ase.io.read(tmp_path / "plain.xyz", format="extxyz"))
    assert scene.positions_nm.tolist() == [[0.1, 0.2, 0.3]]
    assert scene.object_id.tolist() == [0]


def test_prismatic_files_have_angstrom_and_displacements(tmp_path):
    b_A2 = {"C": 8 * np.pi**2 * 0.07**2, "Au": 8 * np.pi**2 * 0.08**2}
    path = tmp_path / "scene.XYZ"
    ase.io.write(path, to_ase(SCENE), format="prismatic", debye_waller_factors=b_A2)
    _, edges, first, *_, end = path.read_text().splitlines()
    assert [float(edge) for edge in edges.split()] == [20.0, 30.0, 15.0]
    number, x, *_, rms_A = first.split()
    assert float(x) == pytest.approx(10 * SCENE.positions_nm[0, 0], rel=1e-5)
    assert float(rms_A) == pytest.approx({6: 0.07, 79: 0.08}[int(number)], rel=1e-4)
    assert end == "-1"


def test_a_cell_that_is_no_box_is_refused():
    atoms = to_ase(SCENE)
    atoms.set_cell([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    with pytest.raises(InputError, match="orthogonal"):
        from_ase(atoms)
