"""Executors: same results from one process or two, failures named, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.training.executors import Compute, each_result, run_jobs

SERIAL = Compute(executor="serial")
TWO = Compute(executor="processes", workers=2)


def square(job, report, offset):
    import torch

    report(f"job {job} on {torch.get_num_threads()} thread")
    if job == 3:
        raise InputError("is three", where="job", why="Three is refused", fix="Take another")
    return job**2 + offset, os.getpid()


def die(job, report):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("compute", [SERIAL, TWO])
def test_results_come_as_they_end_and_the_first_error_stops(compute):
    found = dict(each_result("numbers", square, range(3), compute=compute, shared=(100,)))
    assert {job: result for job, (result, _) in found.items()} == {0: 100, 1: 101, 2: 104}
    with pytest.raises(InputError, match="is three"):
        list(each_result("numbers", square, [1, 3], compute=compute, shared=(0,)))


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
    assert good == [100, 101, 104, 116, 125]
    assert str(outcomes[3].error) == "job: is three. Three is refused. Take another."
    assert (0, "job 0 on 1 thread") in reports
    pids = {outcome.result[1] for outcome in outcomes if outcome.error is None}
    assert (os.getpid() in pids) == (compute is SERIAL)


def test_no_jobs_start_no_process():
    assert list(run_jobs(square, [], compute=TWO)) == []


def test_a_killed_worker_is_said():
    with pytest.raises(RuntimeError, match="worker process was killed"):
        list(run_jobs(die, range(4), compute=TWO))


DRIVER = """
import sys, time
from hrtem_shift.training.executors import Compute, run_jobs

def sleep(job, report):
    import os
    print(os.getpid(), flush=True)
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
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(_alive(pid) for pid in workers)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
