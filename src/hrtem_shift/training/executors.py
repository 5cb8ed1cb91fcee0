"""Executors: run many independent jobs, here or in several processes, and report as they go.

A job's result depends on the job alone, never on who runs it: every job computes with one
thread, so that one process or eight give the same bits.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import Field

from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.progress import JobProgress

Report = Callable[[Any], None]
Work = Callable[..., Any]
"""``work(job, report, *shared) -> result``; ``report`` sends progress while it runs."""


class Compute(ParameterBlock):
    """Where and how jobs run; never part of a result's identity."""

    executor: Literal["processes", "serial"] = "processes"
    workers: int | None = Field(default=None, ge=1)
    """Processes; null = as many as this process may use cores."""
    device: str = "auto"
    """``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``."""


@dataclass(frozen=True)
class Outcome:
    """A job that ended: with a result, or with the error that stopped it."""

    index: int
    result: Any = None
    error: Exception | None = None


def run_jobs(
    work: Work,
    jobs: Sequence[Any],
    *,
    compute: Compute,
    shared: tuple[Any, ...] = (),
    on_report: Callable[[int, Any], None] = lambda index, event: None,
) -> Iterator[Outcome]:
    """Run ``work(job, report, *shared)`` for each job and yield outcomes as they end.

    Parameters
    ----------
    work : callable
        A function of a module (it is sent to other processes by name).
    jobs : sequence
        One argument each; small.
    shared : tuple
        Further arguments, sent to each process once.
    on_report : callable
        Receives (index of the job, what it reported), in this process.

    Yields
    ------
    Outcome
        In the order in which jobs end; an error in one does not stop the others.

    Raises
    ------
    RuntimeError
        A process was killed, by a person or for want of memory.
    """
    workers = min(compute.workers or available_cores(), len(jobs))
    if compute.executor == "serial" or workers <= 1:
        yield from _run_here(work, jobs, shared, on_report)
    else:
        yield from _run_in_processes(work, jobs, shared, on_report, workers)


def each_result(
    title: str,
    work: Work,
    jobs: Sequence[Any],
    *,
    compute: Compute,
    shared: tuple[Any, ...] = (),
) -> Iterator[tuple[int, Any]]:
    """Run jobs none of which may fail, show their progress, and yield results as they end.

    Parameters
    ----------
    title : str
        What a job is, in the plural.
    work, jobs, compute, shared
        As for `run_jobs`.

    Yields
    ------
    tuple
        Index of the job, and its result.

    Raises
    ------
    Exception
        The first error of a job.
    """
    with JobProgress(title, len(jobs)) as progress:
        for outcome in run_jobs(work, jobs, compute=compute, shared=shared):
            if outcome.error:
                raise outcome.error
            yield outcome.index, outcome.result
            progress.ended(outcome.index)


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_here(
    work: Work, jobs: Sequence[Any], shared: tuple[Any, ...], on_report: Callable[[int, Any], None]
) -> Iterator[Outcome]:
    for index, job in enumerate(jobs):
        with _one_thread():
            outcome = _attempt(work, index, job, partial(on_report, index), shared)
        yield outcome


def _run_in_processes(
    work: Work,
    jobs: Sequence[Any],
    shared: tuple[Any, ...],
    on_report: Callable[[int, Any], None],
    workers: int,
) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    with (
        _one_thread_in_children(),
        ProcessPoolExecutor(
            workers, context, initializer=_start_worker, initargs=(work, shared, reports)
        ) as pool,
    ):
        pending: set[Future[Outcome]] = {
            pool.submit(_work_in_worker, index, job) for index, job in enumerate(jobs)
        }
        try:
            while pending:
                ended, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                _pass_on(reports, on_report)
                for future in ended:
                    yield future.result()
        except BrokenProcessPool as error:
            raise RuntimeError(
                "A worker process was killed, by hand or because memory ran out. What was "
                "finished is kept: run the same command again, with fewer compute.workers "
                "if memory is short."
            ) from error
        finally:
            for future in pending:
                future.cancel()


def _pass_on(reports: Any, on_report: Callable[[int, Any], None]) -> None:
    while True:
        try:
            index, event = reports.get_nowait()
        except queue.Empty:
            return
        on_report(index, event)


def _attempt(work: Work, index: int, job: Any, report: Report, shared: tuple[Any, ...]) -> Outcome:
    try:
        return Outcome(index, result=work(job, report, *shared))
    except Exception as error:
        return Outcome(index, error=error)


# What a worker process holds: set once when it starts, used for each of its jobs.
_worker: dict[str, Any] = {}


def _start_worker(work: Work, shared: tuple[Any, ...], reports: Any) -> None:
    import torch

    torch.set_num_threads(1)
    _worker.update(work=work, shared=shared, reports=reports)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()


def _work_in_worker(index: int, job: Any) -> Outcome:
    def report(event: Any) -> None:
        _worker["reports"].put((index, event))

    return _attempt(_worker["work"], index, job, report, _worker["shared"])


def _end_with_parent(parent: int) -> None:
    """A killed driver must not leave workers behind that still write."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _one_thread_in_children() -> Iterator[None]:
    """Children read these when they start; two threads a core make each other wait."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
