"""The night's imaging studies in miniature: from stored waves to a verdict, without image files."""

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from derived_results import derived_tables

from hrtem_shift.catalog.results import read_about, read_results
from hrtem_shift.micrographs.folder import load_micrograph

MINIATURE = """
compute: {executor: serial}
simulation:
  data_sets:
    imaging_gold:
      scenes: 6
      imaging_sampler: sobol
      scene:
        field_nm: 5.12
        particles: {count: 1, material: [Au], shape: [sphere], diameter_nm: [normal, 2.5, 0.1]}
        carbon: {thickness_nm: 1.0}
      multislice: {pixels: 128, slice_thickness_nm: 0.4, phonon_configurations: 0}
      coherence: quasi_coherent
      imaging:
        {dose_e_per_A2: 400, defocus_nm: 0, cs_mm: 0, focal_spread_std_nm: 2,
         absorption_length_nm: 105.3}
"""
DIFFERS = {
    "train": [
        {"defocus_nm": [12, -60], "cs_mm": 0},
        {"defocus_nm": 12, "dose_e_per_A2": 20},
        {"defocus_nm": 12, "scatter_std_px": 1.4},
    ],
    "unseen": [{"defocus_nm": [45, 100], "c23_nm": 1000}],
    "structures": ["Ag"],
    "design": {"images": 6, "least_images": 2},
    "folds": 2,
    "train_folds": 1,
    "seeds": 2,
    "preparation": {"patch_px": 64, "min_particle_fraction": 0.0015, "rescaling": "standardize"},
    "recipe": {"name": "quick", "epochs": 1, "batch_size": 4, "patches_per_epoch": 16},
    "patches_per_test": 5,
}


@pytest.fixture(scope="module")
def miniature(new_project):
    """A project whose gold study of the night has run with few conditions and tiny scenes."""
    project = new_project()
    night = project.folder / "conf" / "night" / "parameters_imaging_study.yml"
    block = yaml.safe_load(night.read_text())["gold_imaging_study"] | DIFFERS
    drawn = ("narrow", "everything")
    block["distributions"] = {name: block["distributions"][name] for name in drawn}
    text = MINIATURE + yaml.safe_dump({"gold_imaging_study": block})
    project.environment_of("miniature", text)
    done = project.run("--pipeline=gold_imaging_study", env="miniature")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def read(project, path):
    return pd.read_csv(project.folder / "data" / path)


def test_every_network_is_tested_on_every_set_with_the_patches_asked_for(miniature):
    scores = read(miniature, "07_model_output/gold_imaging_study/scores.csv")
    sets = 4 + 2 + 1 + 2 + 2  # trained under, unseen, lattice, distributions, mixtures
    assert scores["test_set"].nunique() == sets and scores["train_set"].nunique() == sets - 2
    assert len(scores) == 2 * (sets - 2) * sets and scores["hard_dice"].notna().all()
    assert (scores["n_patches"] == 5).all()
    cells = read(miniature, "08_reporting/gold_imaging_study/cells.csv")
    assert len(cells) == 4 * 6 and cells["hard_dice"].notna().all()
    page = (miniature.reports / "gold_imaging_study" / "report.html").read_text(encoding="utf-8")
    assert "kedro run --pipeline=gold_imaging_study" in page


def test_no_image_is_stored_and_each_is_made_again_as_it_was_cut(miniature):
    assert not list(miniature.folder.rglob("*.tif"))
    data = miniature.folder / "data"
    inventory = pd.read_parquet(data / "02_intermediate/gold_imaging_study/inventory.parquet")
    broad = inventory[inventory["data_set"] == "imaging_gold.everything"]
    assert broad["dose_e_per_A2"].nunique() == 6 and broad["c23_nm"].max() <= 2000
    mixed = inventory[inventory["data_set"] == "mixture_even"].iloc[0]
    same = inventory[inventory["data_set"] == mixed["recorded_for"]]
    same = same[same["micrograph"] == mixed["micrograph"]].iloc[0]
    again, mixture = load_micrograph(same), load_micrograph(mixed)
    assert np.array_equal(again.pixels, mixture.pixels) and again.mask.any()
    patches = data / "05_model_input" / "gold_imaging_study" / same["data_set"]
    index = pd.read_parquet(patches / "index.parquet")
    first = index[index["micrograph"] == same["micrograph"]].iloc[0]
    stored = np.load(patches / "images.npy")[first.name]
    pixels = again.pixels.astype(np.float64)
    expected = (pixels - pixels.mean()) / pixels.std()
    y, x = first["y_px"], first["x_px"]
    np.testing.assert_allclose(stored, expected[y : y + 64, x : x + 64], atol=5e-3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_is_killed_goes_on_and_ends_with_the_same_tables(miniature, new_project):
    """Killed while it trains and while it tests: every table is the same byte for byte."""
    study = "gold_imaging_study"
    project = new_project()
    project.environment_of(
        "miniature", (miniature.folder / "conf/miniature/parameters.yml").read_text()
    )
    project.run_and_kill(study, lambda: len(project.networks()) >= 3, env="miniature")
    before = project.networks()
    scores = project.folder / "data" / "06_models" / "networks"
    project.run_and_kill(
        study, lambda: len(list(scores.glob("*/scores/*.json"))) >= 40, env="miniature"
    )
    done = project.run(f"--pipeline={study}", env="miniature")
    assert done.returncode == 0, done.stdout + done.stderr
    after = project.networks()
    assert before and all(after[name] == stored for name, stored in before.items())
    assert project.tables(study) == miniature.tables(study)


STUDY = "gold_imaging_study"


def kept(project):
    """Results of a project, after ``kedro results``."""
    done = project.kedro("results", STUDY, "--env=miniature")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, project.folder / "results" / STUDY


def test_results_hold_the_scores_of_the_run_and_where_they_come_from(miniature):
    said, folder = kept(miniature)
    scores = read(miniature, f"07_model_output/{STUDY}/scores.csv")
    tables = read_results(folder).tables
    names = [name for name in scores if name not in ("test_id", "variant", "reason")]
    pd.testing.assert_frame_equal(tables["scores"][names], scores[names], check_exact=True)
    assert "18 networks, 198 scores" in said and "not there" not in said
    assert (folder / "report.html").is_file() and {"cells", "data_sets"} <= tables.keys()
    about = read_about(folder)
    (export,) = about["exports"]
    assert export["command"] == f"kedro run --pipeline={STUDY} --env=miniature"
    assert export["date"].startswith("20") and export["training_hours"] >= 0
    assert about["parameters"][STUDY]["seeds"] == 2
    assert set(about["parameters"]["simulation"]["data_sets"]) == {"imaging_gold"}
    for name, table in derived_tables(folder).items():
        file = miniature.reports / STUDY / f"{name}.csv"
        assert table.to_csv(index=False, lineterminator="\n") == file.read_text("utf-8"), name
    assert str(miniature.folder) not in (folder / "about.json").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_killed_run_goes_on_in_a_fresh_clone_from_its_results(miniature, new_project):
    """Killed while it trains; what is trained is tested and kept; data/ is lost."""
    first, second = new_project(), new_project()
    for project in (first, second):
        text = (miniature.folder / "conf/miniature/parameters.yml").read_text()
        project.environment_of("miniature", text)
    first.run_and_kill(STUDY, lambda: len(first.networks()) >= 3, env="miniature")
    tested = first.run(f"--pipeline={STUDY}", "--nodes=evaluation.score_networks", env="miniature")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert f"{18 - len(first.networks())} of 18 networks of the plan are not" in tested.stdout
    said, results = kept(first)
    assert f"{len(first.networks())} networks" in said
    shutil.copytree(results, second.folder / "results" / STUDY)
    done = second.run(f"--pipeline={STUDY}", env="miniature")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(second.networks()) == 18 - len(first.networks())
    assert second.tables(STUDY) == miniature.tables(STUDY)
    scores = f"data/07_model_output/{STUDY}/scores.csv"
    assert (second.folder / scores).read_bytes() == (miniature.folder / scores).read_bytes()
    said, _ = kept(second)
    assert "18 networks, 198 scores" in said
