"""How much a second machine shortens a sweep: two Ray nodes of one core each, on this machine.

    python benchmarks/ray_nodes.py --json FILE [--jobs 40] [--rounds 2]

A round trains the same networks (four at once, 64 px) first on one node, then on two; the second
joins in between. Worker processes and imports count. Needs the extra `ray`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from measuring import ONE_THREAD, cpu_name, median_and_interval

from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import run_jobs
from hrtem_shift.execution.jobs import Report

ALONE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "disabled",  # the nodes listen on 127.0.0.1 alone
    "RAY_USAGE_STATS_ENABLED": "0",
}
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "node_ip_address": "127.0.0.1"}


def train(seed: int, report: Report) -> int:
    """Some steps of four networks; which process did them."""
    from training_arms import ours

    ours.steps_without_data(size=64, members=4, batch=16, steps=24)
    return os.getpid()


def sweep_s(jobs: int, compute: Compute) -> tuple[float, int]:
    """Wall seconds of a sweep, and how many processes took part."""
    start = time.monotonic()
    workers = {outcome.result for outcome in run_jobs(train, range(jobs), compute=compute)}
    return time.monotonic() - start, len(workers)


def measure(jobs: int, rounds: int) -> list[dict[str, Any]]:
    """One node, then two, round by round."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    compute = Compute(executor="ray", address=cluster.address, device="cpu")
    rows = []
    for _ in range(rounds):
        one_s, workers = sweep_s(jobs, compute)
        assert workers == 1
        second = cluster.add_node(**NODE)
        cluster.wait_for_nodes()
        two_s, workers = sweep_s(jobs, compute)
        assert workers == 2
        cluster.remove_node(second)
        rows.append({"one_s": one_s, "two_s": two_s, "load": os.getloadavg()[0]})
        print(rows[-1], flush=True)
    ray.shutdown()
    cluster.shutdown()
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    os.environ.update(ALONE | {f"{library}_NUM_THREADS": "1" for library in ONE_THREAD})
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # so that workers find this module
    rows = measure(options.jobs, options.rounds)
    result = {
        "machine": {"cpu": cpu_name()},
        "arms": {"rounds": rows},
        "ratios": {
            "second_node": median_and_interval([row["one_s"] / row["two_s"] for row in rows])
        },
    }
    options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result["ratios"], indent=1))


if __name__ == "__main__":
    main()
