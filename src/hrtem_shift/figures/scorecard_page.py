"""The scorecard as one page: each claim, its statistic, our interval, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

from hrtem_shift.figures.page import render_page
from hrtem_shift.figures.report import TableBlock
from hrtem_shift.tables import require_columns, rows_of

QUESTION = (
    "What four papers claim of segmentation networks, three of them for high-resolution TEM: does "
    "it hold for the networks that were trained here?"
)
VERDICTS = {"holds": "✓", "fails": "✗", "undecided": "?"}
"""Verdict -> its sign, beside the colour."""
LIMITATIONS = (
    "Intervals are of 95 %: of fifty claims one or two are decided wrongly by chance.",
    "The bootstrap resamples folds with all of their networks (of noise studied on one fold, "
    "networks). Folds share most of their training images, so intervals are somewhat too narrow.",
    "Papers claim in words. The statistic of a claim and the range in which it holds are our "
    "reading, set in the code before any result.",
    "Published values are the same statistic of what is printed or digitized: recorded "
    "micrographs, other networks, longer training. Where ours are simulated, trends compare and "
    "levels do not.",
    "The formulas of arXiv 2512.09067 are not known to us; overlaps of transfer functions are a "
    "reconstruction.",
)
_COLUMNS = [
    *("claim", "paper", "figure", "statistic", "published", "ours", "low", "high", "n", "verdict"),
    *("holds_if", "holds_from", "holds_to", "drawn", "confidence", "study", "reason"),
]


@dataclass(frozen=True)
class Ruler:
    """Positions on the line of a claim, from 0 (left) to 100 (right)."""

    ours: float
    low: float
    high: float
    allowed: tuple[float, float]
    ends: list[tuple[float, str]]
    """Finite ends of what is allowed, with their values."""
    published: float | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Ruler | None:
        """From a row of the scorecard; None without an interval."""
        if not math.isfinite(row["low"]):
            return None
        ends = [end for end in (row["holds_from"], row["holds_to"]) if math.isfinite(end)]
        published = [value for value in (row["published"],) if math.isfinite(value)]
        shown = [row["low"], row["high"], *ends, *published]
        margin = 0.12 * (max(shown) - min(shown)) or 1.0
        left, right = min(shown) - margin, max(shown) + margin

        def position(value: float) -> float:
            return round(100 * (min(max(value, left), right) - left) / (right - left), 2)

        return cls(
            position(row["ours"]),
            position(row["low"]),
            position(row["high"]),
            (position(row["holds_from"]), position(row["holds_to"])),
            [(position(end), _signed(f"{end:g}")) for end in ends],
            position(published[0]) if published else None,
        )


@dataclass(frozen=True)
class Entry:
    """One claim as the page shows it."""

    claim: str
    figure: str
    statistic: str
    verdict: str
    sign: str
    ours: str
    units: str
    published: str
    holds_if: str
    reason: str
    ruler: Ruler | None
    spoken: str
    """The line in words, for screen readers."""


def scorecard_page(
    scorecard: pd.DataFrame,
    titles: Mapping[str, str],
    reports: Collection[str],
    *,
    command: str,
    versions: Mapping[str, str],
) -> str:
    """Write the scorecard as one HTML page.

    Parameters
    ----------
    scorecard : DataFrame
        From `hrtem_shift.scorecard.verdicts.judge_claims`.
    titles : mapping of str to str
        Paper -> its title, in the order of the page.
    reports : collection of str
        Studies whose report lies in ``../<study>/report.html``.
    command, versions
        As in `hrtem_shift.figures.report.render_report`.

    Returns
    -------
    str
        HTML that needs nothing beside itself; links to the reports of studies are relative.

    Raises
    ------
    InputError
        A column is missing, or there is no claim.
    """
    require_columns(scorecard, _COLUMNS, "scorecard")
    rows = rows_of(scorecard)
    return render_page(
        "scorecard.html",
        title="Scorecard of the papers' claims",
        question=QUESTION,
        answer=list(_answer(scorecard)),
        counts=[(paper, _counts(scorecard[scorecard["paper"] == paper])) for paper in titles],
        verdicts=VERDICTS,
        papers=[
            (paper, title, _by_study([row for row in rows if row["paper"] == paper], reports))
            for paper, title in titles.items()
        ],
        table=TableBlock("All claims", scorecard, "", "scorecard.csv"),
        limits=LIMITATIONS,
        command=command,
        versions=versions,
    )


def _answer(scorecard: pd.DataFrame) -> Iterator[str]:
    counts = _counts(scorecard)
    yield (
        f"Of {len(scorecard)} claims {_hold(counts['holds'])}, {_fail(counts['fails'])} and "
        f"{counts['undecided']} cannot be decided."
    )
    for row in rows_of(scorecard[scorecard["verdict"] == "fails"]):
        yield (
            f"Fails: {row['claim']} ({row['paper']}, {row['figure']}): {_ours(row)} "
            f"({_units(row)}), where it would hold if {row['holds_if']}."
        )
    absent = scorecard.loc[scorecard["reason"].str.endswith("was not run"), "study"].unique()
    if len(absent):
        yield f"Not run, so that nothing is known: {', '.join(absent)}."


def _hold(number: int) -> str:
    return "1 holds" if number == 1 else f"{number} hold"


def _fail(number: int) -> str:
    return "1 fails" if number == 1 else f"{number} fail"


def _counts(scorecard: pd.DataFrame) -> dict[str, int]:
    return {verdict: int((scorecard["verdict"] == verdict).sum()) for verdict in VERDICTS}


def _by_study(
    rows: list[dict[str, Any]], reports: Collection[str]
) -> list[tuple[str, str, list[Entry]]]:
    """Study, address of its report if there is one, and its claims."""
    return [
        (study, f"../{study}/report.html" if study in reports else "", [_entry(r) for r in group])
        for study, group in groupby(rows, key=lambda row: row["study"])
    ]


def _entry(row: dict[str, Any]) -> Entry:
    published = ""
    if math.isfinite(row["published"]):
        published = f"{_number(row['published'])} ({row['confidence']})"
    return Entry(
        row["claim"],
        row["figure"],
        row["statistic"],
        row["verdict"],
        VERDICTS[row["verdict"]],
        _ours(row),
        _units(row),
        published,
        row["holds_if"],
        row["reason"],
        Ruler.of(row),
        f"ours {_ours(row)}, {_units(row)}; holds if {row['holds_if']}"
        + (f"; published {published}" if published else ""),
    )


def _ours(row: Mapping[str, Any]) -> str:
    if not math.isfinite(row["ours"]):
        return "not known"
    if not math.isfinite(row["low"]):
        return _number(row["ours"])
    return f"{_number(row['ours'])}, {_number(row['low'])} to {_number(row['high'])}"


def _units(row: Mapping[str, Any]) -> str:
    if not row["n"]:
        return ""
    return f"n = {row['n']} {row['drawn']}{'s' if row['n'] != 1 else ''}"


def _number(value: float) -> str:
    """Three decimals, one for large numbers."""
    return _signed(f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}")


def _signed(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
