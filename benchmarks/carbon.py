"""Amorphous carbon beside the literature: coordination, g(r), bond angles, and CPU time.

    python benchmarks/carbon.py [--json FILE] [--figure FILE] [--quick]

Prints the table of docs/amorphous-carbon.md and, with --figure, draws its picture. A film of
10 x 10 x 5 nm at 2.2 g/cm³ (55,150 atoms), five seeds (--quick: two); times are CPU seconds of
one thread after compilation, generators in turn within each seed, median (lowest to highest).
Atoms of the first and last 0.4 nm, whose neighbours are cut off, are counted in the line of
the film and not in those of the bulk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from radial_distribution import (
    bond_angles_deg,
    coordination_numbers,
    radial_distribution,
)

from hrtem_shift.structures.carbon import amorphous_carbon
from hrtem_shift.structures.carbon_network import carbon_network

Generator = Callable[..., NDArray[np.float64]]
SIZE_NM = (10.0, 10.0, 5.0)
CARBON = {"density_per_nm3": 110.3, "min_distance_nm": 0.14}
CUTOFF_NM, RIM_NM = 0.185, 0.4
GRAMS_PER_CM3 = 12.011 * 1.66053907e-3
ARMS: dict[str, Generator] = {
    "hard spheres": amorphous_carbon,
    "network": carbon_network,
    "network, 8 rounds": partial(carbon_network, rounds=8),
}
ROWS = {
    "density_g_per_cm3": "density, g/cm³",
    "neighbours": "mean coordination within 1.85 Å, bulk",
    "neighbours_film": "the same, whole film with its cut faces",
    "share_0": "atoms without a neighbour, %",
    "share_1": "1-fold, %",
    "share_2": "2-fold, %",
    "share_3": "3-fold, %",
    "share_4": "4-fold, %",
    "share_5": "5-fold and more, %",
    "first_A": "first peak of g(r), Å",
    "bond_A": "mean bond length, Å",
    "gap": "g(r) between the shells, 1.85 to 2.1 Å",
    "second_A": "second peak of g(r), Å",
    "second": "its height (smoothed over 0.15 Å)",
    "angle_deg": "bond angle, degrees",
    "angle_std_deg": "its standard deviation, degrees",
    "smallest_A": "smallest distance, Å",
    "cpu_s": "CPU seconds",
}


def measured(positions_nm: NDArray[np.float64]) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Numbers of one film, and its g(r) in bins of 0.005 nm up to 0.8 nm."""
    numbers = coordination_numbers(positions_nm, CUTOFF_NM, SIZE_NM)
    z_nm = positions_nm[:, 2]
    bulk = numbers[(z_nm > RIM_NM) & (z_nm < SIZE_NM[2] - RIM_NM)]
    share = np.bincount(np.minimum(bulk, 5), minlength=6) / len(bulk) * 100
    distance_nm, g = radial_distribution(positions_nm, SIZE_NM, 0.8, 160)
    smooth = np.convolve(g, np.ones(3) / 3, mode="same")
    pairs = g * distance_nm**2
    bonded, gap = distance_nm < CUTOFF_NM, (distance_nm > 0.185) & (distance_nm < 0.21)
    second = np.flatnonzero((distance_nm > 0.21) & (distance_nm < 0.3))
    angles_deg = bond_angles_deg(positions_nm, CUTOFF_NM, SIZE_NM)
    row = {
        "density_g_per_cm3": len(positions_nm) / float(np.prod(SIZE_NM)) * GRAMS_PER_CM3,
        "neighbours": bulk.mean(),
        "neighbours_film": numbers.mean(),
        **{f"share_{k}": share[k] for k in range(6)},
        "first_A": 10 * distance_nm[g.argmax()],
        "bond_A": 10 * (pairs * distance_nm)[bonded].sum() / pairs[bonded].sum(),
        "gap": g[gap].mean(),
        "second_A": 10 * distance_nm[second[smooth[second].argmax()]],
        "second": smooth[second].max(),
        "angle_deg": angles_deg.mean(),
        "angle_std_deg": angles_deg.std(),
        "smallest_A": 10 * _smallest(positions_nm),
    }
    return {name: float(value) for name, value in row.items()}, g


def _smallest(positions_nm: NDArray[np.float64]) -> float:
    from scipy.spatial import cKDTree

    tree = cKDTree(positions_nm, boxsize=(*SIZE_NM[:2], 0))
    return float(tree.query(positions_nm, k=2)[0][:, 1].min())


def films(seeds: int) -> Iterator[tuple[str, dict[str, float], NDArray[np.float64]]]:
    """Every generator in turn for every seed: its name, its numbers, its g(r)."""
    for generate in ARMS.values():
        generate((2.0, 2.0, 2.0), **CARBON, rng=np.random.default_rng(0))  # compiles
    for seed in range(seeds):
        for name, generate in ARMS.items():
            start = time.process_time()
            positions_nm = generate(SIZE_NM, **CARBON, rng=np.random.default_rng(seed))
            cpu_s = time.process_time() - start
            row, g = measured(positions_nm)
            yield name, {**row, "cpu_s": cpu_s}, g


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Medians over the seeds as a Markdown table."""
    lines = ["| | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
    for key, label in ROWS.items():
        cells = []
        for rows in found.values():
            values = [row[key] for row in rows]
            cell = f"{np.median(values):.3g}"
            if key == "cpu_s":
                cell += f" ({min(values):.3g} to {max(values):.3g})"
            cells.append(cell)
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(curves: dict[str, NDArray[np.float64]], path: Path) -> None:
    """g(r) of the generators, with the literature's first two shells."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.add_subplot()
    r_A = (np.arange(160) + 0.5) * 0.05
    for (name, g), style in zip(curves.items(), ("--", "-", ":"), strict=True):
        axes.plot(r_A, g, style, label=name, lw=1.3)
    for shell_A in (1.45, 2.5):
        axes.axvline(shell_A, color="0.7", lw=6, alpha=0.4, zorder=0)
    axes.set(xlabel="distance r (Å)", ylabel="g(r)", xlim=(1, 8), ylim=(0, None))
    axes.legend(frameon=False, title="grey: shells in the literature")
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ARMS}
    curves: dict[str, list[NDArray[np.float64]]] = {name: [] for name in ARMS}
    for name, row, g in films(2 if options.quick else 5):
        found[name].append(row)
        curves[name].append(g)
    print(table(found))
    if options.figure:
        draw({name: np.mean(g, axis=0) for name, g in curves.items()}, options.figure)
    if options.json:
        options.json.write_text(json.dumps(report(found), indent=2))


def report(found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Medians of every arm, and time over that of hard spheres, seed by seed."""
    ratios = {}
    for name in list(ARMS)[1:]:
        pairs = zip(found["hard spheres"], found[name], strict=True)
        ratio = [spheres["cpu_s"] / network["cpu_s"] for spheres, network in pairs]
        ratios[f"{name} vs hard spheres"] = {
            "median": float(np.median(ratio)),
            "low": min(ratio),
            "high": max(ratio),
            "n": len(ratio),
        }
    return {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "arms": {
            name: {key: float(np.median([row[key] for row in rows])) for key in ROWS}
            for name, rows in found.items()
        },
        "ratios": ratios,
    }


if __name__ == "__main__":
    main()
