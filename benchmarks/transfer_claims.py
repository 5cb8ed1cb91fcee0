"""CPU seconds of deciding the claims of a night's study, and whether planted Dice comes out.

    python benchmarks/transfer_claims.py

Scores of all networks of ``--env=night`` are planted: Dice by the powers of test and training and
their overlap (predictable), and by a random number for each row and each column (not predictable),
each with scatter of the seeds. Both nodes of the pipeline run as they do after the night. Then
studies of planted losses are drawn anew, and intervals of distances counted that cover the truth.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.config import OmegaConfigLoader
from numpy.typing import NDArray

from hrtem_shift.microscope.imaging_distribution import sample_conditions
from hrtem_shift.pipelines.imaging.conditions import study_covariates
from hrtem_shift.pipelines.imaging.nodes import (
    add_mixtures,
    choose_conditions,
    decide_claims,
    propose_mixtures,
    relate_to_shift,
)
from hrtem_shift.pipelines.imaging.parameters import ImagingStudy
from hrtem_shift.pipelines.simulation.parameters import Simulation
from hrtem_shift.settings import CONFIG_LOADER_ARGS
from hrtem_shift.shift.stability import distances_of_loss

ROOT = Path(__file__).parents[1]
SEED_STD = 0.04
REPETITIONS = 300


def main() -> None:
    """Print CPU seconds and verdicts of each planted study, and the coverage of intervals."""
    study, simulation = _night()
    mixtures = propose_mixtures(study, simulation)
    inventory = _inventory(study, simulation, mixtures)
    names = [*study.data_sets, *study.test_sets]
    draw = np.random.default_rng(0)
    looks = pd.DataFrame(draw.uniform(0.1, 0.3, (len(names), 2)), columns=["contrast", "roughness"])
    looks.insert(0, "data_set", names)
    for what, dice in _planted(study, simulation, inventory, mixtures, looks).items():
        scores = _scores(study, dice)
        print(f"{what}: {len(scores)} scores of {scores['train_set'].nunique()} training sets")
        start = time.process_time()
        relate_to_shift(scores, looks, study, simulation)
        middle = time.process_time()
        claims, *_ = decide_claims(scores, looks, inventory, mixtures, study, simulation)
        end = time.process_time()
        print(f"  CPU s: relate_to_shift {middle - start:.1f}, decide_claims {end - middle:.1f}")
        for row in claims.drop_duplicates("claim").itertuples():
            print(f"  {row.claim_verdict:<10} {row.claim}")
    print("coverage of 95 % intervals:", _coverage())


def _night() -> tuple[ImagingStudy, Simulation]:
    loader = OmegaConfigLoader(str(ROOT / "conf"), env="night", **CONFIG_LOADER_ARGS)
    blocks = loader["parameters"]
    return (
        ImagingStudy.model_validate(blocks["imaging_study"]),
        Simulation.model_validate(blocks["simulation"]),
    )


def _inventory(study: ImagingStudy, simulation: Simulation, mixtures: pd.DataFrame) -> pd.DataFrame:
    """Conditions of every image, as the simulation draws them."""
    tables = []
    for name, each in choose_conditions(simulation, study).data_sets.items():
        drawn = sample_conditions(each, each.scenes, 1, 1, simulation.seed, name)
        tables.append(drawn.assign(data_set=name, recorded_for=name))
    return add_mixtures(pd.concat(tables, ignore_index=True), mixtures)


def _planted(
    study: ImagingStudy,
    simulation: Simulation,
    inventory: pd.DataFrame,
    mixtures: pd.DataFrame,
    looks: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Dice by training set and test condition."""
    covariates = study_covariates(study, simulation, inventory, mixtures, looks)
    test, train, overlap = (
        covariates.values[name] for name in ("test_power", "train_power", "overlap_magnitude")
    )
    draw = np.random.default_rng(0)
    rows, columns = draw.uniform(0, 0.4, (len(test), 1)), draw.uniform(0.2, 0.5, test.shape[1])

    def table(dice: NDArray[np.float64]) -> pd.DataFrame:
        return pd.DataFrame(
            dice, index=list(covariates.train_sets), columns=list(covariates.test_sets)
        )

    return {
        "by transfer": table(0.1 + 0.6 * test + 0.3 * train + 0.6 * overlap * test),
        "random by row and column": table(rows + columns),
    }


def _scores(study: ImagingStudy, dice: pd.DataFrame) -> pd.DataFrame:
    """Scores of every network on every set, as the evaluation writes them."""
    draw = np.random.default_rng(1)
    sets = [*study.data_sets, *study.test_sets]
    full = dice.reindex(index=study.data_sets, columns=sets).fillna(0.6)
    for name in study.lattices:
        full.loc[name, name] = 0.8
    rows: list[tuple[Any, ...]] = [
        (f"{train}_{fold}_{seed}", train, test, fold, seed, value + SEED_STD * draw.normal())
        for train, row in full.iterrows()
        for test, value in row.items()
        for fold in range(study.train_folds or study.folds)
        for seed in range(study.seeds)
    ]
    columns = ["run_id", "train_set", "test_set", "fold", "seed", "hard_dice"]
    plain = {"rho": 0.0, "test_rho": 0.0, "norm_share": 0.0, "patches": "unseen"}
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(hard_dice=table["hard_dice"].clip(0, 1), variant="", reason="", **plain)


def _coverage() -> dict[float, float]:
    """Share of drawn studies whose interval of a distance holds the planted distance."""
    name, slope_per_nm, rows = "defocus, towards underfocus", 0.0025, 30
    covered = dict.fromkeys((0.05, 0.15), 0)
    for repetition in range(REPETITIONS):
        draw = np.random.default_rng(repetition)
        slopes = slope_per_nm * (1 + 0.3 * draw.standard_normal(rows))
        pairs = [
            (name, "nm", str(i), "", d, slopes[i] * d + 0.02 * draw.standard_normal())
            for i in range(rows)
            for d in np.arange(4.0, 80, 4)
            if draw.uniform() < 0.5
        ]
        columns = ["axis", "unit", "train_set", "test_set", "distance", "loss"]
        distances = distances_of_loss(pd.DataFrame(pairs, columns=columns), seed=repetition)
        for row in distances[distances["axis"] == name].itertuples():
            covered[row.loss] += row.low <= row.loss / slope_per_nm <= row.high
    return {loss: number / REPETITIONS for loss, number in covered.items()}


if __name__ == "__main__":
    main()
