"""Executors: same results from one process or two, failures named, nothing left behind."""

import os
import signal
import subprocess
import sys
import time

import pytest
from living_processes import wait_until_gone

from hrtem_shift.errors import InputError
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import each_result, run_jobs
from hrtem_shift.execution.jobs import JobLost
from hrtem_shift.files import atomic_write

SERIAL = Compute(executor="serial")
TWO = Compute(executor="processes", workers=2)


class Unspeakable(Exception):
    """Can be pickled, and not read again."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def square(job, report, offset):
    import torch

    report(f"job {job} on {torch.get_num_threads()} thread")
    if job == 3:
        raise InputError("is three", where="job", why="Three is refused", fix="Take another")
    if job == 4:
        raise Unspeakable("a", "b")
    return job**2 + offset, os.getpid()


def die(job, report, folder):
    """Which attempt this is; ``never`` is being done while the others are killed."""
    attempt = len(list(folder.glob(f"{job} *"))) + 1
    (folder / f"{job} {attempt}").touch()
    while job == "never" and not (folder / "always 2").exists():
        time.sleep(0.01)
    if job == "always" or (job == "once" and attempt == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return attempt


def sleep(seconds, report):
    time.sleep(seconds)


def leave(job, report):
    os._exit(7)


def write_for_long(seconds, report, folder):
    with atomic_write(folder / f"{os.getpid()}") as path:
        path.touch()
        time.sleep(seconds)
        path.unlink()
        raise ValueError("not written")


def test_results_come_as_they_end_and_the_first_error_stops():
    results = dict(each_result("numbers", square, range(3), compute=SERIAL, shared=(100,)))
    assert {job: result for job, (result, _) in results.items()} == {0: 100, 1: 101, 2: 104}
    with pytest.raises(InputError, match="is three"):
        list(each_result("numbers", square, [1, 3], compute=SERIAL, shared=(0,)))


@pytest.mark.parametrize("compute", [SERIAL, TWO])
def test_results_reports_and_errors_come_back(compute):
    reports = []
    outcomes = sorted(
        run_jobs(
            square,
            range(6),
            compute=compute,
            shared=(100,),
            on_report=lambda index, event: reports.append((index, event)),
        ),
        key=lambda outcome: outcome.index,
    )
    good = [outcome.result[0] for outcome in outcomes if outcome.error is None]
    assert good == [100, 101, 104, 125]
    assert str(outcomes[3].error) == "job: is three. Three is refused. Take another."
    assert str(outcomes[4].error).endswith("a and b")
    assert (0, "job 0 on 1 thread") in reports
    pids = {outcome.result[1] for outcome in outcomes if outcome.error is None}
    assert (os.getpid() in pids) == (compute is SERIAL)


def test_the_time_of_a_job_is_measured():
    (outcome,) = run_jobs(sleep, [0.05], compute=SERIAL)
    assert 0.05 <= outcome.seconds < 5


def test_little_work_takes_fewer_workers_unless_their_number_is_set():
    assert Compute().at_most(1).workers == 1
    assert TWO.at_most(1) == TWO


def test_no_jobs_start_no_process():
    assert list(run_jobs(square, [], compute=TWO)) == []


def test_only_the_job_of_a_killed_worker_is_done_again_and_not_for_ever(tmp_path):
    once = TWO.model_copy(update={"retries": 1})
    outcomes = list(run_jobs(die, ["once", "never", "always"], compute=once, shared=(tmp_path,)))
    attempts = {outcome.index: outcome.result for outcome in outcomes}
    assert len(outcomes) == 3 and attempts == {0: 2, 1: 1, 2: None}
    lost = next(outcome.error for outcome in outcomes if outcome.index == 2)
    assert isinstance(lost, JobLost)
    assert "job 2 was lost 2 times" in str(lost)
    assert "killed by SIGKILL. If nobody killed it, memory ran out" in str(lost)


def test_workers_that_cannot_start_are_not_started_over_and_over():
    with pytest.raises(RuntimeError, match="ended by itself with exit code 7"):
        list(run_jobs(leave, range(2), compute=TWO))


def test_unfinished_files_are_removed_when_the_work_is_given_up(tmp_path):
    working = run_jobs(write_for_long, [0, 60, 60], compute=TWO, shared=(tmp_path,))
    assert next(working).index == 0
    while len(list(tmp_path.iterdir())) < 2:  # the other two have begun
        time.sleep(0.01)
    working.close()
    assert list(tmp_path.iterdir()) == []


DRIVER = """
import sys, time
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import run_jobs

def sleep(job, report):
    import os
    os.write(1, f"{os.getpid()}\\n".encode())  # one write, which the other worker cannot split
    time.sleep(120)

if __name__ == "__main__":
    list(run_jobs(sleep, range(2), compute=Compute(workers=2)))
"""


def test_workers_end_when_their_driver_is_killed(tmp_path):
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, str(tmp_path / "driver.py")], stdout=subprocess.PIPE, text=True
    )
    with driver:
        workers = [int(driver.stdout.readline()) for _ in range(2)]
        driver.kill()
    wait_until_gone(workers)
