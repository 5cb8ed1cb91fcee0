"""Progress of long work: a bar in a terminal, a line every 20 s in a log file."""

from __future__ import annotations

import logging
import time
from types import TracebackType

from rich import get_console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 20


class JobProgress:
    """Progress bar over jobs: how many are done, notes of the running ones, and the time left.

    Parameters
    ----------
    title : str
        What a job is, in the plural: "networks".
    total : int
        Number of jobs.
    """

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done = title, total, 0
        self._started = self._last_line = time.monotonic()
        self._parts: dict[int, float] = {}
        console = get_console()
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=total, note="")

    def __enter__(self) -> JobProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def running(self, job: int, part: float, note: str) -> None:
        """Job number `job` has done `part` (0..1) of its work; `note` is shown."""
        self._parts[job] = part
        self._show(note)

    def ended(self, job: int, note: str = "") -> None:
        """Job number `job` has ended."""
        self._parts.pop(job, None)
        self.done += 1
        self._show(note)

    def _show(self, note: str) -> None:
        finished = self.done + sum(self._parts.values())
        self._bar.update(self._task, completed=finished, note=note)
        now = time.monotonic()
        quiet = now - self._last_line < SECONDS_BETWEEN_LINES and self.done < self.total
        if not self._bar.disable or quiet or not finished:
            return
        self._last_line = now
        left = (now - self._started) * (self.total / finished - 1)
        tail = f" ({note})" if note else ""
        logger.info(
            "%s: %d of %d, about %.0f s left%s", self.title, self.done, self.total, left, tail
        )
