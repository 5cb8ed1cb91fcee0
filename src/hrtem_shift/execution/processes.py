"""The executor of processes on this machine: one that is killed is replaced, its job done again.

Each process has a pipe of its own: what happens to one does not reach the others.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from hrtem_shift.execution.jobs import JobQueue, Outcome, Work, attempt

_SPAWN = multiprocessing.get_context("spawn")

_SECONDS_TO_END = 5.0
"""What a process is given to remove the files that it has begun."""


def run_in_processes(
    work: Work,
    jobs: Sequence[Any],
    shared: tuple[Any, ...],
    on_report: Callable[[int, Any], None],
    *,
    workers: int,
    retries: int,
) -> Iterator[Outcome]:
    """Run jobs in processes; see `hrtem_shift.execution.executors.run_jobs`.

    Raises
    ------
    RuntimeError
        A process ended without being killed, as when the program cannot be imported.
    """
    queue = JobQueue(len(jobs), retries)
    idle: list[_Worker] = []
    busy: list[_Worker] = []
    ended: list[Outcome] = []
    try:
        while True:
            while queue and len(busy) < workers:
                worker = idle.pop() if idle else _Worker(work, shared)
                busy.append(worker)
                worker.give(index := queue.take(), jobs[index])
            yield from ended  # while the next jobs are being done
            if not busy:
                return
            ended = []
            speaking = wait([worker.connection for worker in busy])
            for worker in [one for one in busy if one.connection in speaking]:
                try:
                    message = worker.connection.recv()
                except (EOFError, OSError):
                    busy.remove(worker)
                    ended += queue.lost(worker.index, worker.cause_of_death())
                    continue
                if isinstance(message, Outcome):
                    busy.remove(worker)
                    idle.append(worker)
                    ended.append(message)
                else:
                    on_report(worker.index, message)
    finally:
        _end([*idle, *busy])


class _Worker:
    """A process that does one job after the other."""

    index = -1
    """Of the job that it does."""

    def __init__(self, work: Work, shared: tuple[Any, ...]) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, work, shared), daemon=True)
        with _one_thread_in_children():
            self.process.start()
        theirs.close()  # so that its end is noticed here

    def give(self, index: int, job: Any) -> None:
        """Have it do a job; whether it is still there turns out when it is listened to."""
        self.index = index
        with suppress(OSError):
            self.connection.send((index, job))

    def cause_of_death(self) -> str:
        """Which signal killed it; `RuntimeError` when it ended by itself."""
        _end([self])
        code = self.process.exitcode
        if code is None or code >= 0:
            raise RuntimeError(
                f"A worker process ended by itself with exit code {code}; what it printed says "
                "why. What was finished is kept."
            )
        return f"its process was killed by {signal.Signals(-code).name}"


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(_SECONDS_TO_END)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.connection.close()


def _serve(connection: Connection, work: Work, shared: tuple[Any, ...]) -> None:
    """Do jobs until there are no more: what a worker process runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's, who ends its workers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # unfinished files are removed
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            index, job = connection.recv()
        except EOFError:
            return
        connection.send(attempt(work, index, job, connection.send, shared))


def _end_with_parent() -> None:
    """A killed driver must not leave workers behind that still write."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


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
