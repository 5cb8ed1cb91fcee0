"""Nodes that plan and train networks for particles."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from hrtem_shift.execution.compute import Compute
from hrtem_shift.execution.executors import run_jobs
from hrtem_shift.pipelines.annotations import DataFrame, ExitWaveStore, NetworkStore, Tracker
from hrtem_shift.pipelines.particle_networks.parameters import ParticleNetworks
from hrtem_shift.pipelines.particle_networks.particle_jobs import (
    TRAIN_SET,
    remove_checkpoints,
    scenes_of,
    starting_package,
    train_particle_job,
)
from hrtem_shift.pipelines.simulation.parameters import Simulation
from hrtem_shift.tables import rows_of

logger = logging.getLogger(__name__)

RESULTS_VERSION = 2
"""Raised when drawing or training changes its results, so that older networks are not reused."""


def choose_lattice(simulation: Simulation, parameters: ParticleNetworks) -> Simulation:
    """The simulated data sets whose exit waves are imaged.

    Raises
    ------
    InputError
        A set is not simulated, or has one scene only.
    """
    from hrtem_shift.errors import InputError
    from hrtem_shift.parameters import nearest

    for name in parameters.lattice:
        data_set = simulation.data_sets.get(name)
        if data_set is None or data_set.scenes < 2:
            missing = f"there is no data set '{name}'{nearest(name, simulation.data_sets)}"
            raise InputError(
                missing if data_set is None else f"data set '{name}' has one scene",
                where="particle_networks.lattice",
                why="Its scenes are simulated to train on, and at least one is kept to validate",
                fix="State it in simulation.data_sets with two scenes or more",
            )
    chosen = {name: simulation.data_sets[name] for name in parameters.lattice}
    return simulation.model_copy(update={"data_sets": chosen})


def plan_particle_networks(
    parameters: ParticleNetworks, simulation: Simulation, exit_waves: DataFrame
) -> DataFrame:
    """One row a network, named by the hash of all that decides its result."""
    import pandas as pd

    from hrtem_shift.fingerprints import fingerprint

    decides = {
        "identity": RESULTS_VERSION,
        "parameters": parameters.model_dump(exclude={"networks", "start_from"}),
        "scenes": scenes_of(exit_waves),
        "imaging": {name: each.model_dump() for name, each in simulation.data_sets.items()},
    }
    if parameters.start_from is not None:
        decides["start"] = starting_package(parameters.start_from).identity
    identity = fingerprint(decides)[:10]
    return pd.DataFrame(
        {
            "run_id": f"particles_{number}_{identity}",
            "train_set": TRAIN_SET,
            "network": number,
            "fold": 0,
            "seed": number,
            "noise_mode": "fixed",
            "rho": 0.0,
        }
        for number in range(parameters.networks)
    )


def train_particle_networks(
    plan: DataFrame,
    exit_waves: DataFrame,
    parameters: ParticleNetworks,
    simulation: Simulation,
    compute: Compute,
    waves: ExitWaveStore,
    store: NetworkStore,
    tracker: Tracker,
) -> DataFrame:
    """Train the networks that the store lacks; return the end of each one's learning curve.

    Raises
    ------
    RuntimeError
        A network failed; the others are trained and stored.
    """
    import pandas as pd

    from hrtem_shift.progress import JobProgress

    rows = rows_of(plan)
    done = store.finished(plan["run_id"])
    jobs = [row for row in rows if row["run_id"] not in done]
    logger.info("Networks: %d planned, %d to train", len(rows), len(jobs))
    for row in rows:
        if row["run_id"] in done:
            tracker.log_network(row, partial(store.record, row["run_id"]))
    failed: list[tuple[str, Exception]] = []
    started: set[str] = set()
    with JobProgress("networks", len(jobs)) as progress:

        def show(index: int, curve_row: dict[str, float]) -> None:
            run_id, steps = jobs[index]["run_id"], parameters.recipe.steps
            if run_id not in started:
                started.add(run_id)
                tracker.network_started(jobs[index])
            tracker.epoch(run_id, curve_row)
            dice, step = curve_row["validation_dice"], int(curve_row["step"])
            note = f"{run_id}, step {step} of {steps}, Dice {dice:.3f}"
            progress.running(index, step / steps, note)

        shared = (
            scenes_of(exit_waves),
            parameters,
            simulation,
            waves,
            compute.torch_device,
            store.checkpoints,
        )
        outcomes = run_jobs(
            train_particle_job, jobs, compute=compute, shared=shared, on_report=show
        )
        for outcome in outcomes:
            row = jobs[outcome.index]
            if outcome.error is not None:
                failed.append((row["run_id"], outcome.error))
                tracker.network_started(row)
                tracker.network_failed(row["run_id"], outcome.error)
            else:
                record, weights = outcome.result
                store.put({**record, "seconds": round(outcome.seconds, 2)}, weights)
                tracker.log_network(row, partial(store.record, row["run_id"]))
                remove_checkpoints(store.checkpoints, row["run_id"])
            progress.ended(outcome.index)
    if failed:
        names = "\n".join(f"  - {run_id}: {error!r}" for run_id, error in failed)
        message = f"{len(failed)} networks failed; the others are trained and kept:\n{names}"
        raise RuntimeError(message) from failed[0][1]
    return pd.DataFrame([_summary(row, store.record(row["run_id"])) for row in rows])


def _summary(row: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    return {**row, "weights": record["weights"], **record["curve"][-1]}
