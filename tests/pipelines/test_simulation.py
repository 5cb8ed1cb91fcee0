"""Simulated data are the same bytes from one worker or four, whole or resumed after a kill."""

import hashlib

import pandas as pd
import pytest
import yaml

VARIED = """
simulation:
  data_sets:
    dose_884: {scenes: 6}
    dose_423: {scenes: 6}
    dose_80: {scenes: 6}
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
  multislice: {pixels: 160, slice_thickness_nm: 0.4}
"""


@pytest.fixture
def varied(project):
    folder = project.folder / "conf" / "varied"
    folder.mkdir()
    (folder / "parameters.yml").write_text(VARIED)
    return project


def simulate(project, *parameters):
    given = [f"--params={','.join(parameters)}"] if parameters else []
    done = project.run("--pipeline=simulation", *given, env="varied")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def contents(project):
    root = project.folder / "data" / "01_raw"
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def waves(project):
    return list((project.folder / "data/01_raw/exit_waves").glob("[!.]*.zarr"))


def test_four_workers_one_worker_and_a_killed_run_give_the_same_bytes(varied):
    simulate(varied, "compute.workers=4")
    expected = contents(varied)
    assert len(waves(varied)) == 18

    for path in sorted((varied.folder / "data").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    varied.run_and_kill("simulation", lambda: len(waves(varied)) >= 3, env="varied")
    assert 3 <= len(waves(varied)) < 18
    simulate(varied, "compute.executor=serial")
    assert contents(varied) == expected


def test_the_table_holds_all_that_was_drawn(varied):
    simulate(varied, "compute.executor=serial")
    table = pd.read_parquet(varied.folder / "data/01_raw/simulated/exit_waves.parquet")
    drawn = yaml.safe_load(VARIED)["simulation"]["scene"]["particles"]
    assert set(table["shape_1"]) <= set(drawn["shape"])
    assert table["diameter_nm_1"].between(1.5, 1.8).all()
    assert set(table["particles"]) == {1, 2}
    assert table["carbon_thickness_nm"].between(0.8, 1.5).all()
    assert (table["label_rule"] == "projected_atoms").all()
    assert (table["n_atoms"] > 100).all()
    metadata = pd.read_csv(varied.folder / "data/01_raw/simulated/dose_80/metadata.csv")
    assert (metadata["label_rule"] == "projected_atoms").all()
    assert set(metadata["scene_id"]) <= set(table["scene_id"])
