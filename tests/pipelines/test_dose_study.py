"""`kedro run --pipeline=dose_study`, run as a user runs it, at toy scale."""

import shutil

import pandas as pd
import pytest
from tracking_runs import Seen

CURVE_COLUMNS = [
    "train_set",
    "mode",
    "rho",
    "test_set",
    "hard_dice_mean",
    "hard_dice_std",
    "n_networks",
]


def said(done):
    return done.stdout + done.stderr


def test_the_tables_are_complete(finished):
    matrix = pd.read_csv(finished.reports / "dose_study" / "matrix.csv")
    assert len(matrix) == 9 and (matrix["n"] == 2).all()  # two folds
    assert matrix["hard_dice"].between(0, 1).all() and matrix["area_bias_percent"].notna().all()
    curves = pd.read_csv(finished.reports / "dose_study" / "noise_curves.csv")
    assert list(curves) == CURVE_COLUMNS
    points = set(zip(curves["train_set"], curves["mode"], curves["rho"], strict=True))
    both = {(name, mode, rho) for name in ("dose_884", "dose_423") for mode in MODES for rho in RHO}
    thinned = {("dose_884", "thinning", share) for share in (0.09, 1)}
    assert points == thinned | both - {("dose_423", "uniform", rho) for rho in RHO}
    assert (curves["n_networks"] == 2).all() and curves["hard_dice_std"].notna().all()
    matching = pd.read_csv(finished.reports / "dose_study" / "noise_matching.csv")
    assert len(matching) == 2 * 2 * 2  # starts, other doses, statistics


def test_repairs_are_paired_with_the_same_networks_without(finished):
    repairs = pd.read_csv(finished.reports / "dose_study" / "repairs.csv")
    mixed = repairs[repairs["repair"] == "mixed batch norms"]
    assert len(mixed) == 9 and (mixed["strength"] == 0.3).all()
    assert (mixed["paired_by"] == "fold").all() and (mixed["n"] == 2).all()  # two folds
    matrix = pd.read_csv(finished.reports / "dose_study" / "matrix.csv")
    both = mixed.merge(matrix, on=["train_set", "test_set"], suffixes=("", "_of_matrix"))
    assert both["hard_dice_as_is"].to_numpy() == pytest.approx(both["hard_dice_of_matrix"])
    assert (both["hard_dice"] != both["hard_dice_as_is"]).any()
    noisy = repairs.drop(mixed.index)
    assert len(noisy) == (2 + 1 + 1) * 3 and (noisy["paired_by"] == "network").all()
    assert repairs[["change", "low", "high"]].notna().all(axis=None)


MODES = ("fixed", "same_noise", "uniform")
RHO = (0, 1)


def test_figures_and_report_are_there(finished):
    folder = finished.reports / "dose_study"
    figures = ["matrix/all", "noise_curves/dose_884", "noise_curves/dose_423", "noise_matching"]
    figures += ["gaps", "examples", "preparation", "preparation_steps"]
    for name in figures:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(figures)
    assert "batch norms that take 30 % of their statistics from each test micrograph" in page
    assert "Training with 9 % of the electrons of each image, as if the dose had been 80" in page
    assert "0.464" in page  # the published 884 on 80, beside ours
    assert "<script" not in page


def test_a_network_is_tested_on_its_own_fold_or_the_whole_other_set(finished):
    scores = pd.read_csv(finished.folder / "data/07_model_output/dose_study/scores.csv")
    scores = scores[scores["test_rho"] == 0]
    own = scores[scores["train_set"] == scores["test_set"]]
    other = scores[scores["train_set"] != scores["test_set"]]
    whole = other.groupby("test_set")["n_patches"].unique()
    assert all(len(sizes) == 1 for sizes in whole)
    folds = own[own["rho"] == 0].groupby("test_set")
    for name, group in folds:
        one_each = group.drop_duplicates("fold")
        assert one_each["n_patches"].sum() == whole[name][0]


def test_no_scene_is_in_two_sets(finished):
    scenes = pd.read_parquet(
        finished.folder / "data/01_raw/simulated_for/dose_study/exit_waves.parquet"
    )
    assert not scenes["scene_id"].duplicated().any()
    assert not scenes["diameter_nm_1"].duplicated().any()
    assert not scenes["qx_1"].duplicated().any()


@pytest.mark.filterwarnings("ignore")  # what MLflow's own dependencies deprecate
def test_mlflow_has_a_parent_and_a_child_for_each_network(finished):
    runs = Seen(f"sqlite:///{finished.folder}/data/mlflow.db").runs()
    children = [run for run in runs if "dice/dose_80" in run.data.metrics]
    assert len(runs) == 1 + len(children) == 1 + len(finished.networks())
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all(run.data.tags["device"] for run in children)
    mixed = [run for run in runs if "dice/dose_80_mixed_norms_0.3" in run.data.metrics]
    assert {run.data.tags["rho"] for run in mixed} == {"0.0"}
    assert len(mixed) == 3 * 2 + 2  # folds, and a second seed of fold 0 of two sets


def test_an_unchanged_rerun_trains_nothing_and_says_so(finished):
    networks, tables = finished.networks(), finished.tables()
    done = finished.run("--pipeline=dose_study")
    assert done.returncode == 0, said(done)
    assert f"{len(networks)} finished before, 0 to train" in said(done)
    assert "3 planned, 0 to cut" in said(done)
    assert "12 stored before, 0 to simulate" in said(done)
    assert finished.networks() == networks
    assert finished.tables() == tables


@pytest.mark.slow
def test_kill_9_in_the_middle_of_training_changes_nothing(project, finished):
    shutil.copytree(finished.folder / "data/01_raw", project.folder / "data/01_raw")
    project.run_and_kill("dose_study", lambda: len(project.networks()) >= 3)
    before = project.networks()
    assert 3 <= len(before) < len(finished.networks())
    done = project.run("--pipeline=dose_study")
    assert done.returncode == 0, said(done)
    after = project.networks()
    assert {name: after[name] for name in before} == before  # none trained again
    assert project.tables() == finished.tables()


@pytest.mark.parametrize(
    "change",
    [
        "dose_study.recipe.epochs=1",
        pytest.param("dose_study.preparation.patch_px=32", marks=pytest.mark.slow),
    ],
)
def test_a_changed_parameter_never_reuses_a_network(project, finished, change):
    shutil.copytree(finished.folder / "data", project.folder / "data")
    old = set(project.networks())
    parts = "--pipelines=preprocessing,training,evaluation"
    done = project.run(parts, f"--params={change}")
    assert done.returncode == 0, said(done)
    assert "0 finished before" in said(done)
    plan = pd.read_csv(project.folder / "data/05_model_input/dose_study/plan.csv")
    assert not old & set(plan["run_id"])
    scores = "data/07_model_output/dose_study/scores.csv"
    assert set(pd.read_csv(project.folder / scores)["run_id"]) == set(plan["run_id"])
    assert project.tables()["matrix.csv"] != finished.tables()["matrix.csv"]


@pytest.mark.slow
def test_two_shards_in_two_processes_give_the_tables_of_one_run_in_one(project, finished):
    shutil.copytree(finished.folder / "data/01_raw", project.folder / "data/01_raw")
    counts = []
    for index in (0, 1):
        shard = f"compute.shard.index={index},compute.shard.count=2,compute.executor=processes"
        done = project.run("--pipeline=dose_study", f"--params={shard}")
        assert done.returncode == 0, said(done)
        counts.append(len(project.networks()))
        if counts[-1] < len(finished.networks()):
            assert "This run's part is trained and tested" in said(done)
            assert not project.tables().keys() & {"matrix.csv"}
    assert counts[0] < counts[1] == len(finished.networks())
    assert project.tables() == finished.tables()
