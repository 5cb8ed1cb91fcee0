"""Segmenting one large micrograph: all cores beside one.

    python benchmarks/segmentation.py --json FILE [--side 4096] [--rounds 3] [--network PACKAGE]

`hrtem-shift segment` on a made-up micrograph of 300 discs, float32, at the pixel size that the
networks know, pictures and tables included, as a process of its own each time; arms in turn. Wall
time, CPU time and peak memory are of that process. `small` is 128 x 128 pixels of 8.55 nm.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import tifffile

ARMS = {"one_core": {"OMP_NUM_THREADS": "1"}, "all_cores": {}}


def main() -> None:
    """Time both arms in turn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--network", type=Path)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder) / "large.tif", Path(folder) / "small.tif"
        tifffile.imwrite(large, micrograph(given.side))
        tifffile.imwrite(small, micrograph(128))
        for number in range(given.rounds):
            for arm, environment in ARMS.items():
                rows.append({"arm": arm, "round": number} | timed(large, 0.05, environment, given))
            rows.append({"arm": "small", "round": number} | timed(small, 8.55, {}, given))
    for arm in (*ARMS, "small"):
        of_arm = [row for row in rows if row["arm"] == arm]
        medians = {name: float(np.median([row[name] for row in of_arm])) for name in MEASURED}
        print(arm, {name: round(value, 2) for name, value in medians.items()})
    if given.json:
        given.json.write_text(json.dumps({"cores": os.cpu_count(), "rows": rows}, indent=1) + "\n")


MEASURED = ("wall_s", "cpu_s", "peak_gib")


def timed(
    image: Path, pixel_size_nm: float, environment: dict[str, str], given: argparse.Namespace
) -> dict[str, float]:
    """Wall time, CPU time and peak memory of one run of the command."""
    out = image.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "hrtem_shift", "segment", str(image)]
    command += ["--pixel-size-nm", str(pixel_size_nm), "--out", str(out)]
    command += ["--network", str(given.network)] if given.network else []
    kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    start = perf_counter()
    process = subprocess.Popen(command, env=kept | environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return {
        "wall_s": perf_counter() - start,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_gib": used.ru_maxrss / 2**20,
    }


def micrograph(side: int) -> np.ndarray:
    """Counts (side, side) with discs of 25 to 55 px in radius."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    counts = rng.normal(1000, 60, (side, side)).astype(np.float32)
    for row, column in rng.uniform(0, side, (round(300 * (side / 4096) ** 2) or 1, 2)):
        radius = rng.uniform(25, 55)
        rows, columns = (
            slice(max(int(c - radius) - 1, 0), int(c + radius) + 2) for c in (row, column)
        )
        near = (y[rows, columns] - row) ** 2 + (x[rows, columns] - column) ** 2 < radius**2
        counts[rows, columns] -= 300 * near
    return counts


if __name__ == "__main__":
    main()
