"""Run jobs on a Ray cluster, whose machines may join and die while jobs run.

Ray only places the jobs. Jobs that were lost with a machine are repeated from here, so that each
has exactly one outcome; only the calling process receives results.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hrtem_shift.errors import InputError
from hrtem_shift.execution.compute import Compute, available_cores
from hrtem_shift.execution.jobs import JobQueue, Outcome, Work, attempt

_SECONDS_BETWEEN_REPORTS = 0.5
_REPORTS_KEPT = 10_000


def run_on_ray(
    work: Work,
    jobs: Sequence[Any],
    shared: tuple[Any, ...],
    on_report: Callable[[int, Any], None],
    *,
    workers: int,
    compute: Compute,
) -> Iterator[Outcome]:
    """Run jobs on a Ray cluster, at most `workers` at once.

    See `hrtem_shift.execution.executors.run_jobs`. The first call of a process joins or starts
    the cluster, later calls use the same one.

    Raises
    ------
    InputError
        Ray is not installed or does not answer, no machine has a free GPU, or a machine does
        not see the working folder of this process.
    """
    ray = _connected(compute.address)
    gpus_per_job = compute.gpus_per_job
    if gpus_per_job is None:
        gpus_per_job = 0.0 if compute.torch_device == "cpu" else 0.25
    _check_gpus(ray.cluster_resources(), gpus_per_job)
    do = ray.remote(
        num_cpus=1, num_gpus=gpus_per_job, max_calls=0, max_retries=0, scheduling_strategy="SPREAD"
    )(_do)
    queue = JobQueue(len(jobs), compute.retries)
    running: dict[Any, int] = {}
    with _marker() as marker:
        mailbox = _mailbox_here(ray)
        common = ray.put((work, detached(shared), mailbox, marker))
        try:
            while queue or running:
                while queue and len(running) < workers:
                    index = queue.take()
                    running[do.remote(common, index, jobs[index])] = index
                ended, _ = ray.wait(list(running), timeout=_SECONDS_BETWEEN_REPORTS)
                for index, event in _reports(ray, mailbox):
                    if index in running.values():
                        on_report(index, event)
                for reference in ended:
                    yield from _outcome(ray, reference, running.pop(reference), queue)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
            ray.kill(mailbox)


def detached(value: Any) -> Any:
    """Replace values that have a method ``detached()`` by its result, in tuples, lists, dicts.

    Open files are replaced so, which other machines cannot read.
    """
    if hasattr(value, "detached"):
        return value.detached()
    if isinstance(value, dict):
        return {key: detached(item) for key, item in value.items()}
    if type(value) in (tuple, list):
        return type(value)(detached(item) for item in value)
    return value


class _Mailbox:
    """Queue of reports from jobs; if it is full, the oldest are dropped."""

    def __init__(self) -> None:
        self._events: deque[tuple[int, Any]] = deque(maxlen=_REPORTS_KEPT)

    def put(self, index: int, event: Any) -> None:
        self._events.append((index, event))

    def fetch(self) -> list[tuple[int, Any]]:
        events = list(self._events)
        self._events.clear()
        return events


def _do(common: tuple[Work, tuple[Any, ...], Any, Path], index: int, job: Any) -> Outcome:
    """Do one job, in a worker of the cluster."""
    work, shared, mailbox, marker = common
    if not marker.exists():
        raise _unseen(marker.parent)
    os.chdir(marker.parent)  # as a child process would
    return attempt(work, index, job, lambda event: mailbox.put.remote(index, event), shared)


def _outcome(ray: Any, reference: Any, index: int, queue: JobQueue) -> Iterator[Outcome]:
    try:
        yield ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # before or after the job, which never raises
        raise error.cause from error
    except ray.exceptions.RayError as error:
        yield from queue.lost(index, f"{type(error).__name__}: {str(error).splitlines()[0]}")


def _reports(ray: Any, mailbox: Any) -> list[tuple[int, Any]]:
    """New reports of jobs; empty if they cannot be fetched now."""
    try:
        return ray.get(mailbox.fetch.remote(), timeout=5)
    except ray.exceptions.RayError:
        return []


def _mailbox_here(ray: Any) -> Any:
    """A mailbox on this machine, so that it does not die before this process."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(_Mailbox).remote()


@contextmanager
def _marker() -> Iterator[Path]:
    """A file in the working folder; a machine that has it sees this folder, not a namesake."""
    with tempfile.NamedTemporaryFile(prefix=".seen-by-workers-", dir=Path.cwd()) as file:
        yield Path(file.name)


def _connected(address: str | None) -> Any:
    """Ray, connected once a process; started on this machine if there is no address."""
    for name, value in (_QUIET | (_ALONE if address is None else {})).items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise _missing() from error
    if not ray.is_initialized():
        with _same_handler_of_sigterm():
            if address is None:
                ray.init("local", num_cpus=available_cores(), include_dashboard=False, **_UNHEARD)
            else:
                _join(ray, address)
    return ray


_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
_ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on each system: listen on 127.0.0.1 alone
    "RAY_AUTH_MODE": "token",
}
_UNHEARD: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}


def _join(ray: Any, address: str) -> None:
    try:
        if address != "auto":  # Ray itself would try for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address, **_UNHEARD)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"no Ray cluster answers at '{address}' ({str(error).splitlines()[0]})",
            where="compute.address",
            why="Jobs run there",
            fix="Start it with ray start --head, or set compute.address=null to start Ray here",
        ) from error


@contextmanager
def _same_handler_of_sigterm() -> Iterator[None]:
    """Restore this process's handler, which Ray replaces by its own."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _check_gpus(room: dict[str, float], gpus_per_job: float) -> None:
    if gpus_per_job > room.get("GPU", 0):
        raise InputError(
            f"jobs need {gpus_per_job:g} GPU each, and the Ray cluster has none",
            where="compute.gpus_per_job",
            why="They would wait for ever",
            fix="Start Ray on machines with GPUs, or set compute.device=cpu",
        )


def _missing() -> InputError:
    return InputError(
        "Ray is not installed",
        where="compute.executor",
        why="The executor 'ray' needs it",
        fix='Run pip install "hrtem-shift[ray]", or set compute.executor=processes',
    )


def _unseen(folder: Path) -> InputError:
    return InputError(
        f"machine {socket.gethostname()} does not see it",
        where=str(folder),
        why="All workers read and write in this folder",
        fix="Put the project on a disk that every machine of the cluster sees under this path",
    )
