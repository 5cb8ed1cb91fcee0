"""How long scenes take, and what a second process brings.

    python benchmarks/structures.py --json FILE [--quick]

Scene: a 5 nm gold sphere with up to two planar defects on 10 x 10 x 5 nm of hard-sphere carbon,
about 61,000 atoms. Each round runs in a fresh process; compilation is not counted. CPU seconds
of a shared machine vary; ratios within one invocation are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from measuring import median_and_interval

SCENE = {
    "field_nm": 10.24,
    "particles": {"diameter_nm": 5.0, "planar_defects": 2},
    "carbon": {"thickness_nm": 5.0},
}
ONE_SCENE = """
import json, resource, sys, time
from hrtem_shift.structures.scene_building import draw_scene
from hrtem_shift.structures.scene_distribution import SceneDistribution
distribution = SceneDistribution(**json.loads(sys.argv[1]))
first, count = int(sys.argv[2]), int(sys.argv[3])
draw_scene(distribution, 0, "warm")
start, wall = time.process_time(), time.perf_counter()
early = 0
for index in range(first, first + count):
    scene = draw_scene(distribution, 0, "bench", index)
    if index == first + count // 4:
        early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({
    "cpu_s": (time.process_time() - start) / count,
    "wall_s": time.perf_counter() - wall,
    "atoms": len(scene.positions_nm),
    "memory_growth_MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - early) / 1024,
}))
"""


def start(first: int, count: int) -> subprocess.Popen[str]:
    """Build `count` scenes in a fresh process with one thread."""
    command = [sys.executable, "-c", ONE_SCENE, json.dumps(SCENE), str(first), str(count)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> dict[str, float]:
    """What a process measured."""
    output, _ = process.communicate()
    return json.loads(output)


def main() -> None:
    """Run the arms interleaved, print them and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rounds, count = (3, 40) if options.quick else (5, 500)
    cpu_s, speedups, growth, atoms = [], [], [], 0.0
    for round_ in range(rounds):
        one = finish(start(0, 2 * count))
        both = [start(0, count), start(count, count)]
        pair = [finish(process) for process in both]
        cpu_s.append(one["cpu_s"])
        speedups.append(one["wall_s"] / max(half["wall_s"] for half in pair))
        growth.append(one["memory_growth_MB"])
        atoms = one["atoms"]
        print(f"round {round_}: {cpu_s[-1]:.3f} CPU-s a scene, two processes {speedups[-1]:.2f}x")
    result = {
        "machine": {"cpu": platform.processor() or platform.machine(), "load": os.getloadavg()[0]},
        "arms": {
            "scene": {
                "cpu_s": median_and_interval(cpu_s),
                "atoms": atoms,
                "memory_growth_MB": max(growth),
            }
        },
        "ratios": {"two_processes_vs_one": median_and_interval(speedups)},
    }
    options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
