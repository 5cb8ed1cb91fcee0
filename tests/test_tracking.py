"""Tracking: true states whatever ends a run, nothing logged twice, no failure stops a run."""

import os
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from tracking_runs import (
    ENDED,
    Seen,
    curve,
    eventually,
    once,
    open_tracker,
    plan_row,
    record,
    without_pauses,
)

from hrtem_shift.errors import RunEnds
from hrtem_shift.hooks import TrackingHooks
from hrtem_shift.tracking import owner, store, writer
from hrtem_shift.tracking.updates import RunUpdate

pytestmark = pytest.mark.filterwarnings("ignore")  # what MLflow's own dependencies deprecate


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def test_a_short_run_is_nested_and_named_and_costs_one_batch_a_network(uri, monkeypatch):
    batches = []
    real = store._client

    def counting(uri):
        client = real(uri)
        log_batch = client.log_batch
        client.log_batch = lambda run, **what: (batches.append(run), log_batch(run, **what))
        return client

    monkeypatch.setattr(store, "_client", counting)
    for _ in range(2):
        tracker = open_tracker(uri)
        tracker.network_started(plan_row())
        for row in curve(4):
            tracker.epoch("net_1", row)
        tracker.log_network(plan_row(), record())
        tracker.log_scores("net_1", {"dose_80": 0.61, "dose_884": 0.9})
        tracker.finish()
    seen = Seen(uri)
    (child,) = seen.children()
    assert child.data.tags["mlflow.parentRunId"] == seen.parents()[0].info.run_id
    assert child.info.run_name == "dose_884|fixed rho=0.5|fold=0|seed=0"
    assert child.data.tags["device"] == "cpu"
    assert child.data.params == {"epochs": "4"}
    assert child.data.metrics["dice/dose_80"] == 0.61
    assert child.info.end_time - child.info.start_time == 2000
    assert seen.steps() == once(4, *ENDED, "dice/dose_80", "dice/dose_884")
    assert [len(run.data.params) for run in seen.parents()] == [150, 150]
    assert batches.count(child.info.run_id) == 1


class Unreliable:
    """A client whose calls fail now before, now after the store has done its work."""

    def __init__(self, client, draw):
        self._client, self._draw = client, draw

    def __getattr__(self, name):
        from mlflow.exceptions import MlflowException

        def call(*args, **named):
            fate = self._draw.random()
            if fate < 0.2:
                raise MlflowException("the store was not reached")
            answer = getattr(self._client, name)(*args, **named)
            if fate > 0.8:
                raise MlflowException("the answer was lost")
            return answer

        return call


@pytest.mark.parametrize("seed", range(2))
def test_lost_calls_and_lost_answers_leave_nothing_twice_and_nothing_open(uri, monkeypatch, seed):
    without_pauses(monkeypatch)
    draw, real = random.Random(seed), store._client
    monkeypatch.setattr(store, "_client", lambda uri: Unreliable(real(uri), draw))
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(writer, "LONGEST_RETRY_SECONDS", 0.01)
    tracker, seen = open_tracker(uri, f"unreliable_{seed}"), Seen(uri, f"unreliable_{seed}")
    for run_id in ("live", "killed"):
        tracker.network_started(plan_row(run_id))
        for row in curve(2):
            tracker.epoch(run_id, row)
    tracker.network_started(plan_row("failed"))
    eventually(lambda: len(seen.steps("killed")) == 6)
    tracker.log_network(plan_row("live"), record("live"))
    tracker.network_failed("failed", ValueError("no such thing"))
    tracker.log_network(plan_row("late"), lambda: record("late"))
    tracker.log_scores("late", {"dose_80": 0.5})
    tracker.finish()
    assert [run.info.status for run in seen.parents()] == ["FINISHED"]
    assert seen.status("live") == seen.status("late") == ["FINISHED"]
    assert seen.status("failed") == ["FAILED"]
    assert seen.status("killed") == ["KILLED"]
    assert [len(seen.models(name)) for name in ("live", "late", "failed")] == [1, 1, 0]
    assert seen.steps("live") == once(4, *ENDED)
    assert seen.steps("late") == once(4, *ENDED, "dice/dose_80")
    assert seen.steps("killed") == once(2)


def test_a_store_that_cannot_be_written_is_reported_once_and_stops_nothing(
    tmp_path, caplog, monkeypatch
):
    without_pauses(monkeypatch)
    monkeypatch.setattr(writer, "CLOSING_SECONDS", 0.5)
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    tracker = open_tracker(f"sqlite:///{blocked}/mlflow.db")
    tracker.log_network(plan_row(), record())
    tracker.log_scores("net_1", {"dose_80": 0.61})
    tracker.finish()
    said = [entry.message for entry in caplog.records if entry.name.startswith("hrtem_shift")]
    assert len(said) == 2
    assert "cannot be written to" in said[0]
    assert said[1] == "MLflow lacks 1 networks; the next run logs them."


def test_a_rejected_network_is_reported_and_does_not_hold_up_the_rest(uri, caplog):
    tracker = open_tracker(uri, "refused")
    tracker.log_network(plan_row("long"), {**record("long"), "parameters": {"p" * 300: 1}})
    tracker.log_network(plan_row("unreadable"), lambda: {}["record.json"])
    tracker.log_network(plan_row("sound"), record("sound"))
    tracker.log_scores("never heard of", {"dose_80": 0.5})
    tracker.finish()
    said = [entry.message for entry in caplog.records if entry.name.startswith("hrtem_shift")]
    assert [message.split(":")[0] for message in said] == [
        "MLflow rejects network long",
        "MLflow rejects network unreadable",
    ]
    assert Seen(uri, "refused").status("sound") == ["FINISHED"]


class Catalog(dict):
    def load(self, name):
        return self[name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_says_so_merged_stops(uri, monkeypatch, number):
    without_pauses(monkeypatch)
    name = f"stopped_{number}"
    heeded, seen = [], Seen(uri, name)
    before = signal.signal(number, lambda *what: heeded.append(seen.runs()))
    hooks, catalog = TrackingHooks(), Catalog(parameters={"tracking": {"uri": uri}})
    pipeline = SimpleNamespace(inputs=lambda: {"tracker"})
    hooks.before_pipeline_run({"pipeline_names": [name], "env": None}, pipeline, catalog)
    catalog["tracker"].load().network_started(plan_row())
    eventually(lambda: seen.status() == ["RUNNING"])
    signal.raise_signal(number)
    hooks.on_pipeline_error(KeyboardInterrupt())  # what follows changes nothing
    signal.raise_signal(number)
    signal.signal(number, before)
    assert len(heeded) == 2
    assert [run.info.status for run in heeded[0]] == ["KILLED", "KILLED"]
    assert [run.info.status for run in seen.runs()] == ["KILLED", "KILLED"]


@pytest.mark.parametrize("error", [RunEnds("it would cost this much"), ValueError("refused")])
def test_a_run_that_comes_to_no_network_leaves_nothing(tmp_path, error):
    uri, name = f"sqlite:///{tmp_path}/mlflow.db", "imaging_study"
    hooks, catalog = TrackingHooks(), Catalog(parameters={"tracking": {"uri": uri}})
    pipeline = SimpleNamespace(inputs=lambda: {"tracker"})
    hooks.before_pipeline_run({"pipeline_names": [name], "env": None}, pipeline, catalog)
    hooks.on_pipeline_error(error)
    assert not list(tmp_path.iterdir())


LOST = """
import sys, time
from hrtem_shift.tracking import writer
from tracking_runs import Seen, curve, eventually, open_tracker, plan_row

writer.FLUSH_SECONDS = 0.05
tracker = open_tracker(sys.argv[1], "lost")
tracker.network_started(plan_row())
for row in curve(2):
    tracker.epoch("net_1", row)
eventually(lambda: len(Seen(sys.argv[1], "lost").steps()) == 6)
print("started", flush=True)
time.sleep(60)
"""


def test_a_run_that_was_lost_is_closed_by_the_next_and_its_network_continued(uri, monkeypatch):
    without_pauses(monkeypatch)
    seen = Seen(uri, "lost")
    command = [sys.executable, "-W", "ignore", "-c", LOST, uri]
    paths = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=paths, text=True) as process:
        assert process.stdout.readline() == "started\n"
        bystander = open_tracker(uri, "lost")
        bystander.log_scores("of another plan", {"dose_80": 0.5})
        bystander.finish()
        assert [run.info.status for run in seen.parents()] == ["RUNNING", "FINISHED"]
        process.kill()
    assert seen.status() == ["RUNNING"]
    tracker = open_tracker(uri, "lost")
    tracker.network_started(plan_row())
    tracker.epoch("net_1", curve(1)[0])
    eventually(lambda: len(seen.parents()) == 3 and seen.status() == ["RUNNING"])
    assert [run.info.status for run in seen.parents()] == ["KILLED", "FINISHED", "RUNNING"]
    tracker.log_network(plan_row(), record())
    tracker.finish()
    (child,) = seen.children()
    assert child.info.status == "FINISHED"
    assert child.data.tags["mlflow.parentRunId"] == seen.parents()[2].info.run_id
    assert seen.steps() == once(4, *ENDED)


def test_a_run_is_alive_while_its_heartbeat_is_recent(monkeypatch):
    here = owner.owner_tags()
    assert not owner.is_alive(here)  # this process has ended what it opened before
    assert owner.is_alive({**here, "pid": "1"})
    assert not owner.is_alive({**here, "pid": str(2**22 + 1)})
    elsewhere = {**here, "host": "elsewhere"}
    assert owner.is_alive(elsewhere)
    monkeypatch.setattr(owner, "STALE", timedelta(seconds=-1))
    assert not owner.is_alive(elsewhere)
    assert not owner.is_alive({"host": "elsewhere", "pid": "1"})
    assert not owner.is_alive({**here, "pid": "1"})  # the number of another process by now


def test_updates_of_a_network_merge():
    begun = RunUpdate("net", plan_row("net"), 10, status="RUNNING")
    rows = [RunUpdate("net", epochs=((20 + n, row),)) for n, row in enumerate(curve(2))]
    live = begun.merged(rows[0]).merged(rows[1])
    assert (live.at_ms, live.status, [at for at, _ in live.epochs]) == (10, "RUNNING", [20, 21])
    ended = live.merged(RunUpdate("net", at_ms=30, status="FINISHED", read_record=record))
    late = ended.merged(rows[0]).merged(RunUpdate("net", at_ms=40, dice={"dose_80": 0.5}))
    assert (late.at_ms, late.status, late.epochs) == (30, "FINISHED", ())
    assert late.plan_row == plan_row("net")
    assert late.dice == {"dose_80": 0.5}
