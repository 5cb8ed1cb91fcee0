"""MLflow: a parent a run, a child a network, nothing twice, and no failure that stops a run."""

import subprocess
import sys

import pytest

from hrtem_shift.tracking import Tracker

ROW = {
    "run_id": "net_1",
    "train_set": "dose_884",
    "fold": 0,
    "seed": 0,
    "noise_mode": "fixed",
    "rho": 0.5,
}
RECORD = {
    **ROW,
    "curve": [
        {"epoch": 0, "train_loss": 0.7, "validation_loss": 0.6, "validation_dice": 0.5},
        {"epoch": 1, "train_loss": 0.5, "validation_loss": 0.4, "validation_dice": 0.8},
    ],
    "best_epoch": 1,
    "seconds": 2.0,
    "device": "cpu",
    "parameters": {"epochs": 2},
}


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def track(uri, *, end="FINISHED"):
    tracker = Tracker(uri, "dose_study")
    tracker.start("dose_study", {"env": "base"}, {"dose_study.folds": 5})
    tracker.log_network(ROW, RECORD)
    tracker.log_scores("net_1", {"dose_80": 0.61, "dose_884": 0.9})
    tracker.finish(end)


def runs(uri):
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name("dose_study")
    return client, client.search_runs([found.experiment_id], order_by=["start_time ASC"])


@pytest.mark.filterwarnings("ignore")  # what MLflow's own dependencies deprecate
def test_runs_are_nested_and_logged_once(uri):
    track(uri)
    track(uri, end="FAILED")
    client, found = runs(uri)
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    (child,) = [run for run in found if "mlflow.parentRunId" in run.data.tags]
    assert [run.info.status for run in parents] == ["FINISHED", "FAILED"]
    assert child.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
    assert child.info.run_name == "dose_884|fixed rho=0.5|fold=0|seed=0"
    assert child.data.tags["device"] == "cpu"
    assert child.data.params == {"epochs": "2"}
    assert child.data.metrics["dice/dose_80"] == 0.61
    history = client.get_metric_history(child.info.run_id, "validation_dice")
    assert [(metric.step, metric.value) for metric in history] == [(0, 0.5), (1, 0.8)]
    assert len(client.get_metric_history(child.info.run_id, "dice/dose_80")) == 1


KILLED = """
import sys, time
from hrtem_shift.tracking import Tracker
tracker = Tracker(sys.argv[1], "dose_study")
tracker.start("doomed", {}, {})
while not tracker._parent:
    time.sleep(0.05)
print("started", flush=True)
time.sleep(60)
"""


@pytest.mark.filterwarnings("ignore")
def test_a_killed_run_is_closed_by_the_next(uri):
    command = [sys.executable, "-W", "ignore", "-c", KILLED, uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        process.kill()
    track(uri)
    _, found = runs(uri)
    status = {run.info.run_name: run.info.status for run in found}
    assert status["doomed"] == "KILLED"
    assert "RUNNING" not in status.values()


@pytest.mark.filterwarnings("ignore")
def test_a_store_that_cannot_be_written_is_said_once_and_stops_nothing(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    track(f"sqlite:///{blocked}/mlflow.db")
    said = [record for record in caplog.records if "cannot be written to" in record.message]
    assert len(said) == 1
