"""A claim of a paper: its text, the statistic that decides it, and the range it must lie in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pandas as pd

from hrtem_shift.scorecard.bootstrap_scores import BootstrapScores, Replicates
from hrtem_shift.scorecard.findings import Findings, without_noise

ClaimVerdict = Literal["holds", "fails", "undecided"]


class Measure(Protocol):
    """A function of a study's scores, named and documented."""

    __name__: str

    def __call__(self, study: BootstrapScores, /) -> Replicates:
        """The statistic of each bootstrap replicate."""
        ...


@dataclass(frozen=True)
class AllowedRange:
    """Range in which a statistic must lie for a claim to hold, ends included."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        low, high = (f"{end:g}".replace("-", "−") for end in (self.low, self.high))
        if math.isinf(self.high):
            return f"≥ {low}"
        return f"≤ {high}" if math.isinf(self.low) else f"{low} to {high}"

    def verdict(self, low: float, high: float) -> ClaimVerdict:
        """``holds`` for an interval inside the range, ``fails`` outside, else ``undecided``."""
        if self.low <= low and high <= self.high:
            return "holds"
        return "fails" if high < self.low or low > self.high else "undecided"


def at_least(value: float) -> AllowedRange:
    """Everything from a value upwards."""
    return AllowedRange(low=value)


def at_most(value: float) -> AllowedRange:
    """Everything up to a value."""
    return AllowedRange(high=value)


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes
    ----------
    measure : callable
        Computes the statistic of each bootstrap replicate.
    paper, figure : str
        Where it is claimed; the figure is ``Text`` or ``Abstract`` where there is none.
    study : str
        The study whose tables decide it.
    statistic : str
        Description of the statistic.
    holds : AllowedRange
        Range of the statistic, set here before any result.
    networks : callable
        Selects the tests; they are resampled by their ``unit``.
    """

    measure: Measure
    paper: str
    figure: str
    study: str
    statistic: str
    holds: AllowedRange
    networks: Callable[[Findings], pd.DataFrame] = without_noise

    @property
    def name(self) -> str:
        """Name of `measure`."""
        return self.measure.__name__

    @property
    def words(self) -> str:
        """Text of the claim: the docstring of `measure`, without its full stop."""
        return " ".join((self.measure.__doc__ or self.name).split()).rstrip(".")


@dataclass(frozen=True)
class Paper:
    """A paper, and a decorator that registers its claims."""

    name: str
    title: str
    claims: list[Claim] = field(default_factory=list)

    def claim(
        self,
        figure: str,
        statistic: str,
        holds: AllowedRange,
        *,
        study: str,
        networks: Callable[[Findings], pd.DataFrame] = without_noise,
    ) -> Callable[[Measure], Measure]:
        """Decorator: register a function as the measure of a claim, its docstring as the text.

        See `Claim` for the parameters. Many claims of one study share
        ``dose = partial(PAPER.claim, study="dose_study")``.
        """

        def add(measure: Measure) -> Measure:
            self.claims.append(Claim(measure, self.name, figure, study, statistic, holds, networks))
            return measure

        return add
