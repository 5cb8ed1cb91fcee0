"""MLflow tracking of the networks that a `kedro run` trains and tests.

The records on disk are the truth, and MLflow is a view of them. A failure to log is reported once
and stops nothing. Pending updates are written when the store answers again, or by the next run,
from the records.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pydantic import Field

from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.tracking.lineage import DataSet, Sources
from hrtem_shift.tracking.store import TrackingStore
from hrtem_shift.tracking.updates import Record, Row, RunUpdate
from hrtem_shift.tracking.writer import Writer

FINISH_SECONDS, KILLED_SECONDS = 30.0, 10.0
"""How long a run that ends, or is killed, waits for a writer that makes no progress."""


class Tracking(ParameterBlock):
    """Where runs are tracked."""

    uri: str = Field(min_length=1)
    """Any MLflow address, for example ``sqlite:///data/mlflow.db``."""


class Tracker:
    """Single writer to an MLflow store, on its own thread. Only `finish` waits for the store.

    Parameters
    ----------
    uri : str
        MLflow address, for example ``sqlite:///data/mlflow.db``.
    experiment : str
        Name of the experiment, the study's.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        # Unlike Queue, SimpleQueue is safe in a signal handler, which calls `finish`.
        self._updates: SimpleQueue[RunUpdate | str] = SimpleQueue()
        self._store = TrackingStore(uri, experiment)
        self._writer = Writer(self._store, self._updates)

    def start(self, name: str, tags: Mapping[str, str], params: Mapping[str, Any]) -> None:
        """Start the writer, which opens the parent run with the first update."""
        self._writer.opening = (name, dict(tags), dict(params))
        self._writer.start()

    def set_sources(self, networks: Path, patch_sets: Mapping[str, Any]) -> None:
        """Name the folder of the network store, and the patch sets that networks learn from.

        MLflow shows them in its tabs Models and Datasets.
        """
        data_sets = {
            name: DataSet(name, patches.fingerprint, str(patches.folder or ""))
            for name, patches in patch_sets.items()
        }
        self._store.sources = Sources(networks, data_sets)

    def network_started(self, plan_row: Row) -> None:
        """Open the run of a network, or continue that of an earlier, killed or failed, attempt."""
        self._updates.put(
            RunUpdate(plan_row["run_id"], dict(plan_row), _now_ms(), status="RUNNING")
        )

    def epoch(self, run_id: str, row: Row) -> None:
        """Add a row (epoch, train_loss, ...) to the curve of a network that was started."""
        self._updates.put(RunUpdate(run_id, epochs=((_now_ms(), dict(row)),)))

    def log_network(self, plan_row: Row, record: Record | Callable[[], Record]) -> None:
        """Complete and close the run of a finished network.

        A network that an earlier run has logged is left as it is.

        Parameters
        ----------
        record : mapping or callable
            The record, or a function that reads it when it is written: thousands of networks
            may wait for a store that does not answer.
        """
        read = record if callable(record) else lambda: record
        self._updates.put(
            RunUpdate(
                plan_row["run_id"], dict(plan_row), _now_ms(), status="FINISHED", read_record=read
            )
        )

    def network_failed(self, run_id: str, error: BaseException) -> None:
        """Close the run of a network that was started, with the error as a tag."""
        text = f"{type(error).__name__}: {error}"[:5000]
        self._updates.put(RunUpdate(run_id, at_ms=_now_ms(), status="FAILED", error=text))

    def log_scores(self, run_id: str, dice: Mapping[str, float]) -> None:
        """Log ``dice/<test set>`` of a network."""
        self._updates.put(RunUpdate(run_id, at_ms=_now_ms(), dice=dict(dice)))

    def finish(self, status: str = "FINISHED") -> None:
        """Write pending updates, then close the parent run and the networks still open below it.

        Parameters
        ----------
        status : str
            FINISHED, FAILED or KILLED. A killed run leaves finished networks to the next one,
            which logs them from their records.
        """
        self._updates.put(status)
        written = -1
        while self._writer.is_alive() and self._writer.written > written:
            written = self._writer.written
            self._writer.join(KILLED_SECONDS if status == "KILLED" else FINISH_SECONDS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
