"""The thread that writes to MLflow: it gathers, writes every few seconds, and does not give up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from hrtem_shift.tracking.liveness import HEARTBEAT_SECONDS
from hrtem_shift.tracking.news import News
from hrtem_shift.tracking.store import Refused, TrackingStore

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 5.0
"""Between two looks at what is new: a network is written no oftener than this."""
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 60.0
"""First pause before a store that failed is asked again, doubled up to the longest."""
CLOSING_SECONDS = 10.0
"""How long a run that ends waits for a store that does not answer."""


class Writer(threading.Thread):
    """Writes what is said to the store; what the store does not take waits.

    Parameters
    ----------
    store : TrackingStore
        Touched by this thread alone.
    said : SimpleQueue
        News of networks; at last, the status that the run ends with.
    """

    opening: tuple[str, dict[str, str], dict[str, Any]]
    """Name, tags and parameters of the parent run."""
    written = 0
    """News written so far: who waits for the end sees that it nears."""

    def __init__(self, store: TrackingStore, said: SimpleQueue[News | str]) -> None:
        super().__init__(name="mlflow writer", daemon=True)
        self._store, self._said = store, said
        self._waiting: dict[str, News] = {}
        self._ending = ""
        self._pause = RETRY_SECONDS
        self._not_before = self._last_beat = 0.0
        self._failed_before = False

    def run(self) -> None:
        """Write until the run ends, then close it."""
        behind = False
        while not self._ending:
            self._listen(0 if behind else FLUSH_SECONDS)
            if not self._ending and time.monotonic() >= self._not_before:
                behind = self._attempt(self._write_for_a_while) and bool(self._waiting)
        self._pause, give_up = RETRY_SECONDS, time.monotonic() + CLOSING_SECONDS
        while not self._attempt(self._close) and time.monotonic() + self._pause < give_up:
            time.sleep(self._pause)
        if self._waiting:
            logger.warning("MLflow lacks %d networks; the next run logs them.", len(self._waiting))

    def _listen(self, seconds: float) -> None:
        """Gather news until the time is over or the run ends."""
        until = time.monotonic() + seconds
        while not self._ending:
            try:
                said = self._said.get(timeout=max(until - time.monotonic(), 0))
            except Empty:
                return
            if isinstance(said, str):
                self._ending = said
            else:
                before = self._waiting.get(said.run_id)
                self._waiting[said.run_id] = before.and_then(said) if before else said

    def _write_for_a_while(self) -> None:
        """Write what waits, live networks first, until it is time to listen again."""
        if self._has_nothing_to_say():
            return
        self._open()
        until = time.monotonic() + FLUSH_SECONDS
        for news in sorted(self._waiting.values(), key=lambda news: news.status == "FINISHED"):
            self._write(news)
            if time.monotonic() > until:
                return

    def _close(self) -> None:
        """Write all that waits, or, in a hurry, what is open already, and close."""
        if self._has_nothing_to_say():
            return
        self._open()
        open_already = self._store.running()
        for news in list(self._waiting.values()):
            if self._ending != "KILLED" or news.run_id in open_already:
                self._write(news)
        self._store.close(self._ending)

    def _has_nothing_to_say(self) -> bool:
        """A run that is refused before it comes to a network leaves the store alone."""
        return not self._waiting and not self._store.is_open

    def _open(self) -> None:
        if not self._store.is_open:
            self._store.open(*self.opening)
        elif time.monotonic() - self._last_beat > HEARTBEAT_SECONDS:
            self._store.beat()
        else:
            return
        self._last_beat = time.monotonic()

    def _write(self, news: News) -> None:
        try:
            self._store.write(news)
        except Refused as error:
            logger.warning("MLflow does not take network %s: %s", news.run_id, _first_line(error))
        del self._waiting[news.run_id]
        self.written += 1

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Whether the store took it; after a failure it is left alone for a while."""
        try:
            action()
        except Exception as error:
            self._say_once(error)
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_RETRY_SECONDS)
            return False
        self._pause = RETRY_SECONDS
        return True

    def _say_once(self, error: Exception) -> None:
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
