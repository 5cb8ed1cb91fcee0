"""Claims of arXiv 2512.09067: contrast transfer functions and generalization.

Its formulas are not known to us: overlaps of transfer functions are a reconstruction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

import numpy as np

from hrtem_shift.evaluation.study_summary import spearman
from hrtem_shift.scorecard.bootstrap_scores import BootstrapScores, Replicates, mean
from hrtem_shift.scorecard.claims import Measure, Paper, at_least, at_most
from hrtem_shift.scorecard.findings import Undecided
from hrtem_shift.scorecard.generalization_paper import DOSE, MATTERS, SEGMENTED

PAPER = Paper(
    "arXiv 2512.09067",
    "Contrast transfer functions help quantify neural network out-of-distribution "
    "generalization in HRTEM",
)
imaging = partial(PAPER.claim, study="imaging_study")
dose = partial(PAPER.claim, study="dose_study")
material = partial(PAPER.claim, study="material_study")

STABLE = 0.1
"""Loss of hard Dice that still counts as stable."""
STRONG = 0.5
"""Rank correlation that lets one predict."""


@imaging("Abstract", "hard Dice under the own condition", at_least(SEGMENTED))
def own_condition(study: BootstrapScores) -> Replicates:
    """Networks segment images of their own imaging condition."""
    return study.own_set()


@imaging("Abstract", "loss of hard Dice under other conditions", at_most(STABLE))
def conditions_are_borne(study: BootstrapScores) -> Replicates:
    """Performance is stable when imaging conditions shift."""
    return study.generalization_gap()


@imaging(
    "Abstract",
    "rank correlation of hard Dice with the overlap of transfer functions "
    "(a reconstruction), mean over training conditions",
    at_least(STRONG),
)
def overlap_predicts(study: BootstrapScores) -> Replicates:
    """It worsens smoothly and predictably as transfer functions part."""
    cells = study.findings.other("cells").dropna(subset="overlap")
    overlaps = {
        str(train): dict(zip(row["test_set"], row["overlap"], strict=True))
        for train, row in cells.groupby("train_set")
    }
    return mean(
        [
            _rank_correlation(study, train, overlaps.get(train, {}))
            for train in study.sets()
            if train in overlaps or not overlaps
        ]
    )


@dose("Abstract", "slope of hard Dice against |log2 of the ratio of doses|", at_most(0))
def dice_falls_with_dose_ratio(study: BootstrapScores) -> Replicates:
    """It worsens smoothly as the dose shifts."""
    return study.slope(DOSE)


@material("Abstract", "loss of hard Dice on other materials, imaged alike", at_least(MATTERS))
def material_is_another_shift(study: BootstrapScores) -> Replicates:
    """A shift of the specimen is not explained by imaging: materials imaged alike differ."""
    return study.generalization_gap()


REGISTERED = {
    "stability": "Dice is stable: less than 0.05 is lost within 10 nm, 0.3 mm and a factor of 2",
    "smoothness: neighbours": "Dice between two neighbours in defocus is interpolated",
    "smoothness: distance": "Dice falls with the distance in defocus",
    "predictability: held-out R²": "Transfer of test, of training and their overlap predict Dice",
    "predictability: better than plain covariates": "They do so better than plain covariates",
    "predictability: better than overlap alone": "They do so better than overlap alone",
    "predictability: mixed training sets": "They predict training sets of mixed conditions",
    "limits": "Shifts of atomic structure cost Dice, and transfer does not explain it",
    "information: power": "The power that a condition transfers says how much can be learnt",
    "information: resolved power": "The power that a network resolves says how much can be learnt",
    "information: bits": "The information of a condition says how much can be learnt",
    "dose": "A measure that knows the dose orders what differs in dose alone",
}
"""Claims whose rules were registered in docs/evidence/transfer-claims.md, by their names in
transfer_claims.csv -> words."""
SPECIMENS = {"imaging_study": "CdSe", "gold_imaging_study": "gold"}
"""Every claim is decided for each specimen by itself."""


def _registered(claim: str, words: str, study: str) -> Measure:
    """Measure of a claim that the study has decided by its own rule and intervals."""

    def measure(scores: BootstrapScores) -> Replicates:
        table = scores.findings.other("transfer_claims")
        rows = table[table["claim"] == claim]
        verdict = str(rows["claim_verdict"].iloc[0]) if len(rows) else "undecided"
        if verdict == "undecided":
            notes = "; ".join(dict.fromkeys(rows["note"].dropna().astype(str)))
            raise Undecided(notes or "its interval crosses the threshold")
        return scores.own_set() * 0 + (verdict == "holds")  # decided on all networks at once

    measure.__name__ = f"{study}_{re.sub(r'[^a-z]+', '_', claim.lower()).strip('_')}"
    measure.__doc__ = f"{words} ({SPECIMENS[study]})."
    return measure


for _study in SPECIMENS:
    for _claim, _words in REGISTERED.items():
        PAPER.claim(
            "Abstract",
            "1 if the registered rule is met, else 0: docs/evidence/transfer-claims.md",
            at_least(1),
            study=_study,
        )(_registered(_claim, _words, _study))


def _rank_correlation(
    study: BootstrapScores, train_set: str, overlaps: Mapping[str, float]
) -> Replicates:
    """Spearman's rank correlation of each replicate, over the test sets of one training set."""
    tests = [name for name in study.tested() if name in overlaps]
    if len(tests) < 3:
        raise Undecided(f"cells.csv has fewer than three overlaps with {train_set}")
    dice = np.stack([study.cell(train_set, name) for name in tests], axis=1)
    return spearman(np.array([overlaps[name] for name in tests]), dice)
