"""Options of a scene, as parameters of a simulation: each changes what it says and nothing else."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
from hrtem_shift.execution.compute import Compute
from hrtem_shift.pipelines.simulation.exit_waves import plan_scenes, simulate_exit_waves
from hrtem_shift.pipelines.simulation.parameters import Simulation
from hrtem_shift.structures.scene_building import build_scene
from hrtem_shift.structures.scenes import SUPPORT
from hrtem_shift.tables import rows_of

SERIAL = Compute(executor="serial", device="cpu")
GOLD_A_NM = 0.40782
MOS2 = {"material": "MoS2", "thickness_nm": 1.23}


def simulation(particles=None, scene=None, **change):
    block = {
        "seed": 11,
        "data_sets": {"a": {"scenes": 1}},
        "scene": {
            "field_nm": 5.12,
            "particles": {"diameter_nm": 2.4, **(particles or {})},
            "carbon": {"thickness_nm": 0.8},
            **(scene or {}),
        },
        "multislice": {"pixels": 128, "slice_thickness_nm": 0.4},
        "imaging": {"dose_e_per_A2": 400},
    }
    return Simulation.model_validate(block | change)


def made(particles=None, **scene):
    """The first scene of a simulation, and the row of its table."""
    asked = simulation(particles, scene)
    row = rows_of(plan_scenes(asked, SERIAL))[0]
    return build_scene(asked.data_sets["a"].scene, row, asked.seed, "scene", "a", 0), row


def particle(scene):
    return scene.positions_nm[scene.object_id == 1]


@pytest.fixture(scope="module")
def plain():
    return made()


def test_options_that_are_off_leave_the_identity_of_a_scene_as_it_was():
    """A scene's id is made of this dump; its fields are those of before there were options."""
    off = {"orientation": None, "grains": None, "strain": [0, 0, 0], "vacancies": 0}
    dump = simulation(off, {"support": None}).data_sets["a"].scene.model_dump()
    assert set(dump) == {"field_nm", "sampler", "particles", "carbon", "contact_distance_nm"}
    before = {"count", "material", "shape", "diameter_nm", "planar_defects"}
    assert set(dump["particles"]) == before | {"gap_nm", "embedding_nm"}
    ids = [plan_scenes(simulation(given), SERIAL)["scene_id"][0] for given in (None, off)]
    assert ids[0] == ids[1]


def test_vacancies_are_so_many_atoms_less_and_all_others_stay(plain):
    scene, row = made({"vacancies": ["uniform", 0.1, 0.2]})
    before, after = particle(plain[0]), particle(scene)
    assert len(before) - len(after) == round(row["vacancies_1"] * len(before)) > 0
    assert set(map(tuple, after)) < set(map(tuple, before))


def test_switching_an_option_on_changes_no_draw_of_another():
    several = {"data_sets": {"a": {"scenes": 5}}}
    vacancies = {"vacancies": ["uniform", 0, 1]}
    more = vacancies | {"strain": [["normal", 0, 0.01], 0, 0], "grains": {"count": 2}}
    alone, among = (
        plan_scenes(simulation({"diameter_nm": 3.0, **given}, **several), SERIAL)
        for given in (vacancies, more)
    )
    shared = alone.columns.drop("scene_id")
    assert alone[shared].equals(among[shared])
    assert among["strain_x_1"].nunique() == 5


def test_substitution_changes_the_element_of_so_many_atoms(plain):
    scene, _ = made({"substitution": {"element": "Ag", "fraction": 0.25}})
    assert np.array_equal(scene.positions_nm, plain[0].positions_nm)
    assert (scene.atomic_numbers == 47).sum() == round(0.25 * len(particle(scene)))


def test_strain_stretches_lattice_and_outline(plain):
    scene, row = made({"strain": [0.04, 0, ["uniform", -0.03, -0.01]]})
    before, after = particle(plain[0]), particle(scene)
    expected = 1 + np.array([0.04, 0, row["strain_z_1"]])
    measured, *_ = np.linalg.lstsq(before - before.mean(0), after - after.mean(0))
    assert measured == pytest.approx(np.diag(expected), abs=1e-9)
    sizes = [np.subtract(*reversed(made_.particles[0].bounds_nm())) for made_ in (plain[0], scene)]
    assert sizes[1] / sizes[0] == pytest.approx(expected)


def test_grains_are_crystals_of_other_orientations_that_keep_apart():
    scene, row = made({"diameter_nm": 3.0, "grains": {"count": 3}})
    assert row["grains_1"] == 3
    wanted = {"diameter_nm": 3.0, "grains": {"count": ["uniform", 1, 3]}}
    counts = plan_scenes(simulation(wanted, data_sets={"a": {"scenes": 300}}), SERIAL)["grains_1"]
    assert set(counts) == {1, 2, 3} and counts.value_counts().min() > 70
    regions = scene.region[scene.object_id == 1]
    assert set(regions) == {1, 2, 3}
    grains = [particle(scene)[regions == k] for k in (1, 2, 3)]
    for k, grain in enumerate(grains):
        others = np.concatenate([other for j, other in enumerate(grains) if j != k])
        assert cKDTree(others).query(grain)[0].min() >= 0.8 * GOLD_A_NM / np.sqrt(2) - 1e-9
        inside = cKDTree(grain).query(grain, k=2)[0][:, 1]
        assert np.median(inside) == pytest.approx(GOLD_A_NM / np.sqrt(2), rel=1e-6)


def test_a_core_of_another_material_has_its_share_of_the_diameter():
    scene, row = made({"diameter_nm": 3.0, "core": {"material": "Ag", "diameter": 0.6}})
    atoms, silver = scene.object_id == 1, scene.atomic_numbers == 47
    centre_nm = np.mean(scene.particles[0].bounds_nm(), axis=0)
    away_nm = np.linalg.norm(scene.positions_nm - centre_nm, axis=1)
    assert row["core_diameter_1"] == 0.6
    assert away_nm[silver].max() <= 0.9 < away_nm[atoms & ~silver].min() + 0.1
    assert set(scene.region[silver]) == {1} and set(scene.region[atoms & ~silver]) == {2}


def test_two_grains_are_tilted_by_the_angle():
    """Sigma 5: the second grain is the first one turned by 36.87 degrees about [001]."""
    wanted = {"grains": {"tilt_degrees": 36.87}, "orientation": {"zone_axis": [0, 0, 1]}}
    scene, _ = made({"diameter_nm": 3.0, **wanted})
    regions = scene.region[scene.object_id == 1]
    angles = [rows_in_plane(particle(scene)[regions == k]) for k in (1, 2)]
    assert abs(angles[0] - angles[1]) % 90 == pytest.approx(36.87, abs=0.01) or abs(
        angles[0] - angles[1]
    ) % 90 == pytest.approx(90 - 36.87, abs=0.01)


def rows_in_plane(atoms):
    """Angle from x of a row of nearest neighbours across the beam, degrees in 0 ... 90."""
    near_nm = GOLD_A_NM / np.sqrt(2)
    pairs = cKDTree(atoms).query_pairs(1.01 * near_nm, output_type="ndarray")
    steps = atoms[pairs[:, 0]] - atoms[pairs[:, 1]]
    flat = steps[np.abs(steps[:, 2]) < 1e-6]
    return float(np.median(np.degrees(np.arctan2(flat[:, 1], flat[:, 0])) % 90))


@pytest.mark.parametrize("defects", [0, 1])
def test_a_preferred_zone_axis_lies_along_the_beam(defects):
    """Along [110] gold's atoms stand in columns a / sqrt(2) apart, twins or not."""
    wanted = {"orientation": {"zone_axis": [1, -1, 0]}, "planar_defects": defects}
    scene, row = made({"diameter_nm": 2.6, **wanted})
    atoms = particle(scene)
    columns = {tuple(np.round(xy, 3) + 0.0) for xy in atoms[:, :2]}
    assert len(columns) < len(atoms) / 4
    turn = Rotation.from_quat([row[f"q{axis}_1"] for axis in "xyzw"])
    assert np.abs(turn.apply([1, -1, 0]) / np.sqrt(2)) == pytest.approx([0, 0, 1], abs=1e-9)


def test_tilts_away_from_the_zone_axis_have_their_standard_deviation():
    wanted = {"orientation": {"zone_axis": [0, 0, 1], "tilt_std_degrees": 3}}
    table = plan_scenes(simulation(wanted, data_sets={"a": {"scenes": 400}}), SERIAL)
    turns = Rotation.from_quat(table[[f"q{axis}_1" for axis in "xyzw"]].to_numpy())
    x, y, z = turns.apply([0, 0, 1]).T
    assert np.degrees([x.std(), y.std()]) == pytest.approx([3, 3], rel=0.12)
    assert z.min() > 0.9


def test_adsorbates_keep_their_distance_and_are_no_part_of_the_particle(plain):
    full, _ = made({"adsorbates": {"molecule": "SC2H5"}})
    half, _ = made({"adsorbates": {"molecule": "SC2H5", "coverage": 0.5}})
    sulphur = [(scene.atomic_numbers == 16).sum() for scene in (full, half)]
    assert sulphur[0] > 20 and sulphur[1] == pytest.approx(sulphur[0] / 2, abs=3)
    assert np.array_equal(particle(full), particle(plain[0]))
    ligands = full.positions_nm[len(plain[0].positions_nm) :]
    assert set(full.object_id[len(plain[0].positions_nm) :]) == {SUPPORT}
    assert cKDTree(plain[0].positions_nm).query(ligands)[0].min() >= 0.2 - 1e-9
    assert full.size_nm[2] > plain[0].size_nm[2]


def test_a_crystal_takes_the_place_of_the_carbon_film():
    scene, row = made(support={**MOS2, "angle_degrees": ["uniform", 0, 60]})
    support = scene.object_id == SUPPORT
    assert row["carbon_thickness_nm"] == 0 and 0 <= row["support_angle_degrees"] <= 60
    assert set(scene.atomic_numbers[support]) == {16, 42}
    assert len(set(np.round(scene.positions_nm[support & (scene.atomic_numbers == 42), 2], 6))) == 2
    top_nm = scene.positions_nm[support, 2].max()
    low_nm, _ = scene.particles[0].bounds_nm()
    assert low_nm[2] - top_nm == pytest.approx(0.2, abs=1e-5)


@pytest.mark.parametrize("shape", ["island", "winterbottom"])
def test_islands_lie_with_111_on_the_support_along_its_rows(shape):
    scene, row = made({"shape": [shape]}, support={**MOS2, "angle_degrees": 10})
    heights = np.unique(np.round(particle(scene)[:, 2], 4))
    assert np.diff(heights) == pytest.approx(GOLD_A_NM / np.sqrt(3), abs=2e-4)
    turn = Rotation.from_quat([row[f"q{axis}_1"] for axis in "xyzw"])
    x, y, z = turn.apply([1, -1, 0])
    assert np.degrees(np.arctan2(y, x)) % 180 == pytest.approx(10)
    assert z == pytest.approx(0, abs=1e-9)
    atoms = particle(scene)
    steps = atoms - atoms[0]
    rows = steps[np.isclose(np.linalg.norm(steps, axis=1), GOLD_A_NM / np.sqrt(2))]
    flat = rows[np.abs(rows[:, 2]) < 1e-6]
    angles = np.degrees(np.arctan2(flat[:, 1], flat[:, 0])) % 60
    assert angles == pytest.approx(np.full(len(angles), 10), abs=1e-6)


def test_every_option_together_makes_waves_and_masks(tmp_path):
    particles = {
        "orientation": {"zone_axis": [1, 1, 1], "tilt_std_degrees": 1},
        "grains": {"count": ["uniform", 1, 2]},
        "strain": [0.01, 0, 0],
        "substitution": {"element": "Ag", "fraction": 0.1},
        "vacancies": 0.02,
        "adsorbates": {"molecule": "CO", "height_nm": 0.2},
    }
    asked = simulation(particles, {"support": {"material": "C_graphite", "thickness_nm": 0.3}})
    waves = ExitWaveStore(tmp_path)
    table = simulate_exit_waves(plan_scenes(asked, SERIAL), asked, SERIAL, waves)
    assert {"strain_x_1", "substituted_1", "coverage_1", "grains_1"} <= set(table)
    arrays, _ = waves.get(table["scene_id"][0])
    assert np.isfinite(arrays["wave"]).all()
    assert 0.1 < (arrays["instance"] == 1).mean() < 0.3


@pytest.mark.parametrize(
    ("particles", "scene", "message"),
    [
        ({"vacancies": 1.2}, {}, "it goes from 1.2 to 1.2 and is a share"),
        ({"strain": [0.5, 0, 0]}, {}, "above 0.2 a lattice is another one"),
        ({"substitution": {"element": "Xx", "fraction": 0.1}}, {}, "Xx"),
        ({"adsorbates": {"molecule": "SC6H14"}}, {}, "did you mean 'SC6H13'"),
        ({"adsorbates": {"molecule": "CO", "height_nm": 0.1}}, {}, "no molecule would find room"),
        ({"grains": {"count": 8}}, {}, "smaller than 1 nm³"),
        ({"grains": {"count": 3, "tilt_degrees": 10}}, {}, "between two grains"),
        (
            {"grains": {"count": 2}, "planar_defects": 1},
            {},
            "with planar_defects is built",
        ),
        ({"grains": {"count": 2}, "core": {"material": "Ag", "diameter": 0.5}}, {}, "or a core"),
        ({"core": {"material": "Ag", "diameter": 0.2}}, {}, "at least 0.8 nm wide"),
        ({"core": {"material": "Silver", "diameter": 0.5}}, {}, "no material 'Silver'"),
        ({"grains": {"count": 2}, "shape": ["icosahedron"]}, {}, "grains: icosahedron"),
        ({"shape": ["island"], "orientation": {"zone_axis": [1, 1, 0]}}, {}, "leave out orient"),
        ({"orientation": {"zone_axis": [0, 0, 0]}}, {}, "no direction"),
        ({}, {"support": {"material": "MoS3", "thickness_nm": 1}}, "did you mean 'MoS2'"),
        ({}, {"support": {**MOS2, "direction": [0, 0, 1]}}, "does not lie in the plane"),
        ({}, {"support": {**MOS2, "thickness_nm": 0.1}}, "No atom"),
        ({"material": ["Si"], "shape": ["island"]}, {}, "no island of Si"),
    ],
)
def test_what_cannot_be_built_is_refused_before_work_starts(particles, scene, message):
    with pytest.raises(ValidationError, match=message):
        simulation(particles, scene)
