"""Claims of arXiv 2110.04065: batch norms mixed with the statistics of the test image.

The paper tests networks for photographs. Its claims are asked of doses here.
"""

from __future__ import annotations

from functools import partial

from hrtem_shift.scorecard.bootstrap_scores import BootstrapScores, Replicates
from hrtem_shift.scorecard.claims import Paper, at_least
from hrtem_shift.scorecard.findings import with_mixed_norms
from hrtem_shift.scorecard.generalization_paper import DOSE, MATTERS, SAME

PAPER = Paper("arXiv 2110.04065", "Test-time batch statistics calibration for covariate shift")
mixing = partial(PAPER.claim, study="dose_study", networks=with_mixed_norms)

_ANY_SHARE = (1e-6, 1.0)


@mixing(
    "Abstract",
    "hard Dice of networks of the highest dose at the lowest, with mixed batch norms minus as "
    "trained",
    at_least(MATTERS),
)
def mixed_norms_repair_low_dose(study: BootstrapScores) -> Replicates:
    """Mixed batch norms make high-dose networks fit for low dose, without training."""
    highest, *_, lowest = study.sorted_descending(DOSE)
    return _gain(study, highest, lowest)


@mixing(
    "Abstract",
    "hard Dice gained by mixed batch norms at the lowest dose, minus half of the gap to networks "
    "trained there",
    at_least(0),
)
def mixed_norms_close_the_gap(study: BootstrapScores) -> Replicates:
    """Mixed batch norms close most of the gap from high to low dose."""
    highest, *_, lowest = study.sorted_descending(DOSE)
    trained = study.select(norm_share=0)
    gap = trained.cell(lowest, lowest) - trained.cell(highest, lowest)
    return _gain(study, highest, lowest) - gap / 2


@mixing(
    "Abstract",
    "hard Dice of networks of the highest dose there, with mixed batch norms minus as trained",
    at_least(SAME.low),
)
def mixed_norms_are_free(study: BootstrapScores) -> Replicates:
    """Mixed batch norms cost nothing at the dose of training."""
    highest, *_ = study.sorted_descending(DOSE)
    return _gain(study, highest, highest)


def _gain(study: BootstrapScores, train_set: str, test_set: str) -> Replicates:
    mixed, trained = study.select(norm_share=_ANY_SHARE), study.select(norm_share=0)
    return mixed.cell(train_set, test_set) - trained.cell(train_set, test_set)
