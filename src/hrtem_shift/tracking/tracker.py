"""The tracker: what a `kedro run` says of its networks, for MLflow.

The records on disk are the truth. What is logged here is a view of them: a failure to log is
said once and stops nothing. What could not be logged waits until the store answers again;
what still waits when the run ends is logged by the next run, from the records.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Any

from pydantic import Field

from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.tracking.news import News, Record, Row
from hrtem_shift.tracking.store import TrackingStore
from hrtem_shift.tracking.writer import Writer

PATIENCE_SECONDS, HURRY_SECONDS = 30.0, 10.0
"""How long a run that ends, or is killed, waits for a writer that writes nothing."""


class Tracking(ParameterBlock):
    """Where runs are tracked."""

    uri: str = Field(min_length=1)
    """Any MLflow address, for example ``sqlite:///data/mlflow.db``."""


class Tracker:
    """Single writer to an MLflow store, on a thread of its own; no method waits for the store.

    Parameters
    ----------
    uri : str
        MLflow address, for example ``sqlite:///data/mlflow.db``.
    experiment : str
        Name of the experiment, the study's.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        # A queue that may be put to from a signal handler, so that nothing here takes a lock.
        self._said: SimpleQueue[News | str] = SimpleQueue()
        self._writer = Writer(TrackingStore(uri, experiment), self._said)

    def start(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> None:
        """Open the parent run."""
        self._writer.opening = (name, dict(tags), dict(params))
        self._writer.start()

    def network_started(self, plan_row: Row) -> None:
        """Open the run of a network, or continue that of an earlier, killed or failed, attempt."""
        self._said.put(News(plan_row["run_id"], dict(plan_row), _now_ms(), status="RUNNING"))

    def epoch(self, run_id: str, row: Row) -> None:
        """Add a row of its curve (epoch, train_loss, ...) to a network that was started."""
        self._said.put(News(run_id, epochs=((_now_ms(), dict(row)),)))

    def log_network(self, plan_row: Row, record: Record | Callable[[], Record]) -> None:
        """Complete and close the run of a finished network.

        A network that an earlier run has logged is left as it is.

        Parameters
        ----------
        record : mapping or callable
            The record, or a function that reads it when its turn comes: thousands of
            networks may wait for a store that does not answer.
        """
        read = record if callable(record) else lambda: record
        self._said.put(
            News(plan_row["run_id"], dict(plan_row), _now_ms(), status="FINISHED", read_record=read)
        )

    def network_failed(self, run_id: str, error: BaseException) -> None:
        """Close the run of a network that was started, with the error as a tag."""
        text = f"{type(error).__name__}: {error}"[:5000]
        self._said.put(News(run_id, at_ms=_now_ms(), status="FAILED", error=text))

    def log_scores(self, run_id: str, dice: Mapping[str, float]) -> None:
        """Log ``dice/<test set>`` of a network."""
        self._said.put(News(run_id, at_ms=_now_ms(), dice=dict(dice)))

    def finish(self, status: str = "FINISHED") -> None:
        """Write what is left and close the parent run, with what is still open below it.

        Parameters
        ----------
        status : str
            FINISHED, FAILED or KILLED. A killed run does not wait for what the records can
            tell the next one.
        """
        self._said.put(status)
        written = -1
        while self._writer.is_alive() and self._writer.written > written:
            written = self._writer.written
            self._writer.join(HURRY_SECONDS if status == "KILLED" else PATIENCE_SECONDS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
