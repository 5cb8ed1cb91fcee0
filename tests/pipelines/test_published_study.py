"""The published study, rehearsed: fetched, prepared, trained and reported from a miniature."""

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from hostile_server import serving
from published_miniature import published_files

from hrtem_shift.training.recipe import Recipe

ROOT = Path(__file__).parents[2]


def made_small(project, env):
    """Parameters of an environment at a size that ends in seconds; the rest stays as it is."""
    path = project.folder / "conf" / env / "parameters_dose_study.yml"
    given = yaml.safe_load(path.read_text())
    study = given["dose_study"]
    study["preparation"]["patch_px"] = 64
    study["recipe"] |= {"epochs": 1, "patches_per_epoch": 8, "batch_size": 8}
    study["noise"][0] |= {"rho": [0, 1.0], "rho_max": [1.0]}
    path.write_text(yaml.safe_dump(given))


def run_well(project, *arguments, env):
    done = project.run("--pipeline=dose_study", *arguments, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_the_published_study_runs_from_the_network_to_the_report(project):
    files = published_files()
    made_small(project, "experimental")
    with serving() as server:
        server.files |= files
        given = ",".join(
            [
                "compute.executor=serial",
                f"ingestion.base_url={server.address}",
                f"ingestion.metadata_url={server.address}/Dataset_metadata.csv",
                "ingestion.metadata_sha256="
                + hashlib.sha256(files["Dataset_metadata.csv"]).hexdigest(),
            ]
        )
        said = run_well(project, f"--params={given}", env="experimental")
        asked = len(server.asked)
        again = run_well(project, f"--params={given}", env="experimental")
    assert asked == 1 + 2 * 16 == len(server.asked)  # silver was not asked for, nothing twice
    assert "Exit waves: 0 planned" in said and "3 to cut" in said
    assert "0 to cut" in again and "0 to train" in again
    data = project.folder / "data"
    inventory = pd.read_parquet(data / "02_intermediate" / "dose_study" / "inventory.parquet")
    assert inventory["data_set"].value_counts().to_dict() == {
        "Au_5nm_330kx_884e": 6,
        "Au_5nm_330kx_423e": 5,
        "Au_5nm_330kx_80e": 5,
    }
    preparation = pd.read_csv(project.reports / "dose_study" / "preparation.csv")
    assert preparation["xrays_px"].sum() == 16
    drop = 1 - preparation["light_low_counts"] / preparation["light_high_counts"]
    assert drop.between(0.1, 0.2).all()
    report = (project.reports / "dose_study" / "report.html").read_text()
    assert "as published: neighbours" in report and "hard-sphere carbon" not in report
    sums = (data / "01_raw" / "recorded" / "hrtem_generalization" / "SHA256SUMS").read_text()
    assert "on C/Ultrathin Carbon/Labels/Au_UTC_330kx_00_label.png" in sums
    curves = "noise_curves/Au_5nm_330kx_884e"
    for name in ("preparation", "preparation_steps", "matrix/all", curves, "noise_matching"):
        assert (project.reports / "dose_study" / f"{name}.png").is_file()


@pytest.mark.slow
def test_the_published_patches_run_from_their_files_to_the_report(project, tmp_path):
    draw = np.random.default_rng(0)
    for dose, count in ((884, 12), (423, 11), (80, 10)):
        labels = np.zeros((count, 64, 64))
        labels[:, 20:40, 20:40] = 1
        images = draw.normal(size=labels.shape) - labels
        name = f"Au_5nm_330kx_{dose}e_Std_UTC_FFCorr_Team05"
        for key, array in (("images", images), ("labels", labels)):
            with h5py.File(tmp_path / f"{name}_{key.title()}.h5", "w") as file:
                file[key] = array
    made_small(project, "published_patches")
    given = f"--params=ingestion.root={tmp_path},compute.executor=serial"
    run_well(project, given, env="published_patches")
    matrix = pd.read_csv(project.reports / "dose_study" / "matrix.csv")
    assert len(matrix) == 3 * 3 and (matrix["n"] == 5).all() and matrix["hard_dice"].notna().all()
    index = pd.read_parquet(
        project.folder / "data/05_model_input/dose_study/Au_5nm_330kx_884e/index.parquet"
    )
    assert index["fold"].tolist() == [0] * 3 + [1] * 3 + [2] * 2 + [3] * 2 + [4] * 2


@pytest.mark.parametrize("env", ["experimental", "published_patches"])
def test_the_recipe_is_the_published_one(env):
    """The environment's block stands over that of base, field by field."""
    blocks = [
        yaml.safe_load((ROOT / "conf" / name / "parameters_dose_study.yml").read_text())
        for name in ("base", env)
    ]
    recipe = {key: value for one in blocks for key, value in one["dose_study"]["recipe"].items()}
    assert Recipe(**recipe) == Recipe(name="published", precision="float32")


@pytest.mark.parametrize("env", ["experimental", "published_patches"])
def test_without_the_data_the_message_says_what_to_do(project, env):
    given = "--params=ingestion.base_url=null" if env == "experimental" else "--params="
    done = project.run("--pipeline=dose_study", given, env=env)
    assert done.returncode != 0
    assert "--params=ingestion.root=FOLDER" in done.stdout + done.stderr
