"""Idempotent writes to one experiment of an MLflow store.

Any call may fail after the store has done its work, because the answer was lost. Therefore runs
carry a tag to be found by, and after a failure the metric steps are read back from the store:
every method can be called again without writing anything twice.
"""

from __future__ import annotations

import gc
import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hrtem_shift.tracking.lineage import WEIGHTS, Sources, log_data_set, log_model
from hrtem_shift.tracking.network_run import NetworkRun, mlflow_params
from hrtem_shift.tracking.new_database import create_database
from hrtem_shift.tracking.owner import heartbeat, is_alive, owner_tags
from hrtem_shift.tracking.updates import Record, RunUpdate

PARENT = "mlflow.parentRunId"
MODEL = "model_id"
"""Tag of a network's run."""
OPENED_BY = "opened_by"
LOGGED = ("curve", "best_epoch", "seconds", "parameters", "device")
"""Fields of a record that are logged."""
BATCH_PARAMS = 100
"""Parameters that MLflow takes in a batch."""
PAGE = 2000
"""Runs that are read in one request."""


class Rejected(Exception):
    """The store answers, but rejects an update: a run was deleted, a value is too long."""


class TrackingStore:
    """One parent run in an experiment, and the networks of all its parent runs.

    Parameters
    ----------
    uri : str
        Any MLflow address.
    experiment : str
        Name of the experiment; created where it is missing.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri, self.experiment = uri, experiment
        self.sources = Sources()
        self._opened_by = uuid.uuid4().hex
        self._parent = ""
        self._networks: dict[str, NetworkRun] = {}

    def open(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> None:
        """Close runs of dead processes, open the parent run, read which networks are logged."""
        client = self._client = _client(self.uri)
        experiment = client.get_experiment_by_name(self.experiment)
        self._id = (
            experiment.experiment_id if experiment else client.create_experiment(self.experiment)
        )
        self._sweep()
        tags = {**tags, **owner_tags(), OPENED_BY: self._opened_by}
        parent = self._find({OPENED_BY: self._opened_by})
        parent = parent or client.create_run(self._id, run_name=name, tags=tags).info.run_id
        entries = mlflow_params(params)
        for start in range(0, len(entries), BATCH_PARAMS):
            client.log_batch(parent, params=entries[start : start + BATCH_PARAMS])
        self._read_networks()
        self._parent = parent

    @property
    def is_open(self) -> bool:
        """Whether `open` has succeeded."""
        return bool(self._parent)

    def running(self) -> set[str]:
        """Networks whose run is open."""
        return {name for name in self._networks if self._status(name) == "RUNNING"}

    def beat(self) -> None:
        """Show other hosts that this run is alive."""
        self._client.set_tag(self._parent, "heartbeat", heartbeat())

    def write(self, update: RunUpdate) -> None:
        """Write an update of a network, in one batch.

        The curve of a network that is logged as finished is left unchanged; a killed or failed
        network continues in the same run. Scores of a network that has no run are left out.

        Raises
        ------
        Rejected
            The store will never take this update.
        """
        from mlflow.exceptions import MlflowException

        try:
            if self._status(update.run_id) == "FINISHED":
                run = self._networks[update.run_id]
                run.log(self._client, self._dice(update, run.model_id))
            elif update.plan_row or update.run_id in self._networks:
                self._write(update, _record(update))
        except MlflowException as error:
            if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                raise Rejected(str(error)) from error
            raise

    def close(self, status: str) -> None:
        """Close the parent run, and the networks that are still open below it."""
        for name in self.running():
            run = self._networks[name]
            if run.id:
                run.end(self._client, "KILLED" if status == "FINISHED" else status)
        self._client.set_terminated(self._parent, status)

    def _write(self, update: RunUpdate, record: Record | None) -> None:
        run = self._run_of(update, record)
        tags = {"error": update.error} if update.error else {}
        if record is None:
            metrics = [metric for at_ms, row in update.epochs for metric in _epoch(row, at_ms)]
            run.log(self._client, metrics + self._dice(update), tags=tags)
        else:
            self._log_lineage(run, update, record)
            metrics = self._finished(update, record, run.model_id)
            tags |= {"device": record["device"], MODEL: run.model_id}
            run.log(self._client, metrics, record["parameters"], tags)
        if update.status in ("FINISHED", "FAILED"):
            run.end(self._client, update.status, update.at_ms)

    def _log_lineage(self, run: NetworkRun, update: RunUpdate, record: Record) -> None:
        """Link the run to its data set and its model."""
        name = update.plan_row["train_set"]
        if name in self.sources.data_sets:
            log_data_set(self._client, run.id, self.sources.data_sets[name])
        if run.model_id:
            return
        may_exist, run.may_have_model = run.may_have_model, True
        tags = {key: str(value) for key, value in update.plan_row.items()}
        run.model_id = log_model(
            self._client,
            self._id,
            run.id,
            update.run_id,
            {**tags, WEIGHTS: self.sources.weights(update.run_id)},
            record["parameters"],
            may_exist=may_exist,
        )

    def _finished(self, update: RunUpdate, record: Record, model_id: str) -> list[Any]:
        """Metrics of a finished network: its curve, and what its model is known by."""
        best = record["curve"][record["best_epoch"]]
        values = {f"best_{key}": best[key] for key in best if key.startswith("validation")}
        values |= {key: record[key] for key in ("seconds", "best_epoch")}
        trained_on = update.plan_row["train_set"]
        return [
            *(metric for row in record["curve"] for metric in _epoch(row, update.at_ms)),
            *(self._of_model(k, v, update.at_ms, model_id, trained_on) for k, v in values.items()),
            *self._dice(update, model_id),
        ]

    def _dice(self, update: RunUpdate, model_id: str = "") -> list[Any]:
        return [
            self._of_model(f"dice/{name}", value, update.at_ms, model_id, name)
            for name, value in update.dice.items()
        ]

    def _of_model(self, key: str, value: float, at_ms: int, model_id: str, data_set: str) -> Any:
        """A metric that belongs to a model on a data set too, where they are known."""
        from mlflow.entities import Metric

        if not model_id:
            return Metric(key, value, at_ms, 0)
        source = self.sources.data_sets.get(data_set)
        of_set = (source.name, source.fingerprint) if source else ()
        return Metric(key, value, at_ms, 0, model_id, *of_set)

    def _status(self, run_id: str) -> str:
        run = self._networks.get(run_id)
        return run.status if run else ""

    def _run_of(self, update: RunUpdate, record: Record | None) -> NetworkRun:
        """The run of a network, reopened or created where necessary."""
        run = self._networks.get(update.run_id)
        if run is None:
            run = self._networks[update.run_id] = NetworkRun()
            run.id, run.logged = self._create(update, record), set()
            run.may_have_model = False
        elif not run.id:
            tags = {"run_id": update.run_id, PARENT: self._parent}
            run.id = self._find(tags) or self._create(update, record)
        elif run.status in ("KILLED", "FAILED") and update.plan_row:
            run.reopen(self._client, {PARENT: self._parent})
        return run

    def _create(self, update: RunUpdate, record: Record | None) -> str:
        row = update.plan_row
        tags = {key: str(value) for key, value in row.items()} | {PARENT: self._parent}
        started_ms = update.at_ms - int(1000 * record["seconds"]) if record else update.at_ms
        run = self._client.create_run(self._id, started_ms, tags=tags, run_name=_name(row))
        return run.info.run_id

    def _sweep(self) -> None:
        """Close the runs of dead processes; a network belongs to the process of its parent."""
        running = list(self._search("attributes.status = 'RUNNING'"))
        parents = {
            run.info.run_id
            for run in running
            if run.data.tags.get(OPENED_BY) == self._opened_by
            or ("host" in run.data.tags and is_alive(run.data.tags))
        }
        for run in running:
            ours = "host" in run.data.tags or PARENT in run.data.tags
            if ours and run.data.tags.get(PARENT, run.info.run_id) not in parents:
                self._client.set_terminated(run.info.run_id, "KILLED")

    def _read_networks(self) -> None:
        """Read the closed runs of networks; of several of one network, a finished one counts."""
        with _without_garbage_collection():
            for run in self._search("attributes.status != 'RUNNING'"):
                name, status = run.data.tags.get("run_id"), run.info.status
                if name and (name not in self._networks or status == "FINISHED"):
                    logged = (
                        {(key, 0) for key in run.data.metrics} if status == "FINISHED" else None
                    )
                    self._networks[name] = NetworkRun(
                        run.info.run_id, status, logged, run.data.tags.get(MODEL, "")
                    )

    def _find(self, tags: Mapping[str, str]) -> str:
        query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        return next((run.info.run_id for run in self._search(query)), "")

    def _search(self, query: str) -> Iterator[Any]:
        """Runs of the experiment, latest first."""
        token = None
        while True:
            page = self._client.search_runs([self._id], query, max_results=PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _client(uri: str) -> Any:
    """A client without retries of its own, because a repeated POST would create a second run."""
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    from mlflow import MlflowClient

    # They log each failure with its traceback; the writer logs the first, in one line.
    for name in ("alembic", "mlflow", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    create_database(uri)
    return MlflowClient(uri)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Pause garbage collection, two thirds of the cost of reading thousands of runs."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _record(update: RunUpdate) -> Record | None:
    """The logged fields of the record of a finished network."""
    if not update.read_record:
        return None
    try:
        record = update.read_record()
        return {key: record[key] for key in LOGGED}
    except Exception as error:
        raise Rejected(f"its record cannot be read: {error!r}") from error


def _epoch(row: Mapping[str, Any], at_ms: int) -> list[Any]:
    """Metrics of a row of the curve."""
    from mlflow.entities import Metric

    step = int(row["epoch"])
    return [Metric(key, float(value), at_ms, step) for key, value in row.items() if key != "epoch"]


def _name(plan_row: Mapping[str, Any]) -> str:
    noise = f"|{plan_row['noise_mode']} rho={plan_row['rho']:g}" if plan_row["rho"] else ""
    return f"{plan_row['train_set']}{noise}|fold={plan_row['fold']}|seed={plan_row['seed']}"
