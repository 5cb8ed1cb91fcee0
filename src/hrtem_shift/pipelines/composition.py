"""Compose a pipeline of stages: a stage is a box in kedro-viz, and datasets are named by study."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from kedro.pipeline import Pipeline, pipeline

STUDY = "params:study"
SHARED = {
    "exit_wave_store",
    "kept_tables",
    "micrograph_folders",
    "network_store",
    "raw_micrographs",
    "study_reports",
    "study_tables",
    "tracker",
}
"""Datasets that all studies share; every other one is named after its study."""


def compose(name: str, stages: Mapping[str, Pipeline]) -> Pipeline:
    """Join stages into one pipeline.

    Parameters
    ----------
    name : str
        Name of the study: dataset ``scores`` becomes ``<name>.scores``, and ``params:study``
        becomes ``params:<name>``.
    stages : mapping
        Stage name -> its nodes; ``""`` for nodes that stand in no box.

    Returns
    -------
    Pipeline
        Its nodes are called ``<stage>.<node>``.
    """
    joined = Pipeline(
        [
            pipeline(part, namespace=stage or None, prefix_datasets_with_namespace=False)
            for stage, part in stages.items()
        ]
    )
    parameters = {each for each in joined.inputs() if each.startswith("params:")}

    def of_study(datasets: set[str]) -> dict[str, str]:
        return {each: f"{name}.{each}" for each in datasets - SHARED - parameters}

    with warnings.catch_warnings():
        # Kedro expects that whatever has a dot in its name is a namespace.
        warnings.filterwarnings("ignore", "One or more dataset names contain '.'", UserWarning)
        return pipeline(
            joined,
            inputs=of_study(joined.inputs()),
            outputs=of_study(joined.all_outputs()),
            parameters={STUDY: f"params:{name}"} if STUDY in parameters else None,
        )
