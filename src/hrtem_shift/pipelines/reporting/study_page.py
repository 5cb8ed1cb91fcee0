"""The report of a study: its answer in numbers, evidence and limits on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.report_blocks import (
    left_out_blocks,
    network_blocks,
    preparation_blocks,
    versions,
    what_was_run,
)
from hrtem_shift.pipelines.reporting import captions
from hrtem_shift.pipelines.study import Study
from hrtem_shift.tracking import Tracking

if TYPE_CHECKING:
    from pandas import DataFrame

    from hrtem_shift.figures.report import FigureBlock, TableBlock


@dataclass(frozen=True, eq=False)
class StudyTables:
    """Results of every study, by their names in the catalog: tables, and figures as PNG."""

    matrix: DataFrame
    gaps: DataFrame
    difficulty: DataFrame
    asymmetry: DataFrame
    comparisons: DataFrame
    data_sets: DataFrame
    networks: DataFrame
    inventory: DataFrame
    left_out: DataFrame
    matrix_figures: dict[str, bytes]
    gaps_figure: bytes
    examples_figure: bytes
    preparation_figure: bytes
    preparation_steps_figure: bytes

    @property
    def simulated(self) -> bool:
        """Whether micrographs are simulated, at least some of them."""
        return "scene_id" in self.inventory

    def labels(self, study: Study) -> dict[str, str]:
        """Data set -> its display name."""
        from hrtem_shift.figures.data_set_labels import display_names

        return display_names(self.data_sets, study.axis, study.labels)


@dataclass(frozen=True, eq=False)
class NoiseTables:
    """Further results of noise augmentation, by their names in the catalog."""

    scores: DataFrame
    noise_curves: DataFrame
    same_set_dice: DataFrame
    repairs: DataFrame
    noise_matching: DataFrame
    noise_curves_figures: dict[str, bytes]
    noise_matching_figure: bytes


def catalog_names(tables: type[Any]) -> list[str]:
    """Names in the catalog of `StudyTables` or `NoiseTables`, in their order."""
    return [field.name for field in fields(tables)]


def study_page(name: str, study: Study, tracking: Tracking, tables: StudyTables) -> str:
    """One self-contained page: the question, its answer in numbers, evidence and limits."""
    from hrtem_shift.figures.generalization_answer import generalization_answer

    answer = generalization_answer(
        tables.matrix,
        tables.gaps,
        tables.difficulty,
        tables.asymmetry,
        tables.labels(study),
        study.axis,
    )
    return _page(name, study, tracking, tables, answer)


def dose_page(
    name: str, study: Study, tracking: Tracking, tables: StudyTables, noise: NoiseTables
) -> str:
    """As `study_page`, with what noise augmentation does."""
    from hrtem_shift.evaluation.scoring import plain_scores
    from hrtem_shift.figures.dose_answer import dose_answer, mismatch_answer
    from hrtem_shift.figures.doses import doses_of
    from hrtem_shift.figures.published_numbers import beside_published
    from hrtem_shift.figures.repairs_answer import mixed_norms_answer, thinning_answer
    from hrtem_shift.figures.report import FigureBlock, TableBlock

    doses, labels = doses_of(tables.inventory), tables.labels(study)
    order = sorted(tables.data_sets["data_set"], key=lambda name: -doses[name])
    plain = plain_scores(noise.scores, study.seeds)
    curves = noise.noise_curves[noise.noise_curves["train_set"] == order[0]]
    clean = curves[curves["mode"].isin(["fixed", "uniform"])]
    figures = [
        FigureBlock(
            f"Noise in the training on {labels[start]}",
            noise.noise_curves_figures[start],
            captions.NOISE_CURVES,
        )
        for start in dict.fromkeys(axis.train_set for axis in study.noise)
    ]
    figures += [
        FigureBlock(
            "Noise that makes doses look alike", noise.noise_matching_figure, captions.MATCHING
        )
    ]
    more_tables = [
        ("What repairs the loss", noise.repairs, captions.REPAIRS, "repairs.csv"),
        (
            "Beside the published numbers",
            beside_published(plain, clean, doses, order[0]),
            captions.PUBLISHED + (captions.TRENDS_ONLY if tables.simulated else ""),
            "published.csv",
        ),
        ("Noise curves", noise.noise_curves, "One row a point.", "noise_curves.csv"),
        ("Same-dose references", noise.same_set_dice, "The dotted lines.", "same_set_dice.csv"),
        (
            "Matching noise",
            noise.noise_matching,
            captions.MATCHING_TABLE,
            "noise_matching.csv",
        ),
    ]
    return _page(
        name,
        study,
        tracking,
        tables,
        [
            *dose_answer(plain, clean, order, doses),
            *mixed_norms_answer(noise.repairs, order, doses),
            *thinning_answer(noise.repairs, order, doses),
            *mismatch_answer(curves, order[0], doses),
        ],
        figures,
        [TableBlock(*table) for table in more_tables],
        captions.NOISE_LIMITS + (captions.MIXED_LIMITS if study.mixed_norms else ()),
    )


def curation_page(
    name: str,
    study: Study,
    tracking: Tracking,
    tables: StudyTables,
    factor_effects: DataFrame,
    factors_png: bytes,
) -> str:
    """As `study_page`, with what each change of the training database is worth."""
    from hrtem_shift.figures.curation_answer import curation_answer
    from hrtem_shift.figures.report import FigureBlock, TableBlock

    return _page(
        name,
        study,
        tracking,
        tables,
        curation_answer(factor_effects, tables.labels(study)),
        [FigureBlock("Each database against the reference", factors_png, captions.FACTORS)],
        [TableBlock("Factors", factor_effects, captions.FACTORS, "factor_effects.csv")],
    )


def _page(
    name: str,
    study: Study,
    tracking: Tracking,
    tables: StudyTables,
    answer: Sequence[str],
    more_figures: Sequence[FigureBlock] = (),
    more_tables: Sequence[TableBlock] = (),
    more_limits: Sequence[str] = (),
) -> str:
    from hrtem_shift.figures.report import FigureBlock, TableBlock, render_report

    limits = captions.SIMULATED_LIMITS if tables.simulated else captions.RECORDED_LIMITS
    return render_report(
        title=name.replace("_", " ").capitalize(),
        question=study.question,
        answer=answer,
        what_was_run=what_was_run(
            study, tables.networks, tables.inventory, tables.left_out, tracking
        ),
        blocks=[
            *_matrices(study, tables),
            *more_figures,
            FigureBlock("Generalization gaps", tables.gaps_figure, captions.GAPS),
            FigureBlock("What the network sees", tables.examples_figure, captions.EXAMPLES),
            *left_out_blocks(tables.left_out),
            *preparation_blocks(tables.preparation_figure, tables.preparation_steps_figure),
            *more_tables,
            TableBlock("Data sets", tables.data_sets, captions.DATA_SETS, "data_sets.csv"),
            TableBlock("Matrix", tables.matrix, "One row a pair of sets.", "matrix.csv"),
            TableBlock("Gaps", tables.gaps, captions.INTERVALS, "gaps.csv"),
            TableBlock("Difficulty", tables.difficulty, captions.DIFFICULTY, "difficulty.csv"),
            TableBlock("Asymmetry", tables.asymmetry, captions.ASYMMETRY, "asymmetry.csv"),
            TableBlock("Comparisons", tables.comparisons, captions.COMPARISONS, "comparisons.csv"),
            *network_blocks(tables.networks),
        ],
        limits=[*limits, *more_limits, *captions.LIMITS],
        command=f"kedro run --pipeline={name}",
        versions=versions(),
    )


def _matrices(study: Study, tables: StudyTables) -> list[FigureBlock]:
    from hrtem_shift.figures.report import FigureBlock

    blocks = []
    for variant in study.preparations():
        title = f"Each set tested on each set, {variant.replace('_', ' ')}".removesuffix(", ")
        blocks.append(FigureBlock(title, tables.matrix_figures[variant], captions.MATRIX))
    return blocks
