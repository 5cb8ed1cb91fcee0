"""Nodes that decide claims, and write the scorecard and the index."""

from __future__ import annotations

import logging
from collections.abc import Callable

from hrtem_shift.pipelines.annotations import DataFrame, Findings
from hrtem_shift.pipelines.report_blocks import versions
from hrtem_shift.pipelines.scorecard.parameters import Scorecard

logger = logging.getLogger(__name__)

COMMAND = "kedro run --pipeline=scorecard"
BOOTSTRAP_SEED = 0
"""Of the intervals, so that the same tables give the same scorecard."""


def decide(
    written: Callable[[], dict[str, Findings]],
    kept: Callable[[], dict[str, Findings]],
    chosen: Scorecard,
) -> DataFrame:
    """Verdict of the studies that were run on every claim of the papers.

    Parameters
    ----------
    written, kept : callable
        Read the tables that studies wrote on this machine, and those of ``results/``.
    chosen : Scorecard
        Which of them decide.
    """
    from hrtem_shift.scorecard.papers import CLAIMS
    from hrtem_shift.scorecard.verdicts import judge_claims

    findings = kept() if chosen.results == "results" else written()
    scorecard = judge_claims(CLAIMS, findings, seed=BOOTSTRAP_SEED)
    counts = scorecard["verdict"].value_counts()
    counted = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    logger.info("%d claims by %d studies: %s", len(scorecard), len(findings), counted)
    return scorecard


def write_scorecard(scorecard: DataFrame, reports: dict[str, str]) -> str:
    """The scorecard as one page."""
    from hrtem_shift.figures.scorecard_page import scorecard_page
    from hrtem_shift.scorecard.papers import PAPERS

    titles = {paper.name: paper.title for paper in PAPERS}
    return scorecard_page(scorecard, titles, set(reports), command=COMMAND, versions=versions())


def write_index(scorecard_page: str, reports: dict[str, str]) -> str:
    """One page that leads to the reports of all studies that were run, the scorecard first."""
    from hrtem_shift.figures.index_page import index_page

    studies = {name: page for name, page in reports.items() if name != "scorecard"}
    return index_page({"scorecard": scorecard_page, **studies})
