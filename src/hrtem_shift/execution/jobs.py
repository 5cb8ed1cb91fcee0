"""Jobs: how one is done, what comes of it, and what happens to one that is lost.

A job's result depends on the job alone, never on who runs it: every job computes with one
thread, so that one process or eight give the same bits.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hrtem_shift.errors import InputError, InputErrors

Report = Callable[[Any], None]
Work = Callable[..., Any]
"""``work(job, report, *shared) -> result``; ``report`` sends progress while it runs."""


@dataclass(frozen=True)
class Outcome:
    """A job that ended: with a result, or with the error that stopped it."""

    index: int
    result: Any = None
    error: Exception | None = None
    seconds: float = 0.0
    """How long it took, of the clock."""


class JobLost(RuntimeError):
    """A job of which nothing is known: whoever did it was killed, each time."""


def attempt(work: Work, index: int, job: Any, report: Report, shared: tuple[Any, ...]) -> Outcome:
    """Do one job with one thread; an error of it is an outcome, too."""
    started = time.monotonic()
    try:
        with _one_thread():
            result = work(job, report, *shared)
        return Outcome(index, result=result, seconds=time.monotonic() - started)
    except Exception as error:
        return Outcome(index, error=_portable(error))


class JobQueue:
    """Jobs by their index: those that wait, and how often each was lost.

    Parameters
    ----------
    number : int
        Number of jobs.
    retries : int
        How often a lost job is done again.
    """

    def __init__(self, number: int, retries: int) -> None:
        self._waiting = deque(range(number))
        self._retries = retries
        self._losses: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> int:
        """Index of the next job."""
        return self._waiting.popleft()

    def lost(self, index: int, how: str) -> Iterator[Outcome]:
        """Have a job done again, or yield the outcome of one that was lost too often."""
        self._losses[index] += 1
        if self._losses[index] <= self._retries:
            self._waiting.appendleft(index)
            return
        lost = f"job {index} was lost {self._losses[index]} times, the last time because {how}"
        yield Outcome(
            index,
            error=JobLost(
                f"{lost}. If nobody killed it, memory ran out. Set fewer compute.workers, or "
                "make the job smaller, and run the same command again: what was finished is kept."
            ),
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _portable(error: Exception) -> Exception:
    """The error, or its text where it may not survive the way from one process to another.

    Errors of the project are made to; of Python's own, those made of plain text and numbers do.
    """
    plain = type(error).__module__ == "builtins" and all(
        isinstance(part, str | int | float | None) for part in error.args
    )
    if plain or isinstance(error, InputError | InputErrors):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
