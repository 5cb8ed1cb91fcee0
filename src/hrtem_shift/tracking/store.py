"""One experiment of an MLflow store, written so that a thing said twice stands there once.

Any call may fail after the store has done its work, because the answer was lost. So runs carry
a tag to be found by, and after a failure the store is asked which metric steps it holds: every
method here can simply be called again.
"""

from __future__ import annotations

import gc
import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hrtem_shift.tracking.child import Child, Point, params_of
from hrtem_shift.tracking.liveness import heartbeat, lives, signs_of_life
from hrtem_shift.tracking.new_database import create_database
from hrtem_shift.tracking.news import News, Record

PARENT = "mlflow.parentRunId"
OPENED_BY = "opened_by"
LOGGED = ("curve", "best_epoch", "seconds", "parameters", "device")
"""What is logged of a record."""
BATCH_PARAMS = 100
"""Parameters that MLflow takes at once."""
PAGE = 2000
"""Runs that are read at once."""


class Refused(Exception):
    """The store answers, but will not take this: a run was deleted, a value is too long."""


class TrackingStore:
    """An experiment with one parent run that is ours, and the children of all its parents.

    Parameters
    ----------
    uri : str
        Any MLflow address.
    experiment : str
        Name of the experiment; made where it is missing.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri, self.experiment = uri, experiment
        self._opened_by = uuid.uuid4().hex
        self._parent = ""
        self._children: dict[str, Child] = {}

    def open(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> None:
        """Close what dead processes left open, open the parent run, learn of the networks."""
        client = self._client = _client(self.uri)
        found = client.get_experiment_by_name(self.experiment)
        self._id = found.experiment_id if found else client.create_experiment(self.experiment)
        self._sweep()
        tags = {**tags, **signs_of_life(), OPENED_BY: self._opened_by}
        parent = self._find({OPENED_BY: self._opened_by})
        parent = parent or client.create_run(self._id, run_name=name, tags=tags).info.run_id
        entries = params_of(params)
        for start in range(0, len(entries), BATCH_PARAMS):
            client.log_batch(parent, params=entries[start : start + BATCH_PARAMS])
        self._learn_of_networks()
        self._parent = parent

    @property
    def is_open(self) -> bool:
        """Whether the parent run stands and the networks of earlier runs are known."""
        return bool(self._parent)

    def running(self) -> set[str]:
        """Networks whose run is open."""
        return {name for name in self._children if self._status(name) == "RUNNING"}

    def beat(self) -> None:
        """Tell other hosts that this run lives."""
        self._client.set_tag(self._parent, "heartbeat", heartbeat())

    def write(self, news: News) -> None:
        """Write what is new of a network, in one batch.

        A network that is finished here keeps its curve; one that was killed or failed is
        continued in the same run. Scores of a network that has no run are left out.

        Raises
        ------
        Refused
            The store will never take these news.
        """
        from mlflow.exceptions import MlflowException

        try:
            if self._status(news.run_id) == "FINISHED":
                self._children[news.run_id].log(self._client, _dice_points(news))
            elif news.plan_row or news.run_id in self._children:
                self._write(news, _record(news))
        except MlflowException as error:
            if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                raise Refused(str(error)) from error
            raise

    def close(self, status: str) -> None:
        """Close the parent run, and its children that did not end by themselves."""
        for name in self.running():
            child = self._children[name]
            if child.id:
                child.end(self._client, "KILLED" if status == "FINISHED" else status)
        self._client.set_terminated(self._parent, status)

    def _write(self, news: News, record: Record | None) -> None:
        child = self._child_of(news, record)
        params = record["parameters"] if record else {}
        tags = {"device": record["device"]} if record else {}
        tags |= {"error": news.error} if news.error else {}
        points = _curve_points(news, record) + _dice_points(news)
        child.log(self._client, points, params, tags)
        if news.status in ("FINISHED", "FAILED"):
            child.end(self._client, news.status, news.at_ms)

    def _status(self, run_id: str) -> str:
        child = self._children.get(run_id)
        return child.status if child else ""

    def _child_of(self, news: News, record: Record | None) -> Child:
        """Run of a network: of this kedro run, of an earlier one, or a new one."""
        child = self._children.get(news.run_id)
        if child is None:
            child = self._children[news.run_id] = Child()
            child.id, child.known = self._create(news, record), set()
        elif not child.id:
            tags = {"run_id": news.run_id, PARENT: self._parent}
            child.id = self._find(tags) or self._create(news, record)
        elif child.status in ("KILLED", "FAILED") and news.plan_row:
            child.continue_under(self._client, {PARENT: self._parent})
        return child

    def _create(self, news: News, record: Record | None) -> str:
        row = news.plan_row
        tags = {key: str(value) for key, value in row.items()} | {PARENT: self._parent}
        started_ms = news.at_ms - int(1000 * record["seconds"]) if record else news.at_ms
        run = self._client.create_run(self._id, started_ms, tags=tags, run_name=_name(row))
        return run.info.run_id

    def _sweep(self) -> None:
        """Close the runs of processes that live no more; a child is its parent's."""
        running = list(self._search("attributes.status = 'RUNNING'"))
        parents = {
            run.info.run_id
            for run in running
            if run.data.tags.get(OPENED_BY) == self._opened_by
            or ("host" in run.data.tags and lives(run.data.tags))
        }
        for run in running:
            ours = "host" in run.data.tags or PARENT in run.data.tags
            if ours and run.data.tags.get(PARENT, run.info.run_id) not in parents:
                self._client.set_terminated(run.info.run_id, "KILLED")

    def _learn_of_networks(self) -> None:
        """Which networks have a run that may be continued or is finished."""
        with _without_cycle_search():
            for run in self._search("attributes.status != 'RUNNING'"):
                name, status = run.data.tags.get("run_id"), run.info.status
                if name and (name not in self._children or status == "FINISHED"):
                    known = {(key, 0) for key in run.data.metrics} if status == "FINISHED" else None
                    self._children[name] = Child(run.info.run_id, status, known)

    def _find(self, tags: Mapping[str, str]) -> str:
        wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        return next((run.info.run_id for run in self._search(wanted)), "")

    def _search(self, wanted: str) -> Iterator[Any]:
        """Runs of the experiment, latest first."""
        token = None
        while True:
            page = self._client.search_runs([self._id], wanted, max_results=PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return


def _client(uri: str) -> Any:
    """Client that leaves retries to its caller: a repeated POST would make a second run."""
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    from mlflow import MlflowClient

    # They tell each failure with its traceback; the writer tells the first, in a line.
    for chatty in ("alembic", "mlflow", "mlflow.store.db.utils"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    create_database(uri)
    return MlflowClient(uri)


@contextmanager
def _without_cycle_search() -> Iterator[None]:
    """Spare Python's search for cycles, two thirds of the cost of reading thousands of runs."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _record(news: News) -> Record | None:
    """Record of the news, if they have one that holds what is logged."""
    if not news.read_record:
        return None
    try:
        record = news.read_record()
        return {key: record[key] for key in LOGGED}
    except Exception as error:
        raise Refused(f"its record cannot be read: {error!r}") from error


def _dice_points(news: News) -> list[Point]:
    return [(f"dice/{name}", 0, news.at_ms, value) for name, value in news.dice.items()]


def _curve_points(news: News, record: Record | None) -> list[Point]:
    if record is None:
        return [point for at_ms, row in news.epochs for point in _row_points(row, at_ms)]
    curve = [point for row in record["curve"] for point in _row_points(row, news.at_ms)]
    return [*curve, *((key, 0, news.at_ms, record[key]) for key in ("seconds", "best_epoch"))]


def _row_points(row: Mapping[str, Any], at_ms: int) -> list[Point]:
    step = int(row["epoch"])
    return [(key, step, at_ms, float(value)) for key, value in row.items() if key != "epoch"]


def _name(plan_row: Mapping[str, Any]) -> str:
    noise = f"|{plan_row['noise_mode']} rho={plan_row['rho']:g}" if plan_row["rho"] else ""
    return f"{plan_row['train_set']}{noise}|fold={plan_row['fold']}|seed={plan_row['seed']}"
