"""Nodes that compare each database with the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hrtem_shift.pipelines.annotations import DataFrame, Figure
from hrtem_shift.pipelines.curation.parameters import CurationStudy
from hrtem_shift.pipelines.reporting.study_page import StudyTables, curation_page
from hrtem_shift.tracking import Tracking


def compare_with_reference(scores: DataFrame, study: CurationStudy) -> DataFrame:
    """Hard Dice of each arm minus that of the reference: `hrtem_shift.evaluation.curation`."""
    from hrtem_shift.evaluation.curation import factor_effects
    from hrtem_shift.evaluation.scoring import plain_scores

    return factor_effects(
        plain_scores(scores, study.seeds),
        study.reference,
        study.factors,
        study.test_sets,
        folds=study.folds,
        seed=study.seed,
    )


def draw_factors(factor_effects: DataFrame, data_sets: DataFrame, study: CurationStudy) -> Figure:
    """A row an arm, grouped by factor; a panel a test set."""
    from hrtem_shift.figures.data_set_labels import display_names
    from hrtem_shift.figures.factor_effects import factor_effects_figure

    return factor_effects_figure(factor_effects, display_names(data_sets, study.axis, study.labels))


def curation_report_writer(name: str) -> Callable[..., str]:
    """Function that writes the report of a curation study."""

    def write_report(
        study: CurationStudy,
        tracking: Tracking,
        factor_effects: DataFrame,
        factors_png: bytes,
        *tables: Any,
    ) -> str:
        common = StudyTables(*tables)
        return curation_page(name, study, tracking, common, factor_effects, factors_png)

    return write_report
