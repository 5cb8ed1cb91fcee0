"""Verdicts on claims, from the tables of studies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from hrtem_shift.evaluation.paired_tests import Statistic, bootstrap_interval
from hrtem_shift.scorecard.bootstrap_scores import BootstrapScores
from hrtem_shift.scorecard.claims import Claim
from hrtem_shift.scorecard.findings import Findings, Undecided, without_noise
from hrtem_shift.scorecard.published_tables import published_tables

LEARNED = 0.5
"""Hard Dice on their own set below which networks have not learned, so that no claim holds."""
ENOUGH_FOR_A_BOOTSTRAP = 5
"""Least number of units for which the bootstrap interval has its nominal coverage."""
SCORECARD_COLUMNS = [
    *("claim", "paper", "figure", "statistic", "published", "ours", "low", "high", "n"),
    *("verdict", "holds_if", "holds_from", "holds_to", "drawn", "confidence", "study"),
    *("reason", "name"),
]


def judge_claims(
    claims: Iterable[Claim], studies: Mapping[str, Findings], *, seed: int
) -> pd.DataFrame:
    """Decide claims by the tables of studies.

    Parameters
    ----------
    claims : iterable of Claim
        In the order of the table.
    studies : mapping of str to Findings
        Studies that were run.
    seed : int
        Root seed of the bootstrap.

    Returns
    -------
    DataFrame
        One row a claim, `SCORECARD_COLUMNS`: text, paper, figure, statistic; published value
        (NaN where none is printed) and its confidence; our value with its 95 % interval over n
        units, and what a unit is (drawn); verdict, the range in which it holds in words and as
        two ends (which may be infinite); study; why it is undecided; name.

    Notes
    -----
    A claim holds if the interval lies in its range, fails if it lies outside, and is undecided
    if it crosses an end. No claim holds where the networks have not learned (`LEARNED`).
    """
    own_set_dice = {name: _own_set_dice(findings) for name, findings in studies.items()}
    rows = [_row(claim, studies, own_set_dice, seed) for claim in claims]
    return pd.DataFrame(rows, columns=SCORECARD_COLUMNS)


def _row(
    claim: Claim, studies: Mapping[str, Findings], own_set_dice: Mapping[str, float], seed: int
) -> dict[str, Any]:
    published, confidence = _published(claim)
    return {
        "claim": claim.words,
        "paper": claim.paper,
        "figure": claim.figure,
        "statistic": claim.statistic,
        "published": published,
        "holds_if": str(claim.holds),
        "holds_from": claim.holds.low,
        "holds_to": claim.holds.high,
        "confidence": confidence,
        "study": claim.study,
        "name": claim.name,
        **_decided(claim, studies, own_set_dice, seed),
    }


def _decided(
    claim: Claim, studies: Mapping[str, Findings], own_set_dice: Mapping[str, float], seed: int
) -> dict[str, Any]:
    nothing = {"ours": math.nan, "low": math.nan, "high": math.nan, "n": 0, "drawn": ""}
    if claim.study not in studies:
        return {**nothing, "verdict": "undecided", "reason": f"{claim.study} was not run"}
    findings = studies[claim.study]
    try:
        scores = BootstrapScores.of(claim.networks(findings), findings)
        ours = float(claim.measure(scores)[0])
    except Undecided as lacking:
        return {**nothing, "verdict": "undecided", "reason": str(lacking)}
    n = min((rows["unit"].nunique() for rows in scores.rows_used), default=0)
    estimate = {"ours": ours, "n": n, "drawn": scores.rows["unit_kind"].iloc[0]}
    if n < 2 or not math.isfinite(ours):
        reason = f"n = {n} has no scatter" if n < 2 else "the statistic has no value"
        return {**nothing, **estimate, "verdict": "undecided", "reason": reason}
    low, high = interval(
        lambda draws: claim.measure(scores.resampled(draws)), len(scores.units), seed
    )
    verdict, reason = claim.holds.verdict(low, high), ""
    if verdict == "holds" and not own_set_dice[claim.study] >= LEARNED:
        verdict, reason = "undecided", f"networks score below {LEARNED} on their own sets"
    if verdict == "undecided" and not reason:
        reason = "the interval crosses what is claimed"
    return {**estimate, "low": low, "high": high, "verdict": verdict, "reason": reason}


def interval(statistic: Statistic, n: int, seed: int) -> tuple[float, float]:
    """95 % interval of a statistic of n units.

    Parameters
    ----------
    statistic : callable
        Number of times each unit is drawn, (R, n) -> the statistic, (R,).
    n : int
        Number of units, 2 or more.
    seed : int
        Root seed.

    Returns
    -------
    low, high : float
        Bootstrap interval for `ENOUGH_FOR_A_BOOTSTRAP` units or more. Below that, where the
        bootstrap is too narrow (of three units it covers the mean in 75 %), Student's t
        interval with the jackknife's standard error [1]_: of a mean, the plain t interval.

    References
    ----------
    .. [1] Miller, The jackknife, a review, Biometrika 61, 1 (1974).
    """
    if n >= ENOUGH_FOR_A_BOOTSTRAP:
        return bootstrap_interval(statistic, n, seed)
    whole = float(statistic(np.ones((1, n), dtype=np.int64))[0])
    without_one = statistic(1 - np.eye(n, dtype=np.int64))
    pseudo = n * whole - (n - 1) * without_one
    half = student_t.ppf(0.975, n - 1) * pseudo.std(ddof=1) / math.sqrt(n)
    return whole - float(half), whole + float(half)


def _own_set_dice(findings: Findings) -> float:
    """Mean hard Dice of networks on their own sets; NaN where they were not tested on them."""
    try:
        return float(BootstrapScores.of(without_noise(findings), findings).own_set()[0])
    except Undecided:
        return math.nan


def _published(claim: Claim) -> tuple[float, str]:
    """The same statistic of the published numbers, and their confidence."""
    findings = published_tables(claim.study)
    if findings is None:
        return math.nan, ""
    try:
        scores = BootstrapScores.of(claim.networks(findings), findings)
        value = float(claim.measure(scores)[0])
    except Undecided:
        return math.nan, ""
    return value, ", ".join(sorted(pd.concat(scores.rows_used)["confidence"].unique()))
