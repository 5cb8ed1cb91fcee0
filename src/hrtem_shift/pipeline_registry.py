"""The pipelines by name: parts, and the studies that are composed of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kedro.pipeline import Pipeline, pipeline
from kedro.utils import find_kedro_project

from hrtem_shift.pipelines.calibration import pipeline as calibration
from hrtem_shift.pipelines.evaluation import pipeline as evaluation
from hrtem_shift.pipelines.hyperparameter_search import pipeline as hyperparameter_search
from hrtem_shift.pipelines.imaging import pipeline as imaging
from hrtem_shift.pipelines.ingestion import pipeline as ingestion
from hrtem_shift.pipelines.noise_augmentation import pipeline as noise_augmentation
from hrtem_shift.pipelines.preprocessing import pipeline as preprocessing
from hrtem_shift.pipelines.referee import pipeline as referee
from hrtem_shift.pipelines.reporting import pipeline as reporting
from hrtem_shift.pipelines.scorecard import pipeline as scorecard
from hrtem_shift.pipelines.segmentation import pipeline as segmentation
from hrtem_shift.pipelines.simulation import pipeline as simulation
from hrtem_shift.pipelines.training import pipeline as training


def register_pipelines() -> dict[str, Pipeline]:
    """All pipelines; ``kedro run`` alone runs the dose study."""
    dose_study = study("dose_study", [*dose_parts().values()])
    return {
        "__default__": dose_study,
        "dose_study": dose_study,
        **{name: study(name, generalization_parts(name)) for name in generalization_studies()},
        "hyperparameter_study": study(
            "hyperparameter_study", [hyperparameter_search.create_pipeline()]
        ),
        "imaging_study": study("imaging_study", [imaging.create_pipeline()]),
        "cross_validation": study("cross_validation", cross_validation_parts()),
        "simulation": simulation.create_pipeline(),
        "calibration": calibration.create_pipeline(),
        "referee": referee.create_pipeline(),
        "scorecard": scorecard.create_pipeline(),
        "segmentation": segmentation.create_pipeline(),
        **{
            name: study("dose_study", [part])
            for name, part in dose_parts().items()
            if name != "simulate"
        },
    }


def generalization_studies() -> list[str]:
    """Studies that the parameter files state: ``conf/*/parameters_<name>_study.yml``.

    The dose study and those with a pipeline of their own are not among them.
    """
    project = find_kedro_project(Path.cwd())
    files = (project / "conf").glob("*/parameters_*_study.yml") if project else []
    named = {path.stem.removeprefix("parameters_") for path in files}
    return ["generalization", *sorted(named - OTHER_STUDIES)]


OTHER_STUDIES = {"dose_study", "hyperparameter_study", "imaging_study"}


def generalization_parts(name: str) -> list[Pipeline]:
    """Every data set tested on every data set."""
    return [
        simulation.create_study_pipeline(),
        ingestion.create_simulated_pipeline(),
        preprocessing.create_pipeline(),
        training.create_pipeline(),
        evaluation.create_pipeline(),
        evaluation.create_matrix_pipeline(),
        reporting.create_pipeline(name),
    ]


def dose_parts() -> dict[str, Pipeline]:
    """The same, with noise augmentation; by the names of the pipelines that are its parts."""
    return {
        "simulate": simulation.create_study_pipeline(),
        "ingestion": ingestion.create_simulated_pipeline(),
        "preprocessing": preprocessing.create_pipeline(),
        "training": training.create_pipeline(),
        "evaluation": Pipeline([evaluation.create_pipeline(), evaluation.create_matrix_pipeline()]),
        "noise_augmentation": noise_augmentation.create_pipeline(),
        "reporting": reporting.create_dose_pipeline("dose_study"),
    }


def cross_validation_parts() -> list[Pipeline]:
    """One folder of images, five folds."""
    return [
        ingestion.create_pipeline(),
        preprocessing.create_pipeline(),
        training.create_pipeline(),
        evaluation.create_pipeline(),
        evaluation.create_folds_pipeline(),
        reporting.create_folds_pipeline(),
    ]


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
