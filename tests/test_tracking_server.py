"""What tracking promises, of the embedded SQLite and of a real server with PostgreSQL alike."""

import time

import pytest
from tracking_runs import (
    ENDED,
    Seen,
    curve,
    eventually,
    once,
    open_tracker,
    patch_sets,
    plan_row,
    record,
    without_pauses,
)
from tracking_servers import ServerStore, SqliteStore

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow's own dependencies deprecate


@pytest.fixture(scope="module", params=[SqliteStore, ServerStore])
def store(request, tmp_path_factory):
    store = request.param(tmp_path_factory.mktemp("store"))
    yield store
    store.close()


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    without_pauses(monkeypatch)


def test_a_curve_grows_while_its_network_trains(store):
    tracker, seen = open_tracker(store.uri, "live"), Seen(store.uri, "live")
    tracker.network_started(plan_row())
    for row in curve(2):
        tracker.epoch("net_1", row)
        eventually(lambda epochs=row["epoch"] + 1: seen.steps() == once(epochs))
        assert seen.status() == ["RUNNING"]
    tracker.log_network(plan_row(), record)
    tracker.log_scores("net_1", {"dose_80": 0.61})
    tracker.finish()
    assert seen.status() == ["FINISHED"]
    assert seen.steps() == once(4, *ENDED, "dice/dose_80")
    assert [run.info.status for run in seen.parents()] == ["FINISHED"]


def test_a_failed_or_killed_network_is_continued_by_the_next_run(store):
    seen = Seen(store.uri, "continued")
    tracker = open_tracker(store.uri, "continued")
    for run_id in ("failed", "killed"):
        tracker.network_started(plan_row(run_id))
        tracker.epoch(run_id, curve(1)[0])
    tracker.network_failed("failed", ValueError("the disk is full"))
    eventually(lambda: seen.steps("killed") == once(1))
    tracker.finish("KILLED")
    assert seen.status("failed") == ["FAILED"]
    assert seen.children("failed")[0].data.tags["error"] == "ValueError: the disk is full"
    assert seen.status("killed") == ["KILLED"]
    tracker = open_tracker(store.uri, "continued")
    for run_id in ("failed", "killed"):
        tracker.network_started(plan_row(run_id))
        for row in curve(3):
            tracker.epoch(run_id, row)
        tracker.log_network(plan_row(run_id), record(run_id))
    tracker.finish()
    for run_id in ("failed", "killed"):
        assert seen.status(run_id) == ["FINISHED"]
        assert seen.steps(run_id) == once(4, *ENDED)
        assert seen.children(run_id)[0].data.tags.get("error", "") == ""
    assert [run.info.status for run in seen.parents()] == ["KILLED", "FINISHED"]


def test_what_an_earlier_run_logged_is_left_alone(store):
    seen = Seen(store.uri, "again")
    for dice in ({"dose_80": 0.5}, {"dose_80": 0.5, "dose_884": 0.9}):
        tracker = open_tracker(store.uri, "again")
        tracker.log_network(plan_row(), record())
        tracker.log_scores("net_1", dice)
        tracker.finish()
    assert seen.status() == ["FINISHED"]
    assert seen.steps() == once(4, *ENDED, "dice/dose_80", "dice/dose_884")


def test_a_finished_network_is_a_model_with_its_weights_recipe_scores_and_data_set(store, tmp_path):
    seen = Seen(store.uri, "models")
    for dice in ({"dose_80": 0.5}, {"dose_80": 0.5, "dose_884": 0.9}):  # the second run adds one
        tracker = open_tracker(store.uri, "models")
        tracker.set_sources(tmp_path, patch_sets())
        tracker.network_started(plan_row("net_0.5"))
        tracker.log_network(plan_row("net_0.5"), record("net_0.5"))
        tracker.log_scores("net_0.5", dice)
        tracker.finish()
    (run,) = seen.children("net_0.5")
    (model,) = seen.models("net_0.5")
    assert (model.name, str(model.status)) == ("net_0_5", "READY")
    assert model.tags["weights"] == (tmp_path / "net_0.5" / "network.safetensors").as_uri()
    assert model.tags["run_id"] == "net_0.5"
    assert model.params == {"epochs": "4"}
    metrics = {metric.key: metric for metric in model.metrics}
    assert set(metrics) == {*ENDED, "dice/dose_80", "dice/dose_884"}
    assert metrics["dice/dose_884"].value == 0.9
    assert metrics["dice/dose_80"].dataset_digest == patch_sets()["dose_80"].fingerprint
    assert metrics["best_validation_dice"].dataset_name == "dose_884"
    assert [output.model_id for output in run.outputs.model_outputs] == [model.model_id]
    (used,) = run.inputs.dataset_inputs
    given = patch_sets()["dose_884"]
    assert (used.dataset.name, used.dataset.digest) == ("dose_884", given.fingerprint)
    assert used.dataset.source == given.folder
    assert {tag.key: tag.value for tag in used.tags} == {"mlflow.data.context": "training"}


def test_a_store_that_goes_and_comes_back_has_everything_once(store, caplog, capfd):
    names = [f"net_{n}" for n in range(12)]
    tracker, seen = open_tracker(store.uri, "outage"), Seen(store.uri, "outage")
    slowest = 0.0

    def say(method, *what):
        nonlocal slowest
        started = time.monotonic()
        getattr(tracker, method)(*what)
        slowest = max(slowest, time.monotonic() - started)

    for run_id in names:
        say("network_started", plan_row(run_id))
    for row in curve(2):
        for run_id in names:
            say("epoch", run_id, row)
        eventually(lambda: len(seen.runs()) > 3)
    store.stop()
    for run_id in names[:6]:
        say("epoch", run_id, curve(3)[2])
        say("log_network", plan_row(run_id), lambda run_id=run_id: record(run_id))
    eventually(lambda: any("cannot be written to" in entry.message for entry in caplog.records))
    store.start()
    for run_id in names[6:]:
        say("log_network", plan_row(run_id), lambda run_id=run_id: record(run_id))
    tracker.finish()
    assert slowest < 0.1
    assert sum(entry.name.startswith("hrtem_shift") for entry in caplog.records) == 1
    assert "Traceback" not in capfd.readouterr().err
    assert len(seen.runs()) == 1 + len(names)
    assert {run.info.status for run in seen.runs()} == {"FINISHED"}
    assert all(seen.steps(run_id) == once(4, *ENDED) for run_id in names)
