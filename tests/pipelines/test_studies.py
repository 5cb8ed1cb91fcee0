"""Studies as configuration: variants, sets that are only tested on, a user's own folder."""

import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

RESCALING = """
rescaling_study:
  data_sets: [dose_884]
  folds: 2
  preparation: {patch_px: 64}
  recipe: {epochs: 2, batch_size: 4, patches_per_epoch: 16}
"""
SEARCH = """
hyperparameter_study:
  data_sets: [dose_884]
  folds: 2
  preparation: {patch_px: 64}
  recipe: {epochs: 2, batch_size: 4, patches_per_epoch: 16}
  search: {trials: 4, generation: 2, pruned_from_epoch: 1, space: {batch_size: [4, 8]}}
"""
IMAGING = """
imaging_study:
  train: [{defocus_nm: [-6, 6, 12]}]
  unseen: [{defocus_nm: [0, 20, -20]}]
  structures: [Cu]
  control: {defocus_nm: 6}
  design: {images: 6, least_images: 2}
  folds: 2
  seeds: 2
  preparation: {patch_px: 64}
  recipe: {epochs: 1, batch_size: 4, patches_per_epoch: 16}
"""
OWN = """
generalization:
  folds: 2
  preparation: {patch_px: 32}
  recipe: {epochs: 1, batch_size: 4, patches_per_epoch: 16}
"""


@pytest.fixture(scope="module")
def simulated(new_project, finished_once):
    """A project with the toy scenes, and the parameters of all toy studies."""
    project = new_project()
    shutil.copytree(finished_once / "data" / "01_raw", project.folder / "data" / "01_raw")
    path = project.folder / "conf" / "tiny" / "parameters.yml"
    path.write_text(path.read_text() + RESCALING + SEARCH + IMAGING + OWN)
    return project


def run_well(project, *arguments):
    done = project.run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_variants_train_networks_of_their_own_and_tests_are_made_alike(simulated):
    said = run_well(simulated, "--pipeline=rescaling_study")
    assert "Networks: 6 planned" in said  # three variants, two folds
    scores = pd.read_csv(simulated.folder / "data/07_model_output/rescaling_study/scores.csv")
    assert set(scores["variant"]) == {"normalize", "standardize", "histogram"}
    assert set(scores["patches"]) == {"fold", "whole", "train"}
    assert set(scores.loc[scores["patches"] == "whole", "test_set"]) == {"dose_80"}
    assert (scores["train_set"] == "dose_884").all()
    folder = simulated.reports / "rescaling_study"
    gaps = pd.read_csv(folder / "gaps.csv")
    assert set(gaps["quantity"]) == {"own", "away", "gap", "training", "overfitting"}
    drawn = {path.stem for path in (folder / "matrix").glob("*.png")}
    assert drawn == {"normalize", "standardize", "histogram"}


def test_a_search_that_is_run_again_finds_its_trials(simulated):
    run_well(simulated, "--pipeline=hyperparameter_study")
    folder = simulated.reports / "hyperparameter_study"
    tried = simulated.folder / "data/06_models/hyperparameter_study/trials.csv"
    trials = tried.read_bytes()
    table = pd.read_csv(tried)
    assert len(table) == 4 and table["run_id"].is_unique
    assert table.loc[0, ["learning_rate", "batch_size"]].tolist() == [0.01, 4]  # its own recipe
    assert set(pd.read_csv(folder / "recipes.csv")["test_set"]) == {"dose_884", "dose_80"}
    networks = simulated.networks()
    run_well(simulated, "--pipeline=hyperparameter_study")
    assert simulated.networks() == networks
    assert tried.read_bytes() == trials


def own_folder(root):
    root.mkdir()
    lines = ["image,mask,pixel_size_nm,operator"]
    draw = np.random.default_rng(0)
    for k in range(8):
        mask = np.zeros((64, 96), np.uint8)
        mask[8:40, 8:40] = mask[20:60, 60:90] = 255
        pixels = draw.normal(500, 20, mask.shape) - mask / 5
        tifffile.imwrite(root / f"{k}.tif", pixels.astype(np.float32))
        Image.fromarray(mask).save(root / f"{k}_mask.png")
        lines.append(f"{k}.tif,{k}_mask.png,0.04,{'Ana Lee' if k % 2 else 'Bo'}")
    (root / "metadata.csv").write_text("\n".join(lines) + "\n")
    return root


def test_a_column_splits_an_own_folder_into_sets(simulated, tmp_path):
    root = own_folder(tmp_path / "own")
    given = f"--params=ingestion.root={root},ingestion.split_by=operator"
    run_well(simulated, "--pipeline=generalization", given)
    matrix = pd.read_csv(simulated.reports / "generalization" / "matrix.csv")
    assert list(matrix["train_set"].unique()) == ["Bo", "Ana_Lee"]  # in the order of the table
    assert len(matrix) == 4 and matrix["hard_dice"].notna().all()


def test_an_imaging_study_ends_with_a_verdict(simulated):
    run_well(simulated, "--pipeline=imaging_study")
    folder = simulated.reports / "imaging_study"
    verdict = pd.read_csv(folder / "verdict.csv")
    assert len(verdict) == 4 and set(verdict["verdict"]) <= {"holds", "fails", "not tested"}
    cells = pd.read_csv(folder / "cells.csv")
    claims = pd.read_csv(folder / "transfer_claims.csv")
    assert {"holds", "fails", "undecided"} >= set(claims["claim_verdict"]) - {"reported"}
    assert len(cells) == 3 * 6 and cells["hard_dice"].notna().all()
    scores = pd.read_csv(simulated.folder / "data/07_model_output/imaging_study/scores.csv")
    same_scenes = scores["test_set"].str.contains("defocus") & ~scores["train_set"].eq("imaging.Cu")
    other = scores["train_set"] != scores["test_set"]
    assert set(scores.loc[same_scenes & other, "patches"]) == {"unseen"}
    assert set(scores.loc[scores["train_set"].eq("imaging.Cu") & other, "patches"]) == {"whole"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 6 and "reconstruction" in page
