"""Networks to track, and what an MLflow store says of them."""

import time
from collections import Counter
from types import SimpleNamespace

from hrtem_shift.tracking import Tracker, writer

CURVE = ("train_loss", "validation_loss", "validation_dice")


def plan_row(run_id="net_1", **other):
    row = {"train_set": "dose_884", "fold": 0, "seed": 0, "noise_mode": "fixed", "rho": 0.5}
    return {"run_id": run_id, **row, **other}


def curve(epochs):
    return [
        {"epoch": epoch, **{key: 0.1 * rank + 0.01 * epoch for rank, key in enumerate(CURVE)}}
        for epoch in range(epochs)
    ]


def record(run_id="net_1", epochs=4):
    ended = {"best_epoch": epochs - 1, "seconds": 2.0, "device": "cpu"}
    return {**plan_row(run_id), "curve": curve(epochs), **ended, "parameters": {"epochs": epochs}}


def open_tracker(uri, experiment="dose_study"):
    tracker = Tracker(uri, experiment)
    tracker.start(experiment, {"env": "base"}, {f"dose_study.{n}": n for n in range(150)})
    return tracker


def patch_sets():
    """Stand-ins for the patch sets of a study."""
    return {
        name: SimpleNamespace(fingerprint=f"fingerprint of {name}"[-16:], folder=f"data/{name}")
        for name in ("dose_884", "dose_80")
    }


def without_pauses(monkeypatch):
    """Write and retry without the pauses that spare a real store."""
    monkeypatch.setattr(writer, "FLUSH_SECONDS", 0.05)
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.05)


def eventually(condition, seconds=30):
    """Wait for what another thread or process does."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)
    return found


class Seen:
    """An experiment as anybody sees it through MLflow's own client."""

    def __init__(self, uri, experiment="dose_study"):
        from mlflow import MlflowClient

        self.client, self.experiment = MlflowClient(uri), experiment

    def runs(self):
        found = self.client.get_experiment_by_name(self.experiment)
        order = ["start_time ASC"]
        return self.client.search_runs([found.experiment_id], order_by=order) if found else []

    def parents(self):
        return [run for run in self.runs() if "mlflow.parentRunId" not in run.data.tags]

    def children(self, run_id="net_1"):
        return [run for run in self.runs() if run.data.tags.get("run_id") == run_id]

    def status(self, run_id="net_1"):
        return [run.info.status for run in self.children(run_id)]

    def models(self, run_id="net_1"):
        """Models whose source is the run of a network."""
        found = self.client.get_experiment_by_name(self.experiment)
        of_run = f"source_run_id = '{self.children(run_id)[0].info.run_id}'"
        return self.client.search_logged_models([found.experiment_id], of_run)

    def steps(self, run_id="net_1"):
        """How often each (metric, step) of a network stands in the store."""
        return Counter(
            (key, metric.step)
            for run in self.children(run_id)
            for key in run.data.metrics
            for metric in self.client.get_metric_history(run.info.run_id, key)
        )


def once(epochs, *others):
    """What `Seen.steps` is to be: each of the curve's metrics at each epoch, and others at 0."""
    curves = {(key, epoch): 1 for key in CURVE for epoch in range(epochs)}
    return curves | {(key, 0): 1 for key in others}


ENDED = ("seconds", "best_epoch", "best_validation_loss", "best_validation_dice")
