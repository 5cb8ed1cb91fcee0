"""Executors: run many independent jobs, here, in several processes or on several machines."""

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
        One for each job, in the order in which they end; an error in one does not stop the
        others. A job that was lost with its process or machine more often than
        ``compute.retries`` ends with `JobLost`.

    Raises
    ------
    InputError
        Ray is asked for and not there, or a machine does not see the project's folder.
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
            retries=compute.retries,
            address=compute.address,
            cores=available_cores(),
            gpus_per_job=_gpus_per_job(compute),
        )


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


def _gpus_per_job(compute: Compute) -> float:

    if compute.gpus_per_job is not None:
        return compute.gpus_per_job
    return 0.0 if compute.torch_device == "cpu" else 0.25
