"""Overlap of 1,000 with 1,000 conditions: one product of matrices beside a loop over pairs.

    python benchmarks/shift.py --json FILE [--quick]

Conditions differ in defocus, Cs and focal spread (round), or in astigmatism, too. `vectorised`
is `transfer_overlap`; `loop` computes the same T once a condition, at the same nodes, and then
pair after pair (each pair once, for overlaps are symmetric) in NumPy. Containment is a loop
over all pairs, for it is directed. Each arm runs in a fresh process with one thread, arms in
turn and in reversed order every other round; importing is not counted. `largest_difference`
is between both arms' matrices. --quick takes 300 conditions.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from measuring import ONE_THREAD, cpu_name, in_fresh_process, median_and_interval, summary
from numpy.typing import NDArray

from hrtem_shift.microscope.aberrations import contrast_transfer
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import TransferMeasure, sample_band
from hrtem_shift.shift.overlap import Overlap, transfer_overlap

MEASURE = TransferMeasure()
CASES: dict[str, tuple[Overlap, bool]] = {
    "magnitude": ("magnitude", False),
    "containment": ("containment", False),
    "magnitude_astigmatic": ("magnitude", True),
}
LOOPED = ("magnitude", "containment")
"""The loop over astigmatic pairs takes minutes and would say the same."""


def main() -> None:
    """Run the arms, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    os.environ.update({f"{library}_NUM_THREADS": "1" for library in ONE_THREAD})
    rounds, number = (3, 300) if options.quick else (5, 1000)
    records = measure(rounds, number)
    result = {
        "machine": {
            "cpu": cpu_name(),
            "load": os.getloadavg()[0],
            "conditions": number,
            **{name: version(name) for name in ("numpy", "torch")},
        },
        "arms": {arm: summary(rows) for arm, rows in records.items()},
        "ratios": {
            f"{case}_vectorised_vs_loop": median_and_interval(
                [
                    slow["cpu_s"] / fast["cpu_s"]
                    for slow, fast in zip(
                        records[f"{case}_loop"], records[f"{case}_vectorised"], strict=True
                    )
                ]
            )
            for case in LOOPED
        },
    }
    options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result, indent=1))


def measure(rounds: int, number: int) -> dict[str, list[dict[str, float]]]:
    """Seconds of each arm, round by round."""
    arms = [(case, "vectorised") for case in CASES] + [(case, "loop") for case in LOOPED]
    records: dict[str, list[dict[str, float]]] = {"_".join(arm): [] for arm in arms}
    for round_ in range(rounds):
        for case, way in arms if round_ % 2 == 0 else reversed(arms):
            row = in_fresh_process(one_matrix, case, way, number, round_)
            records[f"{case}_{way}"].append(row)
            print(f"round {round_}: {case} {way} {row['cpu_s']:.2f} CPU-s", file=sys.stderr)
    return records


def one_matrix(case: str, way: str, number: int, seed: int) -> dict[str, float]:
    """CPU and wall seconds of one matrix, and for the loop how far it is from ours."""
    import torch

    torch.set_num_threads(1)
    kind, astigmatic = CASES[case]
    lenses = conditions(number, seed, astigmatic)
    transfer_overlap(lenses[:2], lenses[:2], MEASURE, kind)  # loads what has to be loaded
    compute = looped if way == "loop" else vectorised
    wall, cpu = perf_counter(), process_time()
    found = compute(lenses, kind)
    row = {"cpu_s": process_time() - cpu, "wall_s": perf_counter() - wall}
    if way == "loop":
        row["largest_difference"] = float(np.abs(found - vectorised(lenses, kind)).max())
    return row


def conditions(number: int, seed: int, astigmatic: bool) -> list[Lens]:
    """Random lenses of a corrected microscope."""
    rng = np.random.default_rng(seed)
    draws: dict[str, Any] = {
        "defocus_nm": rng.uniform(-50, 50, number),
        "cs_mm": rng.uniform(-0.05, 0.05, number),
        "focal_spread_std_nm": rng.uniform(0.5, 4, number),
    }
    if astigmatic:
        draws["c12_nm"] = rng.uniform(0, 5, number)
        draws["c12_azimuth_deg"] = rng.uniform(0, 180, number)
    return [Lens(**{k: float(v[i]) for k, v in draws.items()}) for i in range(number)]


def vectorised(lenses: list[Lens], kind: Overlap) -> NDArray[np.float64]:
    """Ours."""
    return transfer_overlap(lenses, lenses, MEASURE, kind)


def looped(lenses: list[Lens], kind: Overlap) -> NDArray[np.float64]:
    """Pair after pair."""
    nodes = sample_band(lenses, MEASURE)
    at = (nodes.qy_per_nm, nodes.qx_per_nm)
    sizes = [np.abs(contrast_transfer(*at, lens, MEASURE.energy_keV)) for lens in lenses]
    norms = [nodes.weight @ size**2 + MEASURE.noise_floor for size in sizes]
    found = np.empty((len(lenses), len(lenses)))
    for i, seen in enumerate(sizes):
        if kind == "containment":
            for j, shown in enumerate(sizes):
                shared = nodes.weight @ np.minimum(seen, shown)
                found[i, j] = shared / (nodes.weight @ shown)
        else:
            weighted = nodes.weight * seen
            for j in range(i + 1):
                product = weighted @ sizes[j] + MEASURE.noise_floor
                found[i, j] = found[j, i] = product / np.sqrt(norms[i] * norms[j])
    return found


if __name__ == "__main__":
    main()
