"""The pipelines by name: parts, and the studies that are composed of them."""

from __future__ import annotations

from collections.abc import Sequence

from kedro.pipeline import Pipeline, pipeline

from hrtem_shift.pipelines.calibration import pipeline as calibration
from hrtem_shift.pipelines.evaluation import pipeline as evaluation
from hrtem_shift.pipelines.ingestion import pipeline as ingestion
from hrtem_shift.pipelines.noise_augmentation import pipeline as noise_augmentation
from hrtem_shift.pipelines.preprocessing import pipeline as preprocessing
from hrtem_shift.pipelines.referee import pipeline as referee
from hrtem_shift.pipelines.reporting import pipeline as reporting
from hrtem_shift.pipelines.simulation import pipeline as simulation
from hrtem_shift.pipelines.training import pipeline as training


def register_pipelines() -> dict[str, Pipeline]:
    """All pipelines; ``kedro run`` alone runs the dose study."""
    simulate = simulation.create_study_pipeline()
    parts = {
        "ingestion": ingestion.create_simulated_pipeline(),
        "preprocessing": preprocessing.create_pipeline(),
        "training": training.create_pipeline(),
        "evaluation": Pipeline(
            [evaluation.create_pipeline(), evaluation.create_dose_matrix_pipeline()]
        ),
        "noise_augmentation": noise_augmentation.create_pipeline(),
        "reporting": reporting.create_pipeline(),
    }
    dose_study = study("dose_study", [simulate, *parts.values()])
    cross_validation = study(
        "cross_validation",
        [
            ingestion.create_pipeline(),
            preprocessing.create_pipeline(),
            training.create_pipeline(),
            evaluation.create_pipeline(),
            evaluation.create_folds_pipeline(),
            reporting.create_folds_pipeline(),
        ],
    )
    return {
        "__default__": dose_study,
        "dose_study": dose_study,
        "cross_validation": cross_validation,
        "simulation": simulation.create_pipeline(),
        "calibration": calibration.create_pipeline(),
        "referee": referee.create_pipeline(),
        **{name: study("dose_study", [part]) for name, part in parts.items()},
    }


# What studies share; everything else is a study's own and bears its name.
SHARED_INPUTS = {
    "exit_wave_store",
    "micrograph_folders",
    "raw_micrographs",
    "network_store",
    "tracker",
}
SHARED_PARAMETERS = {"params:simulation", "params:ingestion", "params:compute"}
STUDY = "params:study"


def study(name: str, parts: Sequence[Pipeline]) -> Pipeline:
    """Compose parts into a study whose parameters are the YAML block of that name."""
    whole = Pipeline(list(parts))
    inputs = whole.inputs()
    own = {STUDY: f"params:{name}"} if STUDY in inputs else {}
    return pipeline(
        whole,
        namespace=name,
        inputs=inputs & SHARED_INPUTS,
        parameters={**own, **{shared: shared for shared in inputs & SHARED_PARAMETERS}},
    )
