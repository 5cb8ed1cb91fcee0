"""Trials of a calibration: simulated sets under conditions that are being fitted."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import each_result, run_jobs
from hrtem_shift.execution.jobs import Report
from hrtem_shift.pipelines.referee.exposures import exposed, images_of
from hrtem_shift.pipelines.referee.parameters import Referee
from hrtem_shift.preparation.image_statistics import statistics_of
from hrtem_shift.preparation.patch_set_plan import plan_test_set

logger = logging.getLogger(__name__)


class Trials:
    """Statistics of simulated sets for any choice of the free conditions.

    Images behind the lens do not depend on the choice: they are computed once and kept in a
    folder.

    Parameters
    ----------
    rows : list of dict
        Micrographs, as `hrtem_shift.pipelines.referee.exposures.plan_micrographs` has them.
    wanted : list of (str, str)
        Data set and statistic, in the order of the targets.
    referee, compute, waves
        As for the referee.
    folder : Path
        For the images behind the lens.
    """

    def __init__(
        self,
        rows: list[dict[str, Any]],
        wanted: list[tuple[str, str]],
        referee: Referee,
        compute: Compute,
        waves: ExitWaveStore,
        folder: Path,
    ) -> None:
        names = dict.fromkeys(row["data_set"] for row in rows)
        self.sets = {name: [row for row in rows if row["data_set"] == name] for name in names}
        self.wanted, self.compute = wanted, compute
        self.shared = (referee, waves, folder)
        device = compute.torch_device
        shared = (*self.shared, device)
        for _ in each_result(
            "micrographs behind the lens", keep_lens_images, rows, compute=compute, shared=shared
        ):
            pass  # each job saves its images

    def __call__(self, choices: Sequence[dict[str, float]]) -> list[NDArray[np.float64]]:
        """Statistics of each choice, in the order of `wanted`."""
        keys = [(number, name) for number in range(len(choices)) for name in self.sets]
        jobs = [(choices[number], self.sets[name]) for number, name in keys]
        statistics: dict[tuple[int, str], dict[str, float]] = {}
        for outcome in run_jobs(measure, jobs, compute=self.compute, shared=self.shared):
            if outcome.error:
                raise outcome.error
            statistics[keys[outcome.index]] = outcome.result
        for choice in choices:
            logger.info("Tried %s", ", ".join(f"{k} {v:.4g}" for k, v in choice.items()))
        return [
            np.array([statistics[number, name][statistic] for name, statistic in self.wanted])
            for number in range(len(choices))
        ]


@contextmanager
def trials_of(
    rows: list[dict[str, Any]],
    wanted: list[tuple[str, str]],
    referee: Referee,
    compute: Compute,
    waves: ExitWaveStore,
) -> Iterator[Trials]:
    """`Trials` with a temporary folder."""
    with TemporaryDirectory() as folder:
        yield Trials(rows, wanted, referee, compute, waves, Path(folder))


def keep_lens_images(
    row: dict[str, Any],
    report: Report,
    referee: Referee,
    waves: ExitWaveStore,
    folder: Path,
    device: str,
) -> None:
    """Save the images of a micrograph's scenes behind the lens."""
    np.save(folder / _file(row), images_of(row, referee.simulation, waves, device))


def measure(
    job: tuple[dict[str, float], list[dict[str, Any]]],
    report: Report,
    referee: Referee,
    waves: ExitWaveStore,
    folder: Path,
) -> dict[str, float]:
    """Statistics of one set under one choice."""
    choice, rows = job
    micrographs = (exposed(row | choice, np.load(folder / _file(row)), waves) for row in rows)
    patch_set = plan_test_set("calibration", micrographs, referee.preparation).cut()
    return statistics_of(patch_set.images, patch_set.masks)


def _file(row: dict[str, Any]) -> str:
    return f"{row['data_set']}_{row['micrograph']}.npy"
