"""Networks for particles through the real command line, at toy size."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pandas as pd
import pytest
import torch

from hrtem_shift.catalog.network_store import NetworkStore
from hrtem_shift.networks.weights import network_from
from hrtem_shift.reliability.alterations import ALTERATIONS
from hrtem_shift.segmentation.package import read_package

TOY = """
simulation:
  data_sets:
    lattice:
      scenes: 3
      scene:
        field_nm: 3.2
        particles: {count: 1, diameter_nm: 1.6, shape: [sphere], material: [Au]}
        carbon: {generator: hard_spheres, thickness_nm: 1.0, roughness_rms_nm: 0.0}
      multislice: {pixels: 64, slice_thickness_nm: 0.4, phonon_configurations: 0}
      imaging: {dose_e_per_A2: [uniform, 500, 1500], defocus_nm: [uniform, 20, 60]}
particle_networks:
  networks: 2
  lattice: {lattice: 1.0}
  validation_samples: 4
  recipe: {steps: 4, batch_size: 2, patch_px: 64, steps_per_row: 2, warmup_steps: 2}
"""


@pytest.fixture(scope="module")
def project(new_project):
    made = new_project()
    made.environment_of("toy", TOY)
    return made


@pytest.fixture(scope="module")
def trained(project):
    done = project.run("--pipeline=particle_networks", env="toy")
    assert done.returncode == 0, done.stdout + done.stderr
    return pd.read_csv(project.folder / "data/06_models/particle_networks/networks.csv")


def test_each_network_is_stored_with_its_curve(project, trained):
    store = NetworkStore(project.folder / "data/06_models/networks")
    assert len(trained) == 2 and trained["weights"].nunique() == 2
    for run_id in trained["run_id"]:
        record = store.record(run_id)
        assert [row["step"] for row in record["curve"]] == [2, 4]
        network = network_from(store.weights(run_id))
        with torch.inference_mode():
            assert network(torch.zeros(1, 1, 64, 64)).shape == (1, 2, 64, 64)
    assert not [*store.checkpoints.glob("particles_*")]


def test_each_network_is_a_run_in_mlflow(project, trained):
    logged = """
        SELECT tags.value, latest_metrics.value FROM tags JOIN latest_metrics USING (run_uuid)
        WHERE tags.key = 'run_id' AND latest_metrics.key = 'validation_loss'
    """
    with closing(sqlite3.connect(project.folder / "data/mlflow.db")) as database:
        losses = dict(database.execute(logged).fetchall())
    expected = trained.set_index("run_id")["validation_loss"].to_dict()
    assert losses == pytest.approx(expected)


def test_a_second_run_trains_nothing(project, trained):
    done = project.run("--pipeline=particle_networks", env="toy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 planned, 0 to train" in done.stdout + done.stderr
    again = pd.read_csv(project.folder / "data/06_models/particle_networks/networks.csv")
    pd.testing.assert_frame_equal(again, trained)


def test_networks_are_packaged_with_what_they_were_not_trained_on(project, trained):
    out = project.folder / "package"
    command = ["package", *trained["run_id"], "--env=toy", "--drawn=2", f"--out={out}"]
    done = subprocess.run(
        [sys.executable, "-m", "hrtem_shift", *command],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    package = read_package(out)
    assert package.description.scales and package.description.domain.pixel_size_nm is None
    evidence = package.evidence
    assert set(evidence["data_set"]) <= {"lattice", "drawn", "drawn_usual", *ALTERATIONS}
    assert evidence["usual"].any() and evidence["scale"].nunique() > 1
    stored = sum(file.stat().st_size for file in out.glob("*.safetensors"))
    assert stored < 24 * 2**20 / 5 * len(trained)


def test_an_unknown_lattice_set_is_named_before_anything_is_simulated(project):
    given = "--params=particle_networks.lattice.latice=1.0"
    done = project.run("--pipeline=particle_networks", given, env="toy")
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "there is no data set 'latice'; did you mean 'lattice'?" in " ".join(output.split())
    assert "Traceback" not in output
