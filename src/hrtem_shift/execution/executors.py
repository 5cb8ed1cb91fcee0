"""Run independent jobs one by one, in several processes, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from hrtem_shift.execution.compute import Compute, available_cores
from hrtem_shift.execution.jobs import Outcome, Work, attempt
from hrtem_shift.execution.processes import run_in_processes
from hrtem_shift.progress import JobProgress


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
        One a job, in the order in which they end; an error in one does not stop the others. A
        job whose process or machine died more often than ``compute.retries`` ends with
        `JobLost`.

    Raises
    ------
    InputError
        Ray is not available, or a machine does not see the project's folder.
    RuntimeError
        Workers cannot be started.
    """
    most = len(jobs) if compute.executor == "ray" else available_cores()
    workers = min(compute.workers or most, len(jobs))
    if compute.executor == "serial" or workers <= 1:
        for index, job in enumerate(jobs):
            yield attempt(work, index, job, partial(on_report, index), shared)
    elif compute.executor == "processes":
        yield from run_in_processes(
            work, jobs, shared, on_report, workers=workers, retries=compute.retries
        )
    else:
        from hrtem_shift.execution.ray_executor import run_on_ray

        yield from run_on_ray(
            work,
            jobs,
            shared,
            on_report,
            workers=workers,
            compute=compute,
        )


def each_result(
    title: str,
    work: Work,
    jobs: Sequence[Any],
    *,
    compute: Compute,
    shared: tuple[Any, ...] = (),
) -> Iterator[tuple[int, Any]]:
    """Yield (index, result) of each job as it ends, with a progress bar named `title`.

    Stops at the first job that fails and raises its error; see `run_jobs`.
    """
    with JobProgress(title, len(jobs)) as progress:
        for outcome in run_jobs(work, jobs, compute=compute, shared=shared):
            if outcome.error:
                raise outcome.error
            yield outcome.index, outcome.result
            progress.ended(outcome.index)
