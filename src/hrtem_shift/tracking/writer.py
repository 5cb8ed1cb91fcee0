"""The thread that writes to MLflow every few seconds, and retries while the store is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from hrtem_shift.tracking.owner import HEARTBEAT_SECONDS
from hrtem_shift.tracking.store import Rejected, TrackingStore
from hrtem_shift.tracking.updates import RunUpdate

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
"""Shortest time between two writes of a network."""
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 60.0
"""First pause after a failure, doubled up to the longest."""
CLOSING_SECONDS = 10.0
"""How long a run that ends waits for a store that does not answer."""


class Writer(threading.Thread):
    """Writes updates to the store, and keeps them until the store has taken them.

    Parameters
    ----------
    store : TrackingStore
        Used by this thread alone.
    updates : SimpleQueue
        Updates of networks; at last, the final status of the run.
    """

    opening: tuple[str, dict[str, str], dict[str, Any]]
    """Name, tags and parameters of the parent run."""
    written = 0
    """Number of updates written, which shows progress to whoever waits for the end."""

    def __init__(self, store: TrackingStore, updates: SimpleQueue[RunUpdate | str]) -> None:
        super().__init__(name="mlflow writer", daemon=True)
        self._store, self._updates = store, updates
        self._pending: dict[str, RunUpdate] = {}
        self._ending = ""
        self._pause = RETRY_SECONDS
        self._not_before = self._last_heartbeat = 0.0
        self._failed_before = False

    def run(self) -> None:
        """Write until the run ends, then close it."""
        behind = False
        while not self._ending:
            self._drain_queue(0 if behind else FLUSH_SECONDS)
            if not self._ending and time.monotonic() >= self._not_before:
                behind = self._attempt(self._write_pending) and bool(self._pending)
        self._pause, give_up = RETRY_SECONDS, time.monotonic() + CLOSING_SECONDS
        while not self._attempt(self._close) and time.monotonic() + self._pause < give_up:
            time.sleep(self._pause)
        if self._pending:
            logger.warning("MLflow lacks %d networks; the next run logs them.", len(self._pending))

    def _drain_queue(self, seconds: float) -> None:
        """Collect updates until the time is over or the run ends."""
        until = time.monotonic() + seconds
        while not self._ending:
            try:
                update = self._updates.get(timeout=max(until - time.monotonic(), 0))
            except Empty:
                return
            if isinstance(update, str):
                self._ending = update
            else:
                earlier = self._pending.get(update.run_id)
                self._pending[update.run_id] = earlier.merged(update) if earlier else update

    def _write_pending(self) -> None:
        """Write pending updates, running networks first, until it is time to drain the queue."""
        if self._is_idle():
            return
        self._open()
        until = time.monotonic() + FLUSH_SECONDS
        for update in sorted(
            self._pending.values(), key=lambda update: update.status == "FINISHED"
        ):
            self._write(update)
            if time.monotonic() > until:
                return

    def _close(self) -> None:
        """Write all pending updates, of a killed run only those of open networks, and close."""
        if self._is_idle():
            return
        self._open()
        running = self._store.running()
        for update in list(self._pending.values()):
            if self._ending != "KILLED" or update.run_id in running:
                self._write(update)
        self._store.close(self._ending)

    def _is_idle(self) -> bool:
        """Whether no network was ever tracked; such a run leaves nothing in the store."""
        return not self._pending and not self._store.is_open

    def _open(self) -> None:
        if not self._store.is_open:
            self._store.open(*self.opening)
        elif time.monotonic() - self._last_heartbeat > HEARTBEAT_SECONDS:
            self._store.beat()
        else:
            return
        self._last_heartbeat = time.monotonic()

    def _write(self, update: RunUpdate) -> None:
        try:
            self._store.write(update)
        except Rejected as error:
            logger.warning("MLflow rejects network %s: %s", update.run_id, _first_line(error))
        del self._pending[update.run_id]
        self.written += 1

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Whether an action succeeded; after a failure the next attempt waits."""
        try:
            action()
        except Exception as error:
            self._warn_once(error)
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_RETRY_SECONDS)
            return False
        self._pause = RETRY_SECONDS
        return True

    def _warn_once(self, error: Exception) -> None:
        if not self._failed_before:
            self._failed_before = True
            logger.warning(
                "MLflow at %s cannot be written to (%s). The run goes on; its records are "
                "complete, and what is missing is logged when MLflow answers, or by the next run.",
                self._store.uri,
                _first_line(error),
            )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
