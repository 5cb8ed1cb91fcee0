"""What happens around a `kedro run`: parameter names are checked, MLflow is kept."""

from __future__ import annotations

import subprocess
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline
from pydantic import BaseModel

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.parameters import ParameterBlock, faults_of, nearest
from hrtem_shift.pipelines.calibration.parameters import Calibration
from hrtem_shift.pipelines.ingestion.nodes import Ingestion
from hrtem_shift.pipelines.referee.parameters import Referee
from hrtem_shift.pipelines.simulation.parameters import Simulation
from hrtem_shift.pipelines.study import Study
from hrtem_shift.tracking import Tracker, Tracking
from hrtem_shift.training.executors import Compute


class ParameterHooks:
    """Parameters are checked before anything starts, and every fault is named at once."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Check names given by ``--params``, then every block of parameters.

        Raises
        ------
        InputErrors
            A misspelt name (which Kedro alone would take no notice of), a value of the wrong
            kind or out of range.
        """
        loader = context.config_loader
        from_files = type(loader)(
            conf_source=loader.conf_source, env=context.env, **settings.CONFIG_LOADER_ARGS
        )["parameters"]
        given = loader.runtime_params or {}
        faults = [_unknown(name, from_files) for name in given if name not in from_files]
        if not faults:
            for name, block in loader["parameters"].items():
                faults += faults_of(name, block, BLOCKS.get(name, Study))
        if faults:
            raise InputErrors("Parameters", faults)


# Every other block is a study.
BLOCKS: dict[str, type[ParameterBlock]] = {
    "simulation": Simulation,
    "referee": Referee,
    "calibration": Calibration,
    "ingestion": Ingestion,
    "compute": Compute,
    "tracking": Tracking,
}


def _unknown(name: str, known: dict[str, Any]) -> InputError:
    return InputError(
        f"unknown parameter{nearest(name, known)}",
        where=name,
        why="It stands in no parameter file, so it would change nothing",
        fix="Correct the name; conf/base/parameters_*.yml list all there are",
    )


class TrackingHooks:
    """A parent run in MLflow for each `kedro run` that trains or tests networks."""

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Open the parent run and hand the tracker to the nodes that ask for it."""
        self._tracker = None
        if "tracker" not in pipeline.inputs():
            return
        parameters: dict[str, Any] = catalog.load("parameters")
        name = ",".join(run_params["pipeline_names"] or ["__default__"])
        name = "dose_study" if name == "__default__" else name
        self._tracker = Tracker(parameters["tracking"]["uri"], experiment=name)
        tags = {"env": run_params["env"] or "", "git": _git_revision(), "pipeline": name}
        self._tracker.start(name, tags, _flat(parameters))
        catalog["tracker"] = MemoryDataset(self._tracker, copy_mode="assign")

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Close the parent run."""
        if self._tracker:
            self._tracker.finish("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Close the parent run as failed."""
        if self._tracker:
            self._tracker.finish("FAILED")


def _git_revision() -> str:
    """Commit of the working folder, with ``+changes`` when files differ; empty outside git."""
    command = ["git", "describe", "--always", "--dirty=+changes", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip()


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Nested parameters as ``a.b.c: value``."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if not isinstance(value, dict):
        return {name: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{name}.{key}" if name else str(key))
    return flat
