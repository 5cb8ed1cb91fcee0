"""The pipelines by name: parts, and the studies that are composed of them."""

from __future__ import annotations

from pathlib import Path

from kedro.pipeline import Pipeline
from kedro.utils import find_kedro_project

from hrtem_shift.parameters import studies_by_name
from hrtem_shift.pipelines.calibration import pipeline as calibration
from hrtem_shift.pipelines.composition import compose
from hrtem_shift.pipelines.curation import pipeline as curation
from hrtem_shift.pipelines.curation.parameters import is_curation_study
from hrtem_shift.pipelines.evaluation import pipeline as evaluation
from hrtem_shift.pipelines.hyperparameter_search import pipeline as hyperparameter_search
from hrtem_shift.pipelines.imaging import pipeline as imaging
from hrtem_shift.pipelines.imaging.parameters import is_imaging_study
from hrtem_shift.pipelines.ingestion import pipeline as ingestion
from hrtem_shift.pipelines.noise_augmentation import pipeline as noise_augmentation
from hrtem_shift.pipelines.particle_networks import pipeline as particle_networks
from hrtem_shift.pipelines.preprocessing import pipeline as preprocessing
from hrtem_shift.pipelines.referee import pipeline as referee
from hrtem_shift.pipelines.reporting import pipeline as reporting
from hrtem_shift.pipelines.scorecard import pipeline as scorecard
from hrtem_shift.pipelines.segmentation import pipeline as segmentation
from hrtem_shift.pipelines.simulation import pipeline as simulation
from hrtem_shift.pipelines.training import pipeline as training


def register_pipelines() -> dict[str, Pipeline]:
    """All pipelines; ``kedro run`` alone runs the dose study."""
    dose_study = compose("dose_study", dose_stages())
    return {
        "__default__": dose_study,
        "dose_study": dose_study,
        **{name: compose(name, generalization_stages(name)) for name in generalization_studies()},
        "hyperparameter_study": compose(
            "hyperparameter_study", hyperparameter_search.create_stages()
        ),
        **{name: compose(name, imaging.create_stages(name)) for name in imaging_studies()},
        **{name: compose(name, curation_stages(name)) for name in curation_studies()},
        "cross_validation": compose("cross_validation", cross_validation_stages()),
        "particle_networks": compose("particle_networks", particle_networks.create_stages()),
        "simulation": simulation.create_pipeline(),
        "calibration": calibration.create_pipeline(),
        "referee": referee.create_pipeline(),
        "scorecard": scorecard.create_pipeline(),
        "segmentation": segmentation.create_pipeline(),
        **{name: compose("dose_study", parts) for name, parts in dose_parts().items()},
    }


def generalization_studies() -> list[str]:
    """Studies that parameter files of any environment state, but for those composed otherwise."""
    others = {"dose_study", "hyperparameter_study", *imaging_studies(), *curation_studies()}
    return ["generalization", *sorted(_stated() - others)]


def imaging_studies() -> list[str]:
    """Imaging studies that parameter files of any environment state."""
    return sorted({"imaging_study", *filter(is_imaging_study, _stated())})


def curation_studies() -> list[str]:
    """Curation studies that parameter files of any environment state."""
    return sorted({"curation_study", *filter(is_curation_study, _stated())})


def _stated() -> set[str]:
    project = find_kedro_project(Path.cwd())
    return set(studies_by_name(project)) if project else set()


def generalization_stages(name: str) -> dict[str, Pipeline]:
    """Every data set tested on every data set."""
    return {
        "simulation": simulation.create_study_pipeline(),
        "ingestion": ingestion.create_simulated_pipeline(),
        "preprocessing": preprocessing.create_pipeline(),
        "training": training.create_pipeline(),
        "evaluation": Pipeline([evaluation.create_pipeline(), evaluation.create_matrix_pipeline()]),
        "reporting": Pipeline(
            [
                preprocessing.create_figures_pipeline(),
                evaluation.create_matrix_figures_pipeline(),
                reporting.create_pipeline(name),
            ]
        ),
    }


def dose_stages() -> dict[str, Pipeline]:
    """The same, with noise augmentation."""
    return generalization_stages("dose_study") | {
        "noise_augmentation": noise_augmentation.create_pipeline(),
        "reporting": Pipeline(
            [
                preprocessing.create_figures_pipeline(),
                evaluation.create_matrix_figures_pipeline(),
                noise_augmentation.create_figures_pipeline(),
                reporting.create_dose_pipeline("dose_study"),
            ]
        ),
    }


def curation_stages(name: str) -> dict[str, Pipeline]:
    """The same, with each set compared with a reference."""
    stages = generalization_stages(name)
    return stages | {
        "evaluation": Pipeline([stages["evaluation"], curation.create_pipeline()]),
        "reporting": Pipeline(
            [
                preprocessing.create_figures_pipeline(),
                evaluation.create_matrix_figures_pipeline(),
                reporting.create_examples_pipeline(),
                curation.create_report_pipeline(name),
            ]
        ),
    }


def dose_parts() -> dict[str, dict[str, Pipeline]]:
    """Stages of the dose study that can be run alone, each with the figures of what it makes."""
    stages = dose_stages() | {"reporting": reporting.create_dose_pipeline("dose_study")}
    figures = {
        "preprocessing": preprocessing.create_figures_pipeline(),
        "evaluation": evaluation.create_matrix_figures_pipeline(),
        "noise_augmentation": noise_augmentation.create_figures_pipeline(),
    }
    return {
        name: {name: stage} | ({"reporting": figures[name]} if name in figures else {})
        for name, stage in stages.items()
        if name != "simulation"
    }


def cross_validation_stages() -> dict[str, Pipeline]:
    """One folder of images, five folds."""
    return {
        "ingestion": ingestion.create_pipeline(),
        "preprocessing": preprocessing.create_pipeline(),
        "training": training.create_pipeline(),
        "evaluation": Pipeline([evaluation.create_pipeline(), evaluation.create_folds_pipeline()]),
        "reporting": Pipeline(
            [
                preprocessing.create_figures_pipeline(),
                evaluation.create_folds_figure_pipeline(),
                reporting.create_folds_pipeline(),
            ]
        ),
    }
