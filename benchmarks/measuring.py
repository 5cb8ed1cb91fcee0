"""What the timed benchmarks share: fresh processes, the machine's name, medians with intervals."""

from __future__ import annotations

import platform
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

ONE_THREAD = ("OMP", "OPENBLAS", "MKL", "NUMBA")
"""Libraries whose ``<name>_NUM_THREADS`` is set to 1."""


def in_fresh_process(work: Callable[..., Any], *inputs: Any) -> Any:
    """Result of a function that a new interpreter calls."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *inputs).result()


def median_and_interval(values: list[float]) -> dict[str, float]:
    """Median with its bootstrap 95 % interval."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(values, (2000, len(values))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return {"median": float(np.median(values)), "low": low, "high": high, "n": len(values)}


def summary(rows: list[dict[str, float]]) -> dict[str, Any]:
    """Medians over the rounds, with an interval for the seconds."""
    medians = {key: float(np.median([row[key] for row in rows])) for key in rows[0]}
    return medians | {"cpu_s": median_and_interval([row["cpu_s"] for row in rows])}


def cpu_name() -> str:
    """Model name of the processor, by /proc/cpuinfo."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
