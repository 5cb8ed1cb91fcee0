"""Scenes: precedence, distances, ids, thickness."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.scenes import Scene, SceneObject, assemble, projected_thickness_nm
from hrtem_shift.structures.volumes import Sphere

BOX = (3.0, 3.0, 3.0)


def gas(n, seed, element=6, box=BOX):
    return Atoms.of(np.random.default_rng(seed).random((n, 3)) * box, element)


def ball(centre_nm, diameter_nm, precedence, seed=1, element=79):
    """A sphere filled with random atoms."""
    sphere = Sphere(centre_nm, diameter_nm)
    atoms = gas(4000, seed, element)
    inside = sphere.contains(atoms.positions_nm)
    return SceneObject("ball", atoms.select(inside), sphere, precedence)


def gap_nm(scene, one, other):
    edges = np.array([scene.size_nm[0], scene.size_nm[1], 0.0])
    positions = scene.positions_nm.copy()
    positions[:, :2] %= edges[:2]
    tree = cKDTree(positions[scene.object_id == one], boxsize=edges)
    return tree.query(positions[scene.object_id == other])[0].min()


@settings(max_examples=25, deadline=None)
@given(
    x=st.floats(0.2, 2.8), z=st.floats(0.5, 2.5), distance=st.floats(0.05, 0.4), seed=st.integers(0)
)
def test_what_has_precedence_stays_whole_and_the_rest_keeps_its_distance(x, z, distance, seed):
    support = SceneObject("gas", gas(2000, seed % 2**32), None, precedence=2)
    particle = ball((x, 1.5, z), 1.0, precedence=1)
    scene = assemble(support, [particle], BOX, distance)
    assert (scene.object_id == 1).sum() == len(particle.atoms)
    film = scene.positions_nm[scene.object_id == 0]
    assert not particle.volume.contains(film).any()
    assert gap_nm(scene, 1, 0) >= distance
    assert np.array_equal(scene.atomic_numbers == 79, scene.object_id == 1)


def test_nothing_is_removed_that_is_not_in_the_way():
    support = SceneObject("gas", gas(2000, 3), None, precedence=2)
    particle = ball((1.5, 1.5, 1.5), 1.0, precedence=1)
    scene = assemble(support, [particle], BOX, 0.2)
    away = cKDTree(particle.atoms.positions_nm).query(support.atoms.positions_nm)[0]
    free = (away >= 0.2) & ~particle.volume.contains(support.atoms.positions_nm)
    assert (scene.object_id == 0).sum() == free.sum()


def test_the_order_of_the_list_does_not_matter():
    one = ball((1.0, 1.5, 1.5), 1.0, precedence=1)
    two = ball((1.9, 1.5, 1.5), 1.2, precedence=2, seed=2, element=47)
    support = SceneObject("gas", gas(1000, 4), None, precedence=3)
    first = assemble(support, [one, two], BOX, 0.2)
    second = assemble(support, [two, one], BOX, 0.2)

    def rows(scene):
        return {tuple(p) for p in np.column_stack([scene.positions_nm, scene.atomic_numbers])}

    assert rows(first) == rows(second)
    assert (first.object_id == 1).sum() == (second.object_id == 2).sum() == len(one.atoms)


def test_equals_may_stand_apart_but_not_overlap():
    one = ball((0.8, 1.5, 1.5), 1.0, precedence=1)
    apart = ball((2.2, 1.5, 1.5), 1.0, precedence=1)
    assert len(assemble(None, [one, apart], BOX, 0.2).particles) == 2
    near = ball((1.4, 1.5, 1.5), 1.0, precedence=1)
    with pytest.raises(InputError, match="neither gives way"):
        assemble(None, [one, near], BOX, 0.2)


def test_distances_are_kept_across_the_borders():
    support = SceneObject("gas", gas(4000, 5), None, precedence=2)
    scene = assemble(support, [ball((0.1, 1.5, 1.5), 1.0, 1)], BOX, 0.2)
    assert gap_nm(scene, 1, 0) >= 0.2


def test_regions_and_ids_are_complete():
    particle = ball((1.5, 1.5, 1.5), 1.0, precedence=1)
    shell = SceneObject("two", particle.atoms.with_region(7), particle.volume, 1)
    scene = assemble(SceneObject("gas", gas(500, 1), None, 2), [shell], BOX, 0.1)
    assert len(scene.positions_nm) == len(scene.object_id) == len(scene.region)
    assert set(scene.region[scene.object_id == 1]) == {7}
    assert set(scene.region[scene.object_id == 0]) == {0}


def test_an_object_without_atoms_is_a_hole():
    support = SceneObject("gas", gas(3000, 6), None, precedence=2)
    hole = SceneObject("hole", Atoms.of(np.empty((0, 3)), 6), Sphere((1.5, 1.5, 1.5), 1.4), 1)
    scene = assemble(support, [hole], BOX, 0.2)
    assert not hole.volume.contains(scene.positions_nm).any()
    assert scene.particles == () and set(scene.object_id) == {0}
    outside = ~hole.volume.contains(support.atoms.positions_nm)
    assert len(scene.positions_nm) == outside.sum() < 3000


def test_an_empty_scene_is_legal():
    scene = assemble(None, [], BOX, 0.2)
    assert len(scene.positions_nm) == 0
    assert projected_thickness_nm(scene, 16).max() == 0


def empty_scene(size_nm, *particles):
    none = np.empty(0, int)
    return Scene(size_nm, np.empty((0, 3)), none, none, particles)


def test_thickness_is_the_chord_of_the_sphere():
    """Known answer: diameter at the centre, and volume as the integral (pi d³/6)."""
    scene = empty_scene((4.0, 4.0, 3.0), Sphere((2.5, 1.5, 1.5), 2.0))
    thickness_nm = projected_thickness_nm(scene, 400)
    assert thickness_nm.dtype == np.float32
    assert thickness_nm[150, 250] == pytest.approx(2.0)  # (y, x), sample i at i * 0.01 nm
    assert thickness_nm.sum() * 0.01**2 == pytest.approx(np.pi / 6 * 2**3, rel=1e-3)
    assert (thickness_nm > 0).sum() * 0.01**2 == pytest.approx(np.pi, rel=1e-2)


def test_thicknesses_of_several_particles_add():
    spheres = (Sphere((1.0, 1.0, 1.0), 1.5), Sphere((1.5, 1.0, 3.0), 1.2))

    def thickness_nm(*particles):
        return projected_thickness_nm(empty_scene((3.0, 3.0, 4.0), *particles), 60)

    np.testing.assert_allclose(
        thickness_nm(*spheres), thickness_nm(spheres[0]) + thickness_nm(spheres[1]), atol=1e-6
    )
