"""The report of an imaging study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hrtem_shift.pipelines.annotations import DataFrame
from hrtem_shift.pipelines.imaging.parameters import ImagingStudy
from hrtem_shift.pipelines.report_blocks import network_blocks, versions, what_was_run
from hrtem_shift.tracking import Tracking


def imaging_report_writer(name: str) -> Callable[..., str]:
    """Function that writes the report of the imaging study of that name."""

    def write_report(study: ImagingStudy, tracking: Tracking, *tables: Any) -> str:
        return imaging_page(f"kedro run --pipeline={name}", study, tracking, *tables)

    return write_report


MOST_ERRORS = 12


def _shown(claims: DataFrame, decisive: bool) -> DataFrame:
    """Rows that decide a claim, or the others; what is read first comes first."""
    rows = claims[(claims["verdict"] != "reported") == decisive]
    columns = ["claim", "verdict", "value", "low", "high", "threshold", "statistic", "n", "of"]
    texts = {name: rows[name].astype(object).fillna("") for name in ("threshold", "of", "note")}
    return rows.assign(**texts)[[*columns, "note"]]  # a file holds nothing for ""


def largest_errors(predictions: DataFrame) -> DataFrame:
    """The pairs whose prediction by the best model, without row and column, is furthest off."""
    pairs = predictions[predictions["held_out"] == "both"]
    error = (pairs["best"] - pairs["hard_dice"]).astype(float)
    order = error.abs().sort_values(ascending=False, kind="stable").index[:MOST_ERRORS]
    columns = ["train_set", "test_set", "hard_dice", "best", "baseline"]
    return pairs.loc[order, columns].assign(error=error.loc[order])


def imaging_page(
    command: str,
    study: ImagingStudy,
    tracking: Tracking,
    cells: DataFrame,
    relation: DataFrame,
    verdict: DataFrame,
    summary: DataFrame,
    claims: DataFrame,
    predictions: DataFrame,
    losses: DataFrame,  # is drawn
    distances: DataFrame,
    mixtures: DataFrame,
    design: DataFrame,
    data_sets: DataFrame,
    networks: DataFrame,
    inventory: DataFrame,
    left_out: DataFrame,
    losses_png: bytes,
    predicted_png: bytes,
    transfer_png: bytes,
    rings_png: bytes,
    matrix_png: bytes,
    relation_png: bytes,
) -> str:
    """One self-contained page on shift."""
    from hrtem_shift.figures.claims_answer import claims_answer
    from hrtem_shift.figures.report import FigureBlock, TableBlock, render_report
    from hrtem_shift.figures.shift_answer import shift_answer

    return render_report(
        title="Imaging study",
        question=study.question,
        answer=[
            *claims_answer(claims, distances),
            *shift_answer(cells, relation, verdict, summary, design),
        ],
        what_was_run=what_was_run(study, networks, inventory, left_out, tracking),
        blocks=[
            FigureBlock("Loss of Dice against distance", losses_png, _LOSSES),
            FigureBlock("Predicted against measured Dice", predicted_png, _PREDICTED),
            TableBlock("Registered claims", _shown(claims, True), _CLAIMS, "claims.csv"),
            FigureBlock("Overlap of transfer beside Dice", matrix_png, _MATRIX),
            FigureBlock("Dice against overlap", relation_png, _RELATION),
            FigureBlock("Transfer functions", transfer_png, _TRANSFER),
            FigureBlock("Thon rings", rings_png, _RINGS),
            TableBlock("Other statistics", _shown(claims, False), _OTHERS, "statistics.csv"),
            TableBlock("Distances", distances, _DISTANCES, "distances.csv"),
            TableBlock(
                "Largest errors", largest_errors(predictions), _ERRORS, "largest_errors.csv"
            ),
            TableBlock("Verdict", verdict, _VERDICT, "verdict.csv"),
            TableBlock("Measures side by side", relation, _MEASURES, "relation.csv"),
            TableBlock("Ceiling and variance", summary, _SUMMARY, "summary.csv"),
            TableBlock("Design", design, _DESIGN, "design.csv"),
            TableBlock("Mixtures", mixtures, "Images of each condition.", "mixtures.csv"),
            TableBlock("Cells", cells, "One row a pair of conditions.", "cells.csv"),
            TableBlock("Data sets", data_sets, "Medians over micrographs.", "data_sets.csv"),
            *network_blocks(networks),
        ],
        limits=_LIMITS,
        command=command,
        versions=versions(),
    )


_MATRIX = (
    "Rows: condition of training. Columns: condition of the test, always of scenes that the "
    "network has not seen. The overlap is a reconstruction, not the formula of the paper."
)
_RELATION = "One point a pair of conditions, with the isotonic fit, and its residuals below."
_TRANSFER = "Phase contrast transfer with envelopes, and the specimen's strongest lattice spacings."
_RINGS = "Squared transfer over the plane of frequencies; circles: the specimen's lattice."
_LOSSES = (
    "Dice under the own condition minus that under another that differs in one quantity alone. "
    "Below each title, what may be done about a loss; 'beyond' is farther than was tested."
)
_PREDICTED = (
    "Each cell is predicted by a fit that has seen neither its training set nor its test; sets of "
    "mixed conditions by the fit to single conditions."
)
_CLAIMS = (
    "Claims of arXiv 2512.09067 whose statistics and thresholds were written before the networks "
    "were trained: docs/evidence/transfer-claims.md. How to read them: docs/shift.md."
)
_OTHERS = "Of the same claims; what is reported decides nothing."
_DISTANCES = (
    "How far a test may be from the condition of training before so much Dice is lost; inf: never "
    "within the conditions that were tested. Intervals over training conditions."
)
_ERRORS = "Pairs of conditions with the largest errors of the best model, both held out."
_VERDICT = "Criteria that were written before the study was run: docs/shift.md."
_MEASURES = (
    "Spearman's correlation within rows (median), with intervals over rows and columns, and what "
    "it gains over the difference of defocus; R² of isotonic fits, in sample and held out."
)
_SUMMARY = (
    "The ceiling is the correlation of two halves of the seeds: no measure can be asked for more. "
    "Shares of variance are of a mixed model."
)
_DESIGN = (
    "Mean hard Dice over all conditions, of networks trained on a mixture; proposed by directed "
    "coverage before any network was trained. Range over networks."
)
_LIMITS = (
    "The measures are reconstructions: the formulas of arXiv 2512.09067 are not known to us.",
    "Simulated particles on amorphous carbon; what a real microscope adds is not tested.",
    "A condition's draws (such as the spread of defocus) stand at their middle in the measure.",
    "Networks of a row share training images: intervals over rows and columns say what other "
    "conditions might give, not what other scenes might.",
)
