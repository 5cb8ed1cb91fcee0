"""Jobs: their outcome, and the queue that repeats a job whose process died.

Every job computes with one thread, so that its result does not depend on the number of
processes.
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
    """Result of a job, or the error that stopped it."""

    index: int
    result: Any = None
    error: Exception | None = None
    seconds: float = 0.0
    """Wall time."""


class JobLost(RuntimeError):
    """A job whose process was killed at every attempt."""


def attempt(work: Work, index: int, job: Any, report: Report, shared: tuple[Any, ...]) -> Outcome:
    """Do one job with one thread; its error becomes an outcome."""
    started = time.monotonic()
    try:
        with _one_thread():
            result = work(job, report, *shared)
        return Outcome(index, result=result, seconds=time.monotonic() - started)
    except Exception as error:
        return Outcome(index, error=_portable(error))


class JobQueue:
    """Indices of `number` waiting jobs; a lost job is repeated up to `retries` times."""

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
        """Queue a lost job again, or yield its outcome if it was lost too often."""
        self._losses[index] += 1
        if self._losses[index] <= self._retries:
            self._waiting.appendleft(index)
            return
        error = JobLost(
            f"job {index} was lost {self._losses[index]} times, the last time because {how}. If "
            "nobody killed it, memory ran out. Set fewer compute.workers or make the job smaller, "
            "then run the same command again: finished jobs are kept."
        )
        yield Outcome(index, error=error)


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
    """The error, or its text as a RuntimeError where pickle may not restore it."""
    plain = type(error).__module__ == "builtins" and all(
        isinstance(part, str | int | float | None) for part in error.args
    )
    if plain or isinstance(error, InputError | InputErrors):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
