"""Kedro hooks: check parameters before a run, track its networks in MLflow."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline
from pydantic import BaseModel

from hrtem_shift.errors import InputError, InputErrors, RunEnds
from hrtem_shift.execution.compute import Compute
from hrtem_shift.parameters import ParameterBlock, faults_of, nearest, studies_by_name
from hrtem_shift.pipelines.calibration.parameters import Calibration
from hrtem_shift.pipelines.curation.parameters import CurationStudy, is_curation_study
from hrtem_shift.pipelines.hyperparameter_search.parameters import HyperparameterStudy
from hrtem_shift.pipelines.imaging.parameters import ImagingStudy, is_imaging_study
from hrtem_shift.pipelines.ingestion.parameters import Ingestion
from hrtem_shift.pipelines.particle_networks.parameters import ParticleNetworks
from hrtem_shift.pipelines.referee.parameters import Referee
from hrtem_shift.pipelines.scorecard.parameters import Scorecard
from hrtem_shift.pipelines.segmentation.parameters import Segmentation
from hrtem_shift.pipelines.simulation.parameters import Simulation
from hrtem_shift.pipelines.stores import Stores
from hrtem_shift.pipelines.study import Study
from hrtem_shift.tracking import Tracker, Tracking


class ParameterHooks:
    """Checks parameters before a run, and reports all faults together."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Check names given by ``--params``, then every block of parameters.

        Raises
        ------
        InputErrors
            A misspelt name, which Kedro would ignore, or a value of the wrong type or out of range.
        """
        loader = context.config_loader
        stored = type(loader)(
            conf_source=loader.conf_source, env=context.env, **settings.CONFIG_LOADER_ARGS
        )
        from_files = _merged(
            stored,
            where=f"conf/{context.env}",
            what="a parameter is a list where conf/base has a mapping, or the other way round",
            fix="Write it as conf/base does",
        )
        given = loader.runtime_params or {}
        faults = [_unknown(name, from_files) for name in given if name not in from_files]
        if not faults:
            blocks = _merged(
                loader,
                where="--params",
                what="a parameter is a list or holds others, and cannot be given so",
                fix="State it in an environment: conf/NAME/parameters.yml, --env=NAME",
            )
            for name, block in blocks.items():
                faults += faults_of(name, block, BLOCKS.get(name) or kind_of_study(name))
            faults = faults or unknown_data_sets(blocks)
        if faults:
            raise InputErrors("Parameters", faults)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Check that the environment has the study.

        Raises
        ------
        InputError
            Only other environments have it.
        """
        for name in pipeline.inputs():
            study = name.removeprefix("params:")
            if study.endswith("_study") and name not in catalog:
                environments = studies_by_name(Path(run_params["project_path"])).get(
                    study, ["base"]
                )
                raise InputError(
                    f"no such study in the environment '{run_params['env'] or 'local'}'",
                    where=study,
                    why=f"It is in conf/{', conf/'.join(environments)}",
                    fix=f"Run it with --env={environments[0]}",
                )


def _merged(loader: Any, *, where: str, what: str, fix: str) -> dict[str, Any]:
    """Blocks of parameters; an error where they do not fit together."""
    try:
        return blocks_of(loader["parameters"])
    except TypeError as error:
        why = "Lists and mappings cannot be merged, and nothing was done"
        raise InputError(what, where=where, why=why, fix=fix) from error


def blocks_of(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters without those that begin with ``_``, of which others are built."""
    return {name: block for name, block in parameters.items() if not name.startswith("_")}


def kind_of_study(name: str) -> type[Study]:
    """Class of the study of that name."""
    if is_imaging_study(name):
        return ImagingStudy
    if is_curation_study(name):
        return CurationStudy
    return HyperparameterStudy if name == "hyperparameter_study" else Study


BLOCKS: dict[str, type[ParameterBlock]] = {
    "simulation": Simulation,
    "referee": Referee,
    "calibration": Calibration,
    "particle_networks": ParticleNetworks,
    "ingestion": Ingestion,
    "compute": Compute,
    "tracking": Tracking,
    "scorecard": Scorecard,
    "segmentation": Segmentation,
    "stores": Stores,
}


def unknown_data_sets(blocks: dict[str, Any]) -> list[InputError]:
    """Data sets of studies that are neither simulated nor selected from recorded ones.

    Where nothing is selected, a whole folder is a study's only data set, or beside simulated ones
    its only set of ``test_sets``.
    """
    names = {
        name
        for block in ("simulation", "ingestion")
        for name, data_set in blocks[block]["data_sets"].items()
        if data_set is not None
    }
    selected = any(columns is not None for columns in blocks["ingestion"]["data_sets"].values())
    if blocks["ingestion"].get("split_by"):
        return []  # data sets get their names when the table is read
    faults = []
    for study, block in blocks.items():
        if study in BLOCKS:
            continue
        trained, tested = block.get("data_sets", []), block.get("test_sets", [])
        unknown = [name for name in (*trained, *tested) if name not in names]
        alone = len(trained) == 1 or unknown[:1] == tested[-1:]
        if selected or len(unknown) > 1 or not alone:
            faults += [_unknown_data_set(study, name, names) for name in unknown]
    return faults


def _unknown_data_set(study: str, name: str, names: set[str]) -> InputError:
    return InputError(
        f"there is no data set '{name}'{nearest(name, names)}",
        where=f"{study}.data_sets",
        why="A study trains and tests on sets that are simulated, or selected by ingestion",
        fix="Correct the name, or state the set in simulation.data_sets or ingestion.data_sets",
    )


def _unknown(name: str, blocks: dict[str, Any]) -> InputError:
    return InputError(
        f"unknown parameter{nearest(name, blocks)}",
        where=name,
        why="No parameter file has it, so it would change nothing",
        fix="Correct the name; conf/base/parameters_*.yml list all there are",
    )


class TrackingHooks:
    """A parent run in MLflow for each `kedro run` that trains or tests networks."""

    _tracker: Tracker | None = None

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Give the tracker to the nodes that use it; the first network opens the parent run."""
        if "tracker" not in pipeline.inputs():
            return
        parameters: dict[str, Any] = catalog.load("parameters")
        name = ",".join(run_params["pipeline_names"] or ["__default__"])
        name = "dose_study" if name == "__default__" else name
        tracking = Tracking.model_validate(parameters["tracking"])
        self._tracker = Tracker(tracking.uri, experiment=name)
        tags = {"env": run_params["env"] or "", "git": git_revision(), "pipeline": name}
        self._tracker.start(name, tags, _flat(blocks_of(parameters)))
        self._catch_signals()
        catalog["tracker"] = MemoryDataset(self._tracker, copy_mode="assign")

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Close the parent run."""
        self._end("FINISHED")

    @hook_impl
    def on_pipeline_error(self, error: BaseException) -> None:
        """Close the parent run as failed, unless its share of a plan is done."""
        self._end("FINISHED" if isinstance(error, RunEnds) else "FAILED")

    def _catch_signals(self) -> None:
        self._handlers = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers[number] = signal.signal(number, self._killed)

    def _killed(self, number: int, frame: FrameType | None) -> None:
        """Close the parent run as killed at once, then let the signal take its usual effect.

        Kedro calls its hooks for errors only, and unwinding may wait for workers.
        """
        self._end("KILLED")
        signal.raise_signal(number)

    def _end(self, status: str) -> None:
        if self._tracker is None:
            return
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        tracker, self._tracker = self._tracker, None
        tracker.finish(status)


def git_revision() -> str:
    """Commit of the working folder, with ``+changes`` when files differ; empty outside git."""
    command = ["git", "describe", "--always", "--dirty=+changes", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


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
