"""Nodes that fit imaging conditions to statistics of real micrographs."""

from __future__ import annotations

import logging
from pathlib import Path

from hrtem_shift.errors import InputError
from hrtem_shift.execution.compute import Compute
from hrtem_shift.pipelines.annotations import DataFrame, ExitWaveStore
from hrtem_shift.pipelines.calibration.parameters import Calibration
from hrtem_shift.pipelines.referee.exposures import plan_micrographs
from hrtem_shift.pipelines.referee.parameters import Referee
from hrtem_shift.pipelines.simulation.exit_waves import plan_scenes, simulate_exit_waves
from hrtem_shift.tables import rows_of

logger = logging.getLogger(__name__)


def real_statistics(calibration: Calibration, referee: Referee) -> DataFrame:
    """Contrast and roughness of the real images: statistic, dose_e_per_A2, value, source.

    Raises
    ------
    InputError, InputErrors
        The folder cannot be used, or shows no dose that the referee simulates.
    """
    from hrtem_shift.figures.published_numbers import published_image_statistics

    if calibration.folder is None:
        statistics = published_image_statistics()
    else:
        statistics = _statistics_of_folder(Path(calibration.folder), referee)
    simulated = [float(name) for name in referee.simulation.data_sets]
    statistics = statistics[statistics["dose_e_per_A2"].isin(simulated)].reset_index(drop=True)
    if statistics.empty:
        raise InputError(
            "no dose that is simulated",
            where=calibration.folder or "published statistics",
            why=f"referee.simulation.data_sets has {', '.join(referee.simulation.data_sets)} e/Å²",
            fix="Name data sets by the doses of the column dose_e_per_A2",
        )
    return statistics


def _statistics_of_folder(folder: Path, referee: Referee) -> DataFrame:
    import pandas as pd

    from hrtem_shift.micrographs.folder import inspect_folder, load_micrograph
    from hrtem_shift.preparation.image_statistics import statistics_of
    from hrtem_shift.preparation.patch_set_plan import plan_test_set

    inventory, rows = inspect_folder(folder, folder / "metadata.csv"), []
    for dose, listed in inventory.groupby("dose_e_per_A2"):
        micrographs = (load_micrograph(row) for row in rows_of(listed))
        patch_set = plan_test_set(f"{dose:g}", micrographs, referee.preparation).cut()
        for name, value in statistics_of(patch_set.images, patch_set.masks).items():
            rows.append({"statistic": name, "dose_e_per_A2": dose, "value": value})
    return pd.DataFrame(rows).assign(source=str(folder))


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
        name: simulated.model_copy(update={"scenes": scenes})
        for name, simulated in referee.simulation.data_sets.items()
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
    import pandas as pd

    from hrtem_shift.evaluation.condition_fit import fit_conditions
    from hrtem_shift.pipelines.calibration.trials import trials_of

    rows = rows_of(micrographs)
    wanted = [(f"{row['dose_e_per_A2']:g}", row["statistic"]) for row in rows_of(statistics)]
    start = {name: float(rows[0][name]) for name in calibration.free}
    with trials_of(rows, wanted, referee, compute, waves) as trials:
        fitted = fit_conditions(trials, statistics["value"].to_numpy(), start, calibration.free)
    conditions = pd.DataFrame(
        {"condition": name, "value": value, "low": low, "high": high}
        for (name, (low, high)), value in zip(
            calibration.free.items(), fitted.values.values(), strict=True
        )
    )
    logger.info("Fitted %s", ", ".join(f"{k} {v:.4g}" for k, v in fitted.values.items()))
    compared = statistics.assign(
        simulated=fitted.statistics, ratio=fitted.statistics / statistics["value"]
    )
    names = {f"s{k}": f"{statistic}_{dose}" for k, (dose, statistic) in enumerate(wanted)}
    return conditions, compared, fitted.history.rename(columns=names)
