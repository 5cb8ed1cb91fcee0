"""A claim of a paper: its words, the statistic that decides it, and what that must be."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pandas as pd

from hrtem_shift.scorecard.drawn_scores import Drawn, DrawnScores
from hrtem_shift.scorecard.findings import Findings, without_noise

Verdict = Literal["holds", "fails", "undecided"]


class Measure(Protocol):
    """A function of a study's scores, named and documented."""

    __name__: str

    def __call__(self, study: DrawnScores, /) -> Drawn:
        """The statistic of each draw."""
        ...


@dataclass(frozen=True)
class Range:
    """Values that a claim allows its statistic, ends included."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        low, high = (f"{end:g}".replace("-", "−") for end in (self.low, self.high))
        if math.isinf(self.high):
            return f"≥ {low}"
        return f"≤ {high}" if math.isinf(self.low) else f"{low} to {high}"

    def verdict(self, low: float, high: float) -> Verdict:
        """Verdict of an interval: it holds inside, fails outside, else is undecided."""
        if self.low <= low and high <= self.high:
            return "holds"
        return "fails" if high < self.low or low > self.high else "undecided"


def at_least(value: float) -> Range:
    """Everything from a value upwards."""
    return Range(low=value)


def at_most(value: float) -> Range:
    """Everything up to a value."""
    return Range(high=value)


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes
    ----------
    measure : callable
        The statistic, of each draw.
    paper, figure : str
        Where it is claimed; the figure is ``Text`` or ``Abstract`` where there is none.
    study : str
        Whose tables decide it.
    statistic : str
        What is measured, in words.
    holds : Range
        What the statistic must be. It is set here, before any result.
    networks : callable
        Which tests it is measured on; they are drawn by their ``unit``.
    """

    measure: Measure
    paper: str
    figure: str
    study: str
    statistic: str
    holds: Range
    networks: Callable[[Findings], pd.DataFrame] = without_noise

    @property
    def name(self) -> str:
        """Of the function that measures it."""
        return self.measure.__name__

    @property
    def words(self) -> str:
        """What is claimed: the docstring of that function, without its full stop."""
        return " ".join((self.measure.__doc__ or self.name).split()).rstrip(".")


@dataclass(frozen=True)
class Paper:
    """A paper, and a decorator that turns a function into one of its claims."""

    name: str
    title: str
    claims: list[Claim] = field(default_factory=list)

    def claim(
        self,
        figure: str,
        statistic: str,
        holds: Range,
        *,
        study: str,
        networks: Callable[[Findings], pd.DataFrame] = without_noise,
    ) -> Callable[[Measure], Measure]:
        """Claim what the docstring of the decorated function says; it is measured by the function.

        See `Claim` for the parameters. The function stays as it is. A module that claims much of
        one study says so once: ``dose = partial(PAPER.claim, study="dose_study")``.
        """

        def add(measure: Measure) -> Measure:
            self.claims.append(Claim(measure, self.name, figure, study, statistic, holds, networks))
            return measure

        return add
