"""Distributions of scenes: what is drawn, how it is addressed, and what is refused."""

import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from hrtem_shift.errors import InputError
from hrtem_shift.structures.particle_shapes import SHAPES, make_particle, shapes_of
from hrtem_shift.structures.scene_building import build_scene, draw_scene
from hrtem_shift.structures.scene_distribution import (
    SceneDistribution,
    draw_table,
    uniform_quaternion,
)

SMALL = {
    "field_nm": 3.6,
    "particles": {"diameter_nm": ["normal", 2.4, 0.3]},
    "carbon": {"thickness_nm": 1.0},
}
MANY = {
    "field_nm": 9.0,
    "particles": {
        "count": ["uniform", 1, 3],
        "material": ["Au", "Ag"],
        "shape": [name for name, shape in SHAPES.items() if not shape.on_support],
        "diameter_nm": ["uniform", 1.5, 2.0],
        "gap_nm": 0.5,
    },
    "carbon": {"thickness_nm": ["uniform", 1.0, 2.0]},
}


def small(**particles):
    return SceneDistribution(**{**SMALL, "particles": SMALL["particles"] | particles})


def gap_nm(scene, one, other):
    edges = np.array([scene.size_nm[0], scene.size_nm[1], 0.0])
    positions = scene.positions_nm.copy()
    positions[:, :2] %= edges[:2]
    tree = cKDTree(positions[scene.object_id == one], boxsize=edges)
    return tree.query(positions[scene.object_id == other])[0].min()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_scene_keeps_its_promises(seed):
    scene = draw_scene(small(), seed)
    (volume,) = scene.particles
    low, high = volume.bounds_nm()
    assert 1.8 - 1e-9 <= (high - low)[0] <= 3.0 + 1e-9  # 2 SD
    assert (low[:2] >= -1e-9).all() and (high[:2] <= 3.6 + 1e-9).all()
    assert volume.contains(scene.positions_nm[scene.object_id == 1]).all()
    assert 0.2 <= gap_nm(scene, 1, 0) < 0.35  # in contact, and not nearer
    assert (scene.positions_nm[:, 2] <= scene.size_nm[2]).all()
    assert np.array_equal(scene.atomic_numbers == 79, scene.object_id == 1)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_several_particles_of_any_kind_stand_apart(seed):
    distribution = SceneDistribution(**MANY)
    row = draw_table(distribution, 1, seed).iloc[0].to_dict()
    scene = build_scene(distribution, row, seed)
    ids = range(1, row["particles"] + 1)
    assert set(np.unique(scene.object_id)) == {0, *ids}
    for one in ids:
        assert gap_nm(scene, one, 0) >= 0.2
        for other in range(1, one):
            assert gap_nm(scene, one, other) >= 0.5


def test_the_number_of_particles_is_uniform_and_whole():
    counts = draw_table(SceneDistribution(**MANY), 600, 0)["particles"].value_counts()
    assert set(counts.index) == {1, 2, 3}
    assert counts.min() > 150


@pytest.mark.parametrize("sampler", ["independent", "sobol"])
def test_a_scene_is_the_same_alone_or_among_many(sampler):
    distribution = SceneDistribution(**MANY, sampler=sampler)
    few, many = (draw_table(distribution, n, 5, "set") for n in (3, 20))
    assert few.equals(many.head(3))
    one, again = (build_scene(distribution, few.iloc[2].to_dict(), 5, "set", 2) for _ in range(2))
    assert np.array_equal(one.positions_nm, again.positions_nm)
    other = build_scene(distribution, few.iloc[2].to_dict(), 5, "set", 3)
    assert not np.array_equal(one.positions_nm, other.positions_nm)


def test_orientations_are_uniform_on_so3():
    """The turned z axis is uniform on the sphere, and the angle has density (1 - cos)/pi."""
    points = np.random.default_rng(0).random((4000, 3))
    turns = Rotation.from_quat([uniform_quaternion(*u) for u in points])
    for axis in np.eye(3):
        for component in turns.apply(axis).T:
            assert kstest(component, lambda z: (z + 1) / 2).pvalue > 1e-3
    assert kstest(turns.magnitude(), lambda w: (w - np.sin(w)) / np.pi).pvalue > 1e-3


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("diameter_nm", [1.3, 2.5, 4.0])
def test_shapes_are_as_large_and_as_wide_as_they_say(shape, diameter_nm):
    turn = Rotation.random(rng=np.random.default_rng(3))
    particle = make_particle("Au", shape, diameter_nm, turn, 0, np.random.default_rng(1))
    atoms = particle.atoms.positions_nm
    assert particle.volume.contains(atoms).all()
    assert 2 * np.linalg.norm(atoms, axis=1).max() <= SHAPES[shape].widest * diameter_nm
    volume_nm3 = len(atoms) / (4 / 0.40782**3)
    share = volume_nm3 / (np.pi / 6 * diameter_nm**3)
    steps = SHAPES[shape].multiply_twinned or SHAPES[shape].on_support or diameter_nm < 2
    assert share == pytest.approx(1, abs=0.6 if steps else 0.1)
    if not SHAPES[shape].multiply_twinned:
        heights = [particle.volume.extent_nm(turn.apply(n)) for n in np.array([[1, 1, 1]]) / 3**0.5]
        assert min(high - low for low, high in heights) >= SHAPES[shape].lowest * diameter_nm


@pytest.mark.parametrize(
    ("material", "fits", "not_one"),
    [
        ("Au", {"sphere", "cube", "icosahedron", "island"}, set()),
        ("Si", {"sphere", "cube"}, {"icosahedron", "decahedron", "island", "winterbottom"}),
        ("CdSe_wurtzite", {"sphere"}, {"cube", "octahedron", "decahedron", "island"}),
    ],
)
def test_a_material_comes_in_the_shapes_that_can_be_made_of_it(material, fits, not_one):
    possible = set(shapes_of(material))
    assert fits <= possible and not not_one & possible
    for shape in SHAPES:
        fails = pytest.raises(InputError, match="comes as")
        with nullcontext() if shape in possible else fails:
            make_particle(material, shape, 1.3, Rotation.identity(), 0, np.random.default_rng(0))


def test_planar_defects_split_a_particle_into_regions():
    counts = [
        len(set(draw_scene(small(diameter_nm=3.0, planar_defects=2), seed).region)) - 1
        for seed in range(12)
    ]
    assert set(counts) == {1, 2, 3}  # none, one or two defects


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"field_nm": 2.0}, "do not fit into a field_nm of 2"),
        ({"field_nm": -1}, "greater than 0"),
        ({"particles": {"diameter_nm": ["normal", 2, 0.6]}}, "smaller than 1 nm"),
        ({"particles": {"diameter_nm": -3}}, "smaller than 1 nm"),
        ({"particles": {"diameter_nm": 1.2, "embedding_nm": 1.1}}, "deeper than the thinnest film"),
        ({"particles": {"diameter_nm": 2, "material": ["Gold"]}}, "no material 'Gold'"),
        ({"particles": {"diameter_nm": 2, "shape": ["spere"]}}, "did you mean 'sphere'"),
        (
            {"particles": {"diameter_nm": 2, "material": ["Si"], "shape": ["decahedron"]}},
            "no decahedron of Si.* ask for sphere or truncated_octahedron or .* or octahedron,",
        ),
        (
            {
                "particles": {
                    "diameter_nm": 2,
                    "material": ["Au", "CdSe_wurtzite"],
                    "shape": ["sphere", "icosahedron", "cube"],
                }
            },
            "no icosahedron and no cube of CdSe_wurtzite; .* so ask for sphere, or for other",
        ),
        ({"particles": {"diameter_nm": 2, "count": 5}}, "cannot be placed at random"),
        ({"particles": {"diameter_nm": 2, "planar_defects": 5}}, "do not fit into the"),
        (
            {"particles": {"diameter_nm": 2, "planar_defects": 1, "material": ["Fe"]}},
            "not a stack of close-packed layers",
        ),
        ({"particles": {"diameter_nm": 2, "material": [["Au", -1]]}}, "not negative"),
        ({"carbon": {"thickness_nm": -1.0}}, "thickness_nm"),
        ({"carbon": {"thickness_nm": 1.0, "roughness_rms_nm": 0.5}}, "tear it"),
        ({"carbon": {"thickness_nm": 1.0, "hole_diameter_nm": 50}}, "a hole of 50 nm in a film"),
        ({"feild_nm": 10}, "did you mean 'field_nm'"),
        ({"field_nm": float("inf")}, "finite"),
    ],
)
def test_impossible_scenes_are_refused_in_words(change, message):
    with pytest.raises(ValidationError, match=message):
        SceneDistribution(**(SMALL | change))


def test_parameter_blocks_are_read_without_torch_numba_or_scipy():
    """A pipeline registry imports these blocks; heavy libraries wait until a scene is made."""
    code = (
        "import sys, hrtem_shift.pipelines.simulation.nodes;"
        "print([m for m in ('torch', 'numba', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
