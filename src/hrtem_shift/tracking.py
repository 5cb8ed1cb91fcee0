"""MLflow: a parent run for each `kedro run`, a child for each network; nothing else logs.

The records on disk are the truth. What is logged here is a view of them: a failure to log is
said once and stops nothing, and whatever is missing is logged by the next run.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from hrtem_shift.parameters import ParameterBlock

logger = logging.getLogger(__name__)


class Tracking(ParameterBlock):
    """Where runs are tracked."""

    uri: str = Field(min_length=1)
    """Any MLflow address, for example ``sqlite:///data/mlflow.db``."""


ENDED = {"FINISHED", "FAILED", "KILLED"}


class Tracker:
    """Single writer to an MLflow store, on a thread of its own.

    Parameters
    ----------
    uri : str
        MLflow address, for example ``sqlite:///data/mlflow.db``.
    experiment : str
        Name of the experiment, the study's.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri, self.experiment = uri, experiment
        self._work: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._broken = False
        self._parent = ""
        self._logged: dict[str, str] = {}
        self._thread = threading.Thread(target=self._write, name="mlflow writer", daemon=True)

    def start(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> None:
        """Open the parent run."""
        self._work.put(lambda: self._open(name, dict(tags), dict(params)))
        self._thread.start()

    def log_network(self, plan_row: Mapping[str, Any], record: Mapping[str, Any]) -> None:
        """Log a finished network: tags, parameters and curves, in one batch.

        A network that an earlier run has logged is left as it is.
        """
        self._work.put(lambda: self._log_network(dict(plan_row), dict(record)))

    def log_scores(self, run_id: str, dice: Mapping[str, float]) -> None:
        """Log ``dice/<test set>`` of a network."""
        self._work.put(lambda: self._log_scores(run_id, dict(dice)))

    def finish(self, status: str = "FINISHED") -> None:
        """Write what is left and close the parent run."""
        assert status in ENDED
        self._work.put(lambda: self._client.set_terminated(self._parent, status))
        self._work.put(None)
        self._thread.join(timeout=120)

    # Everything below runs on the writer's thread.

    def _write(self) -> None:
        while (job := self._work.get()) is not None:
            if self._broken:
                continue
            try:
                job()
            except Exception as error:
                self._broken = True
                logger.warning(
                    "MLflow at %s cannot be written to (%s). The run goes on; its records are "
                    "complete, and the next run logs what is missing here.",
                    self.uri,
                    str(error).splitlines()[0] if str(error) else type(error).__name__,
                )

    def _open(self, name: str, tags: dict[str, str], params: dict[str, Any]) -> None:
        from mlflow import MlflowClient

        for chatty in ("alembic", "mlflow", "mlflow.store.db.utils"):
            logging.getLogger(chatty).setLevel(logging.WARNING)

        self._client = MlflowClient(self.uri)
        found = self._client.get_experiment_by_name(self.experiment)
        self._id = found.experiment_id if found else self._client.create_experiment(self.experiment)
        self._sweep_and_list()
        here = {"pid": str(os.getpid()), "host": socket.gethostname()}
        run = self._client.create_run(self._id, run_name=name, tags={**tags, **here})
        self._parent = run.info.run_id
        self._client.log_batch(self._parent, params=_params(params))

    def _sweep_and_list(self) -> None:
        """Close runs whose process is gone, and learn which networks are logged already."""
        token = None
        while True:
            page = self._client.search_runs([self._id], max_results=5000, page_token=token)
            for run in page:
                tags = run.data.tags
                if run.info.status == "RUNNING" and not _alive(tags):
                    self._client.set_terminated(run.info.run_id, "KILLED")
                elif "run_id" in tags and run.info.status == "FINISHED":
                    self._logged[tags["run_id"]] = run.info.run_id
            token = page.token
            if not token:
                return

    def _log_network(self, plan_row: dict[str, Any], record: dict[str, Any]) -> None:
        from mlflow.entities import Metric

        if record["run_id"] in self._logged:
            return
        tags = {key: str(value) for key, value in plan_row.items()}
        tags |= {"mlflow.parentRunId": self._parent, "device": record["device"]}
        run = self._client.create_run(self._id, run_name=_name(plan_row), tags=tags)
        stamp = run.info.start_time
        metrics = [
            Metric(key, value, stamp, int(row["epoch"]))
            for row in record["curve"]
            for key, value in row.items()
            if key != "epoch"
        ]
        metrics += [
            Metric("seconds", record["seconds"], stamp, 0),
            Metric("best_epoch", record["best_epoch"], stamp, 0),
        ]
        child = run.info.run_id
        self._client.log_batch(child, metrics=metrics, params=_params(record["parameters"]))
        self._client.set_terminated(child)
        self._logged[record["run_id"]] = child

    def _log_scores(self, run_id: str, dice: dict[str, float]) -> None:
        from mlflow.entities import Metric

        child = self._logged[run_id]
        known = self._client.get_run(child).data.metrics
        named = {f"dice/{test_set}": value for test_set, value in dice.items()}
        news = [Metric(key, value, 0, 0) for key, value in named.items() if key not in known]
        if news:
            self._client.log_batch(child, metrics=news)


def _name(plan_row: Mapping[str, Any]) -> str:
    noise = f"|{plan_row['noise_mode']} rho={plan_row['rho']:g}" if plan_row["rho"] else ""
    return f"{plan_row['train_set']}{noise}|fold={plan_row['fold']}|seed={plan_row['seed']}"


def _params(values: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import Param

    return [Param(key, str(value)[:6000]) for key, value in values.items()]


def _alive(tags: Mapping[str, str]) -> bool:
    """Whether the process that owns a run still lives; unknown hosts count as alive."""
    if tags.get("host") != socket.gethostname():
        return "host" in tags
    try:
        os.kill(int(tags["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return int(tags["pid"]) != os.getpid()
