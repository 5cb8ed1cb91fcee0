"""Ray: two nodes on this machine, one of which dies; and the messages when Ray is not available."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from living_processes import wait_until_gone

from hrtem_shift.errors import InputError
from hrtem_shift.execution import ray_executor
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import run_jobs
from hrtem_shift.execution.jobs import JobLost
from hrtem_shift.execution.ray_executor import detached

# Read when Ray is imported. The nodes listen on 127.0.0.1 alone and need no token.
ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}
os.environ.update(ALONE)
# Ray makes its workers nicer than the tests beside these, which would starve them.
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (Ray's own spelling)
ray = pytest.importorskip("ray", reason='Ray is not installed: pip install -e ".[ray]"')


@pytest.fixture(scope="module")
def cluster():
    from ray.cluster_utils import Cluster

    nodes = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "node_ip_address": "127.0.0.1"}
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):  # to find this module
        head = nodes | {"_system_config": {"health_check_period_ms": 500}}  # death is seen sooner
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(**nodes)
    processes = [
        info.process.pid for node in cluster.list_all_nodes() for info in _started_by(node)
    ]
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    wait_until_gone(processes)


def _started_by(node):
    return [info for infos in node.all_processes.values() for info in infos]


@pytest.fixture
def compute(cluster):
    return Compute(executor="ray", address=cluster.address, device="cpu", retries=1)


def train(seed, report, inputs):
    """Loss of a tiny network after some 0.1 s of training, and the node where it was trained."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    images = torch.from_numpy(inputs.copy())
    labels = (images.mean((2, 3)) > 0).float()
    first = torch.randn(8, 1, 3, 3, generator=generator).requires_grad_()
    second = torch.randn(8, 1, generator=generator).requires_grad_()
    optimizer = torch.optim.SGD([first, second], lr=0.01)
    for epoch in range(15):
        results = torch.conv2d(images, first).relu().mean((2, 3)) @ second
        loss = torch.nn.functional.binary_cross_entropy_with_logits(results, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        report(epoch)
    node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "serial"
    return loss.item(), node


def crash_if_even(job, report, folder):
    if job % 2 == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    assert Path.cwd() == folder
    return job


def test_a_node_that_dies_loses_no_job_and_changes_no_bit(cluster, compute):
    inputs = np.random.default_rng(0).standard_normal((64, 1, 32, 32), dtype=np.float32)
    alone = run_jobs(train, range(40), compute=Compute(executor="serial"), shared=(inputs,))
    expected = [outcome.result[0] for outcome in alone]
    results, nodes, reports = {}, set(), set()
    for outcome in run_jobs(
        train,
        range(40),
        compute=compute,
        shared=(inputs,),
        on_report=lambda index, epoch: reports.add((index, epoch)),
    ):
        assert outcome.index not in results and outcome.error is None
        results[outcome.index], node = outcome.result
        nodes.add(node)
        if len(nodes) == 2 and cluster.worker_nodes:
            cluster.remove_node(*cluster.worker_nodes, allow_graceful=False)
            assert len(results) < 30, "too late to lose anything"
    assert len(nodes) == 2
    assert [results[index] for index in range(40)] == expected
    assert reports <= {(index, epoch) for index in range(40) for epoch in range(15)}
    assert len({index for index, _ in reports}) > 3


def test_a_job_that_kills_each_of_its_workers_ends_as_an_error(compute):
    outcomes = list(run_jobs(crash_if_even, [1, 2, 3], compute=compute, shared=(Path.cwd(),)))
    assert sorted(outcome.index for outcome in outcomes) == [0, 1, 2]
    ended = {outcome.index: outcome.result or type(outcome.error) for outcome in outcomes}
    assert ended == {0: 1, 1: JobLost, 2: 3}


def test_a_machine_that_sees_another_folder_is_named(compute, monkeypatch, tmp_path):
    @contextmanager
    def elsewhere():
        yield tmp_path / "another disk" / "marker"

    monkeypatch.setattr(ray_executor, "_marker", elsewhere)
    with pytest.raises(InputError, match=r"another disk: machine .* does not see it"):
        list(run_jobs(crash_if_even, [1, 3], compute=compute, shared=(Path.cwd(),)))


def test_jobs_do_not_wait_for_gpus_that_nobody_has(compute):
    with pytest.raises(InputError, match=r"need 0.5 GPU each"):
        greedy = compute.model_copy(update={"gpus_per_job": 0.5})
        list(run_jobs(crash_if_even, [1, 3], compute=greedy))


DRIVER = """
import os, sys, time
from pathlib import Path
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import run_jobs

def sleep(job, report, folder):
    (folder / str(os.getpid())).touch()
    time.sleep(120)

if __name__ == "__main__":
    compute = Compute(executor="ray", address=sys.argv[1], device="cpu")
    list(run_jobs(sleep, range(2), compute=compute, shared=(Path.cwd(),)))
"""


def test_workers_end_when_their_driver_is_killed(cluster, tmp_path):
    command = [sys.executable, "-c", DRIVER, cluster.address]
    with subprocess.Popen(command, cwd=tmp_path) as driver:
        while not (workers := [int(path.name) for path in tmp_path.glob("[0-9]*")]):
            assert driver.poll() is None
            time.sleep(0.1)
        driver.kill()
    wait_until_gone(workers)


LAPTOP = """
import json, signal
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import run_jobs

def square(job, report):
    return job**2

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    outcomes = run_jobs(square, range(3), compute=Compute(executor="ray", device="cpu"))
    results = sorted(outcome.result for outcome in outcomes)
    import ray
    addresses = [node["NodeManagerAddress"] for node in ray.nodes()]
    same = signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    print(json.dumps([results, addresses, same]))
"""


@pytest.mark.slow
def test_without_an_address_ray_is_started_here_and_listens_to_this_machine_alone(tmp_path):
    as_a_user = {name: value for name, value in os.environ.items() if name not in ALONE}
    done = subprocess.run(
        [sys.executable, "-c", LAPTOP],
        cwd=tmp_path,
        env=as_a_user | {"HOME": str(tmp_path)},  # for the token that Ray makes
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[0, 1, 4], ["127.0.0.1"], True]
    assert not list(tmp_path.glob(".seen*"))


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere"])
def test_an_address_where_nobody_answers_is_an_error_within_seconds(address):
    ray.shutdown()
    with pytest.raises(InputError, match=f"no Ray cluster answers at '{address}'"):
        list(run_jobs(crash_if_even, range(2), compute=Compute(executor="ray", address=address)))


def test_ray_is_asked_for_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r'pip install "hrtem-shift\[ray\]"'):
        list(run_jobs(crash_if_even, range(2), compute=Compute(executor="ray")))


def test_what_can_be_detached_is_found_in_tuples_lists_and_dicts():
    class Mapped:
        def detached(self):
            return "arrays"

    assert detached((1, {"a": Mapped()}, [Mapped()])) == (1, {"a": "arrays"}, ["arrays"])
