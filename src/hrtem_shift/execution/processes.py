"""Run jobs in processes of this machine; a killed process is replaced and its job repeated.

Each process has its own pipe, so that a process that dies does not disturb the others.
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
"""Time that a process has to remove its unfinished files."""


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
        A process ended without being killed, for example because an import failed.
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
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
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
    """Index of the current job."""

    def __init__(self, work: Work, shared: tuple[Any, ...]) -> None:
        self.connection, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, work, shared), daemon=True)
        with _one_thread_in_children():
            self.process.start()
        theirs.close()  # otherwise recv would not notice that the process ended

    def give(self, index: int, job: Any) -> None:
        """Send it a job; if the process is dead, the next recv notices."""
        self.index = index
        with suppress(OSError):
            self.connection.send((index, job))

    def cause_of_death(self) -> str:
        """Signal that killed it; raises `RuntimeError` if it ended by itself."""
        _end([self])
        code = self.process.exitcode
        if code is None or code >= 0:
            raise RuntimeError(
                f"A worker process ended by itself with exit code {code}; see its output for the "
                "reason. Finished jobs are kept."
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
    """Main function of a worker process: do jobs until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the main process ends its workers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that unfinished files are removed
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            index, job = connection.recv()
        except EOFError:
            return
        connection.send(attempt(work, index, job, connection.send, shared))


def _end_with_parent() -> None:
    """End with the main process, even if that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def _one_thread_in_children() -> Iterator[None]:
    """Set one thread for child processes, which read these variables when they start."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]
        os.environ.update({name: value for name, value in before.items() if value is not None})
