"""A database is a parameter file: same bytes however it is run, every parameter in a table."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from kedro.config import OmegaConfigLoader
from PIL import Image

from hrtem_shift import settings
from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
from hrtem_shift.catalog.micrograph_folders import MicrographFolders
from hrtem_shift.execution.compute import Compute
from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.parameters import faults_of
from hrtem_shift.pipelines.simulation.exit_waves import plan_scenes, simulate_exit_waves
from hrtem_shift.pipelines.simulation.nodes import plan_images, record_micrographs
from hrtem_shift.pipelines.simulation.parameters import Simulation, merged
from hrtem_shift.structures.quantities import limits

ROOT = Path(__file__).parents[2]
VARIED = """
compute: {executor: serial}
simulation:
  only: dose_*
  data_sets:
    dose_884: {scenes: 4}
    dose_423: {scenes: 4, scenes_from: dose_884, session: {illumination_drop: [uniform, 0, 0.4]}}
    dose_80: {scenes: 4, sessions: 2, session: {defocus_nm: [uniform, -20, 20]}}
  images_per_scene: 2
  label_rule: projected_atoms
  scene:
    field_nm: 6.4
    sampler: sobol
    particles:
      count: [uniform, 1, 2]
      material: [[Au, 0.7], [Ag, 0.3]]
      shape: [sphere, truncated_octahedron, icosahedron]
      diameter_nm: [uniform, 1.5, 1.8]
      gap_nm: 0.5
    carbon: {thickness_nm: [uniform, 0.8, 1.5], roughness_rms_nm: 0.05}
  multislice: {pixels: 160, slice_thickness_nm: 0.4, phonon_configurations: 2}
  imaging_sampler: latin_hypercube
  imaging: {c12_nm: [uniform, 0, 3], c12_azimuth_deg: [uniform, 0, 180]}
"""


def simulate(project):
    done = project.run("--pipeline=simulation", env="varied")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def simulated(new_project):
    """A project whose database was made once, undisturbed, in one process."""
    project = new_project()
    project.environment_of("varied", VARIED)
    simulate(project)
    return project


def contents(project):
    """Every file but the list of where folders lie.

    What a kill left half-written has a hidden name, and is never read.
    """
    root = project.folder / "data" / "01_raw"
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and ".part" not in str(path) and path.name != "folders.csv"
    }


def waves(project):
    return list((project.folder / "data/01_raw/exit_waves").glob("[!.]*.zarr"))


def images(project):
    return list((project.folder / "data/01_raw/simulated").glob(".*/images/[!.]*.tif"))


@pytest.mark.slow
def test_one_process_four_workers_and_a_killed_run_give_the_same_bytes(simulated, project):
    expected = contents(simulated)
    assert len(waves(simulated)) == 8 and not images(simulated)
    assert sum(name.endswith(".tif") for name in expected) == 24

    in_four = "compute: {executor: processes, workers: 4}"
    project.environment_of("varied", VARIED.replace("compute: {executor: serial}", in_four))
    project.run_and_kill("simulation", lambda: len(waves(project)) >= 2, env="varied")
    assert 2 <= len(waves(project)) < 8
    project.run_and_kill("simulation", lambda: len(images(project)) >= 2, env="varied")
    assert len(waves(project)) == 8 and images(project)
    simulate(project)
    assert contents(project) == expected


SMALL = {
    "seed": 5,
    "data_sets": {"a": {"scenes": 2}},
    "scene": {
        "field_nm": 2.56,
        "particles": {"diameter_nm": 1.5},
        "carbon": {"thickness_nm": 0.6},
    },
    "multislice": {"pixels": 64, "slice_thickness_nm": 0.4},
    "imaging": {"defocus_nm": ["normal", 5, 2], "dose_e_per_A2": 400},
}
"""Two scenes that take a fraction of a second."""


def parameters(**change):
    return Simulation.model_validate(SMALL | change)


def test_a_set_states_what_differs():
    own = {"scene": {"carbon": {"thickness_nm": 1}}, "imaging": {"defocus_nm": -3}, "scenes": 1}
    sets = {"a": {"scenes": 2}, "b": own, "gone": None}
    simulation = parameters(data_sets=sets, images_per_scene=4)
    a, b = simulation.data_sets["a"], simulation.data_sets["b"]
    assert set(simulation.data_sets) == {"a", "b"}
    assert (a.images_per_scene, b.images_per_scene) == (4, 4)
    assert b.scene.carbon.thickness_nm == 1 and b.scene.field_nm == 2.56
    assert b.imaging == {"defocus_nm": -3, "dose_e_per_A2": 400}
    assert a.scene.carbon.thickness_nm == 0.6 and a.imaging["defocus_nm"].mean == 5


def test_a_quantity_may_move_from_image_to_session():
    sets = {"a": {"scenes": 2, "session": {"defocus_nm": ["uniform", 0, 9]}}}
    (one,) = parameters(data_sets=sets).data_sets.values()
    assert set(one.imaging) == {"dose_e_per_A2"} and set(one.session) == {"defocus_nm"}


def test_only_some_sets_are_made():
    sets = {"dose_1": {"scenes": 1}, "dose_2": {"scenes": 1}, "size_1": {"scenes": 1}}
    sets["size_2"] = {"scenes": 1, "scene": {"field_nm": 1.0}}  # impossible, and not asked for
    assert list(parameters(data_sets=sets, only="dose_*").data_sets) == ["dose_1", "dose_2"]


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({"imaging": {"defocus_nm": 1}}, {"imaging.dose_e_per_A2"}),
        ({"multislice": {"pixels": 40}, "sessions": 3}, {"multislice.pixels", "sessions"}),
        ({"data_sets": {"a": {"scenes": 1}, "b": {"scenes": 0}}}, {"data_sets.b.scenes"}),
        (
            {"data_sets": {"a": {"scenes": 1}, "b": {"scenes": 1, "imaging": {"cs_mn": 1}}}},
            {"data_sets.b.imaging.cs_mn"},
        ),
        ({"zero_defocus": "scherzer"}, {"zero_defocus"}),
        ({"only": "c*"}, {""}),
        ({"sceens": 1}, {""}),
        ({"data_sets": {"../a": {"scenes": 1}}}, {"data_sets.../a.[key]"}),
    ],
)
def test_a_fault_is_named_once_and_where_it_was_given(change, places):
    """In the common block, however many sets inherit it; in a set only when it says so itself."""
    two = {"data_sets": {"a": {"scenes": 2}, "b": {"scenes": 2}}}
    found = [fault.where for fault in faults_of("simulation", SMALL | two | change, Simulation)]
    assert sorted(found) == sorted(f"simulation.{place}".rstrip(".") for place in places)


@pytest.mark.parametrize("dose", [0, -1, ["uniform", -3, 5]])
def test_an_impossible_common_quantity_is_refused_though_every_set_states_its_own(dose):
    own = {"scenes": 1, "imaging": {"dose_e_per_A2": 80}}
    given = SMALL | {
        "data_sets": {"a": own, "b": own},
        "imaging": {**SMALL["imaging"], "dose_e_per_A2": dose},
    }
    (fault,) = faults_of("simulation", given, Simulation)
    assert fault.where == "simulation.imaging.dose_e_per_A2"


class Made:
    """What the nodes make of parameters, in a folder."""

    def __init__(self, simulation, folder):
        serial = Compute(executor="serial", device="cpu")
        self.waves, self.folders = ExitWaveStore(folder / "w"), MicrographFolders(folder / "m")
        plan = plan_scenes(simulation, serial)
        self.exit_waves = simulate_exit_waves(plan, simulation, serial, self.waves)
        self.images = plan_images(self.exit_waves, simulation)
        record_micrographs(self.images, serial, self.waves, self.folders)

    def pixels(self, name):
        data_set = self.images.set_index("micrograph")["data_set"][name]
        return tifffile.imread(self.folders.folder(data_set) / "images" / f"{name}.tif")

    def mask(self, data_set, scene):
        name = f"{data_set}_{scene}.png"
        return np.asarray(Image.open(self.folders.folder(data_set) / "masks" / name)) > 0


def test_the_table_holds_all_that_was_drawn(simulated):
    table = pd.read_parquet(simulated.folder / "data/01_raw/simulated/images.parquet")
    block = yaml.safe_load(VARIED)["simulation"]
    assert len(table) == 24 and not table["micrograph"].duplicated().any()
    assert set(ImagingConditions.model_fields) <= set(table)
    assert set(table["shape_1"]) <= set(block["scene"]["particles"]["shape"])
    assert table["diameter_nm_1"].between(1.5, 1.8).all()
    assert set(table["particles"]) == {1, 2}
    assert table["carbon_thickness_nm"].between(0.8, 1.5).all()
    assert (table["n_atoms"] > 100).all() and (table["seed"] == 2306).all()
    assert (table[list(block["multislice"])] == list(block["multislice"].values())).all(axis=None)
    (distribution,) = map(json.loads, table["scene_distribution"].unique())
    assert distribution["carbon"]["roughness_rms_nm"] == 0.05
    of_set = table.groupby("data_set")
    assert of_set["dose_e_per_A2"].unique().map(list).to_dict() == {
        "dose_423": [423],
        "dose_80": [80],
        "dose_884": [884],
    }
    assert of_set["defocus_nm"].nunique().to_dict() == {"dose_884": 8, "dose_423": 8, "dose_80": 2}
    assert of_set["illumination_drop"].max()[["dose_884", "dose_80"]].tolist() == [0, 0]
    assert of_set["c12_nm"].nunique().tolist() == [8, 8, 8]

    metadata = pd.read_csv(simulated.folder / "data/01_raw/simulated/dose_80/metadata.csv")
    assert (metadata["label_rule"] == "projected_atoms").all()
    assert set(metadata["scene_id"]) <= set(table["scene_id"])
    assert {"defocus_nm", "c12_nm", "dose_e_per_A2", "session"} <= set(metadata)
    assert not {"c56_mm", "scatter_std_px"} & set(metadata)  # off in every image


def test_sets_that_share_scenes_share_waves_masks_and_folds(tmp_path):
    sets = {
        "low": {"scenes": 2, "scenes_from": "s", "imaging": {"dose_e_per_A2": 20}},
        "high": {"scenes": 2, "scenes_from": "s", "imaging": {"defocus_nm": -30}},
        "own": {"scenes": 2},
    }
    made = Made(parameters(data_sets=sets), tmp_path)
    ids = made.exit_waves.groupby("data_set")["scene_id"].agg(list)
    assert ids["low"] == ids["high"] and not set(ids["low"]) & set(ids["own"])
    assert len(list((tmp_path / "w").iterdir())) == 4
    groups = made.images.groupby("data_set")["group"].agg(list)
    assert groups["low"] == groups["high"] and not set(groups["low"]) & set(groups["own"])
    # A mask does not know how its particle was imaged.
    for scene in ("0000", "0001"):
        assert np.array_equal(made.mask("low", scene), made.mask("high", scene))
        assert not np.array_equal(made.pixels(f"low_{scene}"), made.pixels(f"high_{scene}"))


def test_the_camera_keeps_its_gains_for_a_session(tmp_path):
    """At a dose where nothing else differs, pixels agree within a session, not across two."""
    imaging = {"defocus_nm": 5, "dose_e_per_A2": 1e7, "gain_error_std": 0.1}
    sets = {"a": {"scenes": 1, "scenes_from": "s"}, "b": {"scenes": 1, "scenes_from": "s"}}
    made = Made(parameters(data_sets=sets, imaging=imaging, images_per_scene=2), tmp_path)
    first = made.pixels("a_0000_0000")
    assert np.std(made.pixels("a_0000_0001") / first) < 0.01
    assert np.std(made.pixels("b_0000_0000") / first) > 0.1


def ids(**change):
    return set(plan_scenes(parameters(**change), Compute())["scene_id"])


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"multislice": {"pixels": 64, "slice_thickness_nm": 0.3}},
        {"multislice": {"pixels": 64, "slice_thickness_nm": 0.4, "beam_tilt_x_mrad": 1}},
        {"label_rule": "projected_atoms"},
        {"zero_defocus": "minimum_contrast"},
    ],
)
def test_what_decides_a_wave_decides_its_name(change):
    assert not ids() & ids(**change)


def test_what_comes_after_the_wave_does_not_decide_its_name():
    later = {"images_per_scene": 3, "imaging": {"defocus_nm": 0, "dose_e_per_A2": 5}}
    assert ids() == ids(**later) <= ids(**later, data_sets={"a": {"scenes": 5}})


def test_defocus_counts_from_minimum_contrast_where_asked(tmp_path):
    imaging = {"defocus_nm": 5, "dose_e_per_A2": 1e6}
    exit_plane = Made(parameters(imaging=imaging), tmp_path / "e")
    calibrated = parameters(imaging=imaging, zero_defocus="minimum_contrast")
    made = Made(calibrated, tmp_path / "c")
    assert (exit_plane.images["zero_defocus_nm"] == 0).all()
    zero_nm = made.images["zero_defocus_nm"]
    assert zero_nm.between(0.2, 1.3).all()  # in the particle of 1.5 nm that ends the scene
    from_exit = parameters(imaging=imaging | {"defocus_nm": 5 + zero_nm[0]})
    same = Made(from_exit, tmp_path / "s")
    np.testing.assert_array_equal(same.pixels("a_0000"), made.pixels("a_0000"))


def test_phonons_keep_their_axis_in_the_store(tmp_path):
    settings = {"pixels": 64, "slice_thickness_nm": 0.4, "phonon_configurations": 3}
    made = Made(parameters(multislice=settings), tmp_path)
    arrays, attributes = made.waves.get(made.exit_waves["scene_id"][0])
    assert arrays["wave"].shape == (3, 64, 64) and arrays["wave"].dtype == np.complex64
    assert attributes["phonon_configurations"] == 3
    assert made.pixels("a_0000").shape == (64, 64)


@pytest.fixture(scope="module")
def published():
    """The block `simulation` of the environment `paper`."""
    loader = OmegaConfigLoader(str(ROOT / "conf"), env="paper", **settings.CONFIG_LOADER_ARGS)
    return loader["parameters"]["simulation"]


def test_the_published_series_are_complete(published):
    sets = Simulation.model_validate(published).data_sets
    of_base = ("fidelity", "session", "imaging", "curation")
    sets = {name: block for name, block in sets.items() if not name.startswith(of_base)}
    series = Counter(re.split("_small|_large|_[^_]+$", name)[0] for name in sets)
    lattices = {name: count for name, count in series.items() if name.startswith("lattice")}
    assert list(lattices.values()) == [2] * 9
    assert {name: count for name, count in series.items() if name not in lattices} == {
        "cdse_defocus": 11,
        "cdse_dose": 5,
        "dose": 3,
        "magnification": 4,
        "size": 3,
        "material": 3,
    }
    for name, one in sets.items():
        simulated = name.startswith(("lattice", "cdse"))
        assert one.zero_defocus == ("minimum_contrast" if simulated else "exit_plane")
        assert one.imaging["spot_std_px"] == (0 if simulated else 0.7232)
        if simulated:
            assert one.scene.field_nm / one.multislice.pixels == pytest.approx(0.02)
            assert limits(one.scene.particles.count) == (1, 5)
    assert {one.scenes_from for name, one in sets.items() if name.startswith("cdse")} == {"cdse"}
    pixels = [sets[f"magnification_{pm}pm"] for pm in (20, 26, 33, 42)]
    assert [round(one.scene.field_nm / one.multislice.pixels, 6) for one in pixels] == [
        *(0.02, 0.026, 0.033, 0.042)
    ]


def test_a_small_scene_of_each_published_series_runs(published, tmp_path):
    small = {
        "scenes": 1,
        "scene": {
            "field_nm": 4.0,
            "particles": {"count": 1, "diameter_nm": 3.0, "planar_defects": 0},
            "carbon": {"thickness_nm": 0.8},
        },
        "multislice": {"pixels": 80, "phonon_configurations": 1, "slice_thickness_nm": 0.4},
    }
    chosen = "_small|cdse_defocus_0|cdse_dose_30$|^dose_80|_42pm|size_2p2nm|material_Ag"
    sets = {
        name: merged(one, small)
        for name, one in published["data_sets"].items()
        if re.search(chosen, name)
    }
    made = Made(Simulation.model_validate(published | {"data_sets": sets}), tmp_path)
    assert len(made.images) == len(sets) == 15
    for name in sets:
        pixels = made.pixels(f"{name}_0000")
        dose = made.images.set_index("data_set")["dose_e_per_A2"][name]
        assert pixels.mean() == pytest.approx(dose * 0.5**2, rel=0.15)
        assert 0.05 < made.mask(name, "0000").mean() < 0.6
