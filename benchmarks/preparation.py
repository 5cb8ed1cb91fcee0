"""X-rays, flat field and rescaling of whole micrographs: the published routines and ours.

    python benchmarks/preparation.py --json FILE [--quick]

Generated micrographs of 4096 x 4096 pixels. Each arm prepares each of them in a fresh process
with one thread, arms in turn and in reversed order every other round. `port` is the published
procedure, written anew; its nine functions of full size are made once for a set of images and
not counted (`once_s`). `peak_MiB` is the largest memory of the process with everything that it
has imported; for ours, of one that prepares several images, too. CPU seconds of a shared
machine vary; ratios of one round are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
from measuring import ONE_THREAD, cpu_name, in_fresh_process, median_and_interval, summary
from numpy.typing import NDArray
from preparation_arms import port
from preparation_arms.micrographs import EDGE_px, XRAY_THRESHOLD_counts, micrograph

from hrtem_shift.preparation import steps
from hrtem_shift.preparation.flat_field import flatten
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.xrays import remove_xrays

ARMS = ("port", "exact", "fast")


def main() -> None:
    """Run the arms, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    os.environ.update({f"{library}_NUM_THREADS": "1" for library in ONE_THREAD})
    rounds = 3 if options.quick else 9
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.npy" for index in range(rounds)]
        for index, path in enumerate(paths):
            in_fresh_process(write_micrograph, path, index)
        records = measure(paths)
        agreement = in_fresh_process(agreement_of, paths[:1] if options.quick else paths[:3])
        memory = {
            arm: {f"peak_MiB_{rounds}_images": in_fresh_process(peak_of_many, arm, paths)}
            for arm in ARMS[1:]
        }
    result = {
        "machine": {
            "cpu": cpu_name(),
            "load": os.getloadavg()[0],
            **{name: version(name) for name in ("numpy", "scipy", "scikit-image")},
        },
        "arms": {
            arm: summary(rows) | agreement.get(arm, {}) | memory.get(arm, {})
            for arm, rows in records.items()
        },
        "ratios": {f"{arm}_vs_port": ratio(records, arm) for arm in ARMS[1:]},
    }
    options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result, indent=1))


def write_micrograph(path: Path, index: int) -> None:
    """One generated micrograph as a file."""
    np.save(path, micrograph(index))


def measure(paths: list[Path]) -> dict[str, list[dict[str, float]]]:
    """Seconds and memory of each arm; each round has a micrograph of its own."""
    records: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    for round_, path in enumerate(paths):
        for arm in ARMS if round_ % 2 == 0 else reversed(ARMS):
            row = in_fresh_process(one_micrograph, arm, path)
            records[arm].append(row)
            print(f"round {round_}: {arm:6s} {row['cpu_s']:.3f} CPU-s", flush=True)
    return records


def prepare(arm: str, pixels: NDArray[np.float32]) -> NDArray[Any]:
    """All three steps."""
    if arm == "port":
        return port.rescaled(port.flat(port.without_xrays(pixels, XRAY_THRESHOLD_counts)))
    return steps.prepare(pixels, preparation(arm)).pixels


def preparation(arm: str) -> Preparation:
    """Parameters of ours."""
    return Preparation(xray_threshold_counts=XRAY_THRESHOLD_counts, flat_field=arm)


def one_micrograph(arm: str, path: Path) -> dict[str, float]:
    """CPU seconds, after a small image that loads what has to be loaded.

    The port is called once, ours five times (median), since a short call suffers more from
    what else the machine does.
    """
    pixels, once_s = np.load(path), 0.0
    prepare(arm, pixels[:256, :256])
    if arm == "port":
        once_s = _seconds(port.once, EDGE_px)
    calls = 1 if arm == "port" else 5
    cpu_s = float(np.median([_seconds(prepare, arm, pixels) for _ in range(calls)]))
    return {"cpu_s": cpu_s, "once_s": once_s, "peak_MiB": peak_of_this_process()}


def peak_of_many(arm: str, paths: list[Path]) -> float:
    """Largest memory while micrographs are prepared one after the other."""
    for path in paths:
        prepare(arm, np.load(path))
    return peak_of_this_process()


def peak_of_this_process() -> float:
    """Largest resident memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def agreement_of(paths: list[Path]) -> dict[str, dict[str, float]]:
    """The largest difference to the port over some micrographs, step by step."""
    found = [_agreement(np.load(path)) for path in paths]
    return {
        arm: {key: max(one[arm][key] for one in found) for key in found[0][arm]} for arm in ARMS[1:]
    }


def _agreement(pixels: NDArray[np.float32]) -> dict[str, dict[str, float]]:
    expected = port.without_xrays(pixels, XRAY_THRESHOLD_counts)
    expected_flat = port.flat(expected)
    expected_end = port.rescaled(expected_flat)
    cleaned, count = remove_xrays(pixels, XRAY_THRESHOLD_counts)
    differ = np.count_nonzero(cleaned.view(np.uint32) != expected.view(np.uint32))
    result = {}
    for arm in ARMS[1:]:
        difference = flatten(cleaned, method=arm)[0] - expected_flat
        end = prepare(arm, pixels)
        result[arm] = {
            "xray_pixels": count,
            "xray_pixels_that_differ": int(differ),
            "flat_field_largest_relative": float(np.abs(difference / expected_flat).max()),
            "flat_field_rms_in_sd": float(np.sqrt(np.mean(difference**2)) / expected_flat.std()),
            "end_rms_in_sd": float(np.sqrt(np.mean((end - expected_end) ** 2))),
        }
    return result


def ratio(records: dict[str, list[dict[str, float]]], arm: str) -> dict[str, float]:
    """Seconds of the port over ours, round by round: above 1, ours is faster."""
    pairs = zip(records["port"], records[arm], strict=True)
    return median_and_interval([port["cpu_s"] / own["cpu_s"] for port, own in pairs])


def _seconds(work: Any, *inputs: Any) -> float:
    start = process_time()
    work(*inputs)
    return process_time() - start


if __name__ == "__main__":
    main()
