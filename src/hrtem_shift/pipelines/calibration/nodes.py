"""Nodes that fit imaging conditions to statistics of real micrographs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hrtem_shift.errors import InputError
from hrtem_shift.pipelines.calibration.parameters import Calibration
from hrtem_shift.pipelines.referee.nodes import lens_images, micrograph_of, plan_micrographs
from hrtem_shift.pipelines.referee.parameters import Referee
from hrtem_shift.pipelines.simulation.nodes import plan_scenes, simulate_exit_waves
from hrtem_shift.tables import rows_of
from hrtem_shift.training.executors import Compute, Report, run_jobs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

    from hrtem_shift.catalog.exit_wave_store import ExitWaveStore
else:
    DataFrame = ExitWaveStore = Any  # Kedro resolves annotations at start; these come with a run

logger = logging.getLogger(__name__)


def real_statistics(calibration: Calibration, referee: Referee) -> DataFrame:
    """Contrast and roughness of the real images: statistic, dose_e_per_A2, value, source.

    Raises
    ------
    InputError, InputErrors
        The folder cannot be used, or shows no dose that the referee simulates.
    """
    from hrtem_shift.figures.published import published_image_statistics

    if calibration.folder is None:
        found = published_image_statistics()
    else:
        found = _statistics_of_folder(Path(calibration.folder), referee)
    simulated = [float(name) for name in referee.simulation.data_sets]
    found = found[found["dose_e_per_A2"].isin(simulated)].reset_index(drop=True)
    if found.empty:
        raise InputError(
            "no dose that is simulated",
            where=calibration.folder or "published statistics",
            why=f"referee.simulation.data_sets has {', '.join(referee.simulation.data_sets)} e/Å²",
            fix="Name data sets by the doses of the column dose_e_per_A2",
        )
    return found


def _statistics_of_folder(folder: Path, referee: Referee) -> DataFrame:
    import pandas as pd

    from hrtem_shift.micrographs.folder import inspect_folder, load_micrograph
    from hrtem_shift.preparation.patch_set import make_test_set

    inventory, rows = inspect_folder(folder, folder / "metadata.csv"), []
    for dose, listed in inventory.groupby("dose_e_per_A2"):
        micrographs = (load_micrograph(row) for row in rows_of(listed))
        patch_set = make_test_set(f"{dose:g}", micrographs, referee.preparation)
        for name, value in zip(
            STATISTICS, _statistics(patch_set.images, patch_set.masks), strict=True
        ):
            rows.append({"statistic": name, "dose_e_per_A2": dose, "value": value})
    return pd.DataFrame(rows).assign(source=str(folder))


STATISTICS = ("contrast", "roughness")


def _statistics(images: NDArray, masks: NDArray) -> tuple[float, float]:
    import numpy as np

    from hrtem_shift.preparation.image_statistics import roughness, set_contrast

    return set_contrast(images, masks), float(np.median(roughness(images)))


def simulate_for_calibration(
    statistics: DataFrame,
    calibration: Calibration,
    referee: Referee,
    compute: Compute,
    waves: ExitWaveStore,
) -> DataFrame:
    """Exit waves of scenes that the referee never sees; the plan of their micrographs."""
    chosen = _simulated_anew(statistics, calibration, referee)
    plan = plan_scenes(chosen.simulation, compute)
    exit_waves = simulate_exit_waves(plan, chosen.simulation, compute, waves)
    return plan_micrographs(exit_waves, chosen)


def _simulated_anew(statistics: DataFrame, calibration: Calibration, referee: Referee) -> Referee:
    """The referee's sets that have statistics, of other scenes and as many as asked for."""
    doses = set(statistics["dose_e_per_A2"])
    scenes = calibration.micrographs * referee.scenes_across**2
    sets = {
        name: one.model_copy(update={"scenes": scenes})
        for name, one in referee.simulation.data_sets.items()
        if float(name) in doses
    }
    simulation = referee.simulation.model_copy(
        update={"seed": calibration.seed, "data_sets": sets, "only": "*"}
    )
    return referee.model_copy(update={"simulation": simulation})


def fit(
    micrographs: DataFrame,
    statistics: DataFrame,
    calibration: Calibration,
    referee: Referee,
    compute: Compute,
    waves: ExitWaveStore,
) -> tuple[DataFrame, DataFrame, DataFrame]:
    """Fit the free conditions: their values, the statistics there, and every evaluation."""
    import numpy as np
    import pandas as pd

    from hrtem_shift.evaluation.calibration import fit_conditions
    from hrtem_shift.progress import JobProgress
    from hrtem_shift.training.devices import resolve_device

    rows = rows_of(micrographs)
    sets = [[row for row in rows if row["data_set"] == name] for name in _names(micrographs)]
    wanted = [(f"{row['dose_e_per_A2']:g}", row["statistic"]) for row in rows_of(statistics)]

    with TemporaryDirectory() as folder:
        shared = (referee, waves, Path(folder), resolve_device(compute.device))
        with JobProgress("micrographs behind the lens", len(rows)) as progress:
            for outcome in run_jobs(keep_lens_images, rows, compute=compute, shared=shared):
                if outcome.error:
                    raise outcome.error
                progress.ended(outcome.index)

        def simulate(choices: Sequence[dict[str, float]]) -> list[NDArray[np.float64]]:
            jobs = [(number, choice, own) for number, choice in enumerate(choices) for own in sets]
            found: dict[tuple[int, str, str], float] = {}
            for outcome in run_jobs(measure, jobs, compute=compute, shared=shared[:-1]):
                if outcome.error:
                    raise outcome.error
                number, _, own = jobs[outcome.index]
                for name, value in zip(STATISTICS, outcome.result, strict=True):
                    found[number, str(own[0]["data_set"]), name] = value
            for choice in choices:
                logger.info("Tried %s", ", ".join(f"{k} {v:.4g}" for k, v in choice.items()))
            return [
                np.array([found[(number, *each)] for each in wanted])
                for number in range(len(choices))
            ]

        start = {name: float(rows[0][name]) for name in calibration.free}
        result = fit_conditions(simulate, statistics["value"].to_numpy(), start, calibration.free)
    names = {f"s{k}": f"{name}_{dose}" for k, (dose, name) in enumerate(wanted)}
    fitted = pd.DataFrame(
        {"condition": name, "value": value, "low": low, "high": high}
        for (name, (low, high)), value in zip(
            calibration.free.items(), result.values.values(), strict=True
        )
    )
    compared = statistics.assign(simulated=result.statistics)
    compared["ratio"] = compared["simulated"] / compared["value"]
    for row in rows_of(fitted):
        logger.info("Fitted %s: %.4g", row["condition"], row["value"])
    return fitted, compared, result.history.rename(columns=names)


def _names(micrographs: DataFrame) -> list[str]:
    return list(dict.fromkeys(micrographs["data_set"]))


def keep_lens_images(
    row: dict[str, Any],
    report: Report,
    referee: Referee,
    waves: ExitWaveStore,
    folder: Path,
    device: str,
) -> None:
    """Keep what the lens makes of a micrograph's scenes; no free condition changes it."""
    import numpy as np

    np.save(folder / _file(row), lens_images(row, referee, waves, device))


def measure(
    job: tuple[int, dict[str, float], list[dict[str, Any]]],
    report: Report,
    referee: Referee,
    waves: ExitWaveStore,
    folder: Path,
) -> tuple[float, float]:
    """Contrast and roughness of one simulated set under some choice of conditions."""
    import numpy as np

    from hrtem_shift.preparation.patch_set import make_test_set

    _, choice, rows = job
    micrographs = (
        micrograph_of(row | choice, np.load(folder / _file(row)), referee, waves) for row in rows
    )
    patch_set = make_test_set("calibration", micrographs, referee.preparation)
    return _statistics(patch_set.images, patch_set.masks)


def _file(row: dict[str, Any]) -> str:
    return f"{row['data_set']}_{row['micrograph']}.npy"
