"""Statistics of claims beside their thresholds, as rows of one table."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import isnan
from typing import Any, Literal, NamedTuple

import pandas as pd

from hrtem_shift.shift.rank_correlation import Estimate

Verdict = Literal["holds", "fails", "undecided"]
Limit = Literal["value", "low", "high"]

UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"))
ANY_SUFFICES = {"dose"}
"""Claims that hold if one of their statistics does; of the others, all must."""
COMPARISONS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
SIGNS = {">=": "≥", ">": ">", "<=": "≤", "<": "<"}
COLUMNS = ["claim", "statistic", "value", "low", "high", "threshold", "verdict", "n", "of", "note"]


NO_VALUE, ACROSS = "it has no value", "the interval crosses the threshold"


class Threshold(NamedTuple):
    """What a statistic, or a limit of its interval, must satisfy.

    Attributes
    ----------
    limit : str
        ``value``, ``low`` or ``high``.
    comparison : str
        One of `COMPARISONS`.
    number : float
        The threshold.
    """

    limit: Limit
    comparison: str
    number: float

    def __str__(self) -> str:
        which = "" if self.limit == "value" else f"{self.limit} "
        number = "undefined" if isnan(self.number) else f"{self.number:.4g}".replace("-", "−")
        return f"{which}{SIGNS[self.comparison]} {number}"

    def verdict(self, estimate: Estimate) -> Verdict:
        """Holds if satisfied; fails if the other end of the interval does not satisfy it either."""
        other = {"value": estimate.value, "low": estimate.high, "high": estimate.low}[self.limit]
        tested = float(getattr(estimate, self.limit))
        if isnan(tested) or isnan(self.number):
            return "undecided"
        satisfies = COMPARISONS[self.comparison]
        if satisfies(tested, self.number):
            return "holds"
        return "undecided" if satisfies(other, self.number) else "fails"


class ClaimRows:
    """Rows of the table of claims."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def add(
        self,
        claim: str,
        statistic: str,
        estimate: Estimate,
        n: int,
        of: str,
        thresholds: Sequence[Threshold] = (),
        note: str = "",
        verdict: str = "reported",
    ) -> None:
        """Add a statistic; without thresholds it has the verdict that is given."""
        if thresholds:
            verdict = _all_of([each.verdict(estimate) for each in thresholds])
            if verdict == "undecided" and not note:
                note = NO_VALUE if isnan(estimate.value) else ACROSS
        self._rows.append(
            {
                "claim": claim,
                "statistic": statistic,
                **estimate._asdict(),
                "threshold": ", ".join(str(each) for each in thresholds),
                "verdict": verdict,
                "n": n,
                "of": of,
                "note": note,
            }
        )

    def table(self) -> pd.DataFrame:
        """All rows, with ``claim_verdict``: of the claim, from all of its statistics."""
        table = pd.DataFrame(self._rows, columns=COLUMNS)
        verdicts = {
            str(claim): _of_claim(str(claim), list(rows["verdict"]))
            for claim, rows in table.groupby("claim", sort=False)
        }
        return table.assign(claim_verdict=table["claim"].map(verdicts))


def _of_claim(claim: str, verdicts: Sequence[str]) -> str:
    decisive = [verdict for verdict in verdicts if verdict != "reported"]
    if not decisive:
        return "reported"
    if claim in ANY_SUFFICES and "holds" in decisive:
        return "holds"
    return _all_of(decisive)


def _all_of(verdicts: Sequence[str]) -> str:
    """Holds if all do, fails if any does, else undecided."""
    for verdict in ("fails", "undecided"):
        if verdict in verdicts:
            return verdict
    return "holds"
