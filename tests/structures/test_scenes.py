import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.spatial import cKDTree

from hrtem_shift.structures.scenes import (
    Scene,
    SceneDistribution,
    Sphere,
    draw_scene,
    projected_thickness_nm,
)

SMALL = SceneDistribution(
    field_nm=3.6,
    particle_diameter_nm_mean=2.4,
    particle_diameter_nm_std=0.3,
    carbon_thickness_nm=1.0,
)


def small_scene(seed=0, **changes):
    return draw_scene(SMALL.model_copy(update=changes), np.random.default_rng(seed))


def periodic_gap_nm(scene):
    film = scene.positions_nm[scene.object_id == 0]
    particle = scene.positions_nm[scene.object_id == 1].copy()
    particle[:, :2] %= scene.size_nm[0]
    tree = cKDTree(particle, boxsize=(scene.size_nm[0], scene.size_nm[1], 0))
    return tree.query(film)[0].min()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_scene_keeps_its_promises(seed):
    scene = small_scene(seed)
    (sphere,) = scene.particles
    particle_nm = scene.positions_nm[scene.object_id == 1]
    assert abs(sphere.diameter_nm - 2.4) <= 0.6 + 1e-9  # 2 SD
    radius_nm = sphere.diameter_nm / 2
    for centre_nm in sphere.centre_nm[:2]:
        assert radius_nm <= centre_nm <= 3.6 - radius_nm
    assert np.linalg.norm(particle_nm - sphere.centre_nm, axis=1).max() <= radius_nm + 1e-12
    assert periodic_gap_nm(scene) >= 0.2
    assert (scene.positions_nm[:, 2] >= 0).all()
    assert (scene.positions_nm[:, 2] <= scene.size_nm[2]).all()
    assert np.array_equal(scene.atomic_numbers == 79, scene.object_id == 1)


def test_the_particle_touches_the_film():
    """Contact, not a gap: some carbon stays within an atom's width of the distance."""
    assert periodic_gap_nm(small_scene()) < 0.3


def test_a_deeper_particle_pushes_carbon_out():
    film_atoms = [
        (small_scene(embedding_nm=depth_nm).object_id == 0).sum() for depth_nm in (0.0, 0.4, 0.8)
    ]
    assert film_atoms[0] > film_atoms[1] > film_atoms[2]


def test_a_larger_contact_distance_removes_more_carbon():
    assert periodic_gap_nm(small_scene(contact_distance_nm=0.35)) >= 0.35


def test_contact_is_measured_across_the_border():
    """A half-sunk sphere as wide as the field is near carbon on the other side as well."""
    filled = SceneDistribution(
        field_nm=2.4,
        particle_diameter_nm_mean=2.4,
        particle_diameter_nm_std=0,
        carbon_thickness_nm=2,
        embedding_nm=1.4,
    )
    for seed in range(5):
        assert periodic_gap_nm(draw_scene(filled, np.random.default_rng(seed))) >= 0.2


def test_a_scene_depends_on_its_seed_alone():
    first, again, other = small_scene(1), small_scene(1), small_scene(2)
    assert np.array_equal(first.positions_nm, again.positions_nm)
    assert first.particles == again.particles
    assert first.particles != other.particles


def test_thickness_is_the_chord_of_the_sphere():
    """Known answer: diameter at the centre, and volume as the integral (pi d³/6)."""
    scene = Scene(
        (4.0, 4.0, 3.0),
        np.empty((0, 3)),
        np.empty(0, int),
        np.empty(0, int),
        (Sphere((2.5, 1.5, 1.5), 2.0),),
    )
    thickness_nm = projected_thickness_nm(scene, 400)
    assert thickness_nm.dtype == np.float32
    assert thickness_nm[150, 250] == pytest.approx(2.0)  # (y, x), sample i at i * 0.01 nm
    assert thickness_nm.sum() * 0.01**2 == pytest.approx(np.pi / 6 * 2**3, rel=1e-3)
    assert (thickness_nm > 0).sum() * 0.01**2 == pytest.approx(np.pi, rel=1e-2)


def test_thicknesses_of_several_particles_add():
    spheres = (Sphere((1.0, 1.0, 1.0), 1.5), Sphere((1.5, 1.0, 3.0), 1.2))

    def thickness_nm(*particles):
        empty = np.empty(0, int)
        return projected_thickness_nm(
            Scene((3.0, 3.0, 4.0), np.empty((0, 3)), empty, empty, particles), 60
        )

    np.testing.assert_allclose(
        thickness_nm(*spheres), thickness_nm(spheres[0]) + thickness_nm(spheres[1]), atol=1e-6
    )


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"field_nm": 5.0}, "do not fit into a field_nm of 5"),
        ({"field_nm": -1}, "greater than 0"),
        ({"particle_diameter_nm_std": 2.2}, "smaller than 1 nm"),
        ({"embedding_nm": 3.5}, "deeper than the film"),
        ({"material": "Gold"}, "no crystal 'Gold'"),
        ({"feild_nm": 10}, "did you mean 'field_nm'"),
        ({"field_nm": float("inf")}, "finite"),
    ],
)
def test_impossible_scenes_are_refused_in_words(block, message):
    with pytest.raises(ValidationError, match=message):
        SceneDistribution(**block)


def test_parameter_blocks_are_read_without_torch_numba_or_scipy():
    """A pipeline registry imports these blocks; heavy libraries wait until a scene is made."""
    code = (
        "import sys\n"
        "import hrtem_shift.structures.scenes, hrtem_shift.microscope.multislice\n"
        "import hrtem_shift.microscope.imaging, hrtem_shift.microscope.detector\n"
        "print(sorted({'torch', 'numba', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
