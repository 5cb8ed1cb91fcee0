"""The executor on Ray: one machine or many, that may join and die while jobs run.

Ray is asked for room only. What is lost with a machine is given out again here, so that an
outcome comes exactly once; the process that calls is the only one that receives results.
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
    retries: int,
    address: str | None,
    cores: int,
    gpus_per_job: float,
) -> Iterator[Outcome]:
    """Run jobs on a Ray cluster; see `hrtem_shift.execution.executors.run_jobs`.

    The first call of a process joins or starts the cluster, later ones use the same.

    Parameters
    ----------
    workers : int
        Most jobs at once; the cluster may have room for fewer.
    address : str or None
        ``HOST:PORT``, ``auto``, or None to start Ray on this machine alone.
    cores : int
        Of this machine, for when Ray is started here.
    gpus_per_job : float
        Part of a GPU that each job is given.

    Raises
    ------
    InputError
        Ray is not installed or does not answer, no machine has a GPU to give, or a machine does
        not see the folder that this process works in.
    """
    ray = _connected(address, cores)
    _check_gpus(ray.cluster_resources(), gpus_per_job)
    do = ray.remote(
        num_cpus=1, num_gpus=gpus_per_job, max_calls=0, max_retries=0, scheduling_strategy="SPREAD"
    )(_do)
    queue = JobQueue(len(jobs), retries)
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
    """A value without its files: what offers ``detached()`` is replaced by what that returns.

    Looks into tuples, lists and dicts.
    """
    if hasattr(value, "detached"):
        return value.detached()
    if isinstance(value, dict):
        return {key: detached(one) for key, one in value.items()}
    if type(value) in (tuple, list):
        return type(value)(detached(one) for one in value)
    return value


class _Mailbox:
    """Keeps what jobs report until it is fetched; the oldest is forgotten first."""

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
    """What jobs have reported; nothing when that cannot be had at once."""
    try:
        return ray.get(mailbox.fetch.remote(), timeout=5)
    except ray.exceptions.RayError:
        return []


def _mailbox_here(ray: Any) -> Any:
    """A mailbox on this machine, which does not die before this process."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(_Mailbox).remote()


@contextmanager
def _marker() -> Iterator[Path]:
    """A file in the working folder; who sees it sees this folder, not one of the same name."""
    with tempfile.NamedTemporaryFile(prefix=".seen-by-workers-", dir=Path.cwd()) as file:
        yield Path(file.name)


def _connected(address: str | None, cores: int) -> Any:
    """Ray, connected once a process."""
    for name, value in (_QUIET | (_ALONE if address is None else {})).items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise _missing() from error
    if not ray.is_initialized():
        with _same_handler_of_sigterm():
            if address is None:
                ray.init("local", num_cpus=cores, include_dashboard=False, **_UNHEARD)
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
            why="Jobs are to run there",
            fix="Start it with ray start --head, or set compute.address=null to start Ray here",
        ) from error


@contextmanager
def _same_handler_of_sigterm() -> Iterator[None]:
    """Ray puts its own in place; this process knows better what to do before it ends."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _check_gpus(room: dict[str, float], gpus_per_job: float) -> None:
    if gpus_per_job > room.get("GPU", 0):
        raise InputError(
            f"jobs want {gpus_per_job:g} GPU each, and the Ray cluster has none",
            where="compute.gpus_per_job",
            why="They would wait for ever",
            fix="Start Ray on machines with GPUs, or set compute.device=cpu",
        )


def _missing() -> InputError:
    return InputError(
        "Ray is not installed",
        where="compute.executor",
        why="The executor 'ray' needs it; the others do not",
        fix='Run pip install "hrtem-shift[ray]", or set compute.executor=processes',
    )


def _unseen(folder: Path) -> InputError:
    return InputError(
        f"machine {socket.gethostname()} does not see it",
        where=str(folder),
        why="Its workers read and write there what the others do",
        fix="Put the project on a disk that every machine of the cluster sees under this path",
    )
