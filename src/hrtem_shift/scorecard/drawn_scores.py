"""Scores of a study drawn again and again: claims are written as if they were single numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.scorecard.findings import Findings, Undecided

Drawn = NDArray[np.float64]
"""A number of each draw, (R,)."""


@dataclass(frozen=True, eq=False)
class DrawnScores:
    """Networks of a study, drawn R times from n units (folds, or networks of the only fold).

    Attributes
    ----------
    rows : DataFrame
        One row a network and test, with its ``unit``.
    findings : Findings
        Where they come from.
    units : list
        What is drawn.
    draws : ndarray of int, shape (R, n)
        How often each draw takes each unit.
    asked : list of DataFrame
        Rows of every cell that was asked for.
    """

    rows: pd.DataFrame
    findings: Findings
    units: list[Any]
    draws: NDArray[np.int64]
    asked: list[pd.DataFrame] = field(default_factory=list)

    @classmethod
    def of(cls, rows: pd.DataFrame, findings: Findings) -> DrawnScores:
        """Every unit once, R = 1."""
        units = list(rows["unit"].unique())
        return cls(rows, findings, units, np.ones((1, len(units)), dtype=np.int64))

    def drawn(self, draws: NDArray[np.int64]) -> DrawnScores:
        """The same, with other draws."""
        return replace(self, draws=draws, asked=[])

    def only(self, **wanted: Any) -> DrawnScores:
        """Those whose columns have these values; of a pair of numbers, lie between them."""
        rows = self.rows
        for column, value in wanted.items():
            chosen = (
                rows[column].between(*value) if isinstance(value, tuple) else rows[column] == value
            )
            rows = rows[chosen]
        if rows.empty:
            raise Undecided("no network was tested with " + _text(wanted))
        return replace(self, rows=rows)

    def cell(
        self, train_set: str, test_set: str, value: str = "hard_dice", *, on_training: bool = False
    ) -> Drawn:
        """Mean over units of the networks of one set on another (within units, over networks).

        Parameters
        ----------
        train_set, test_set : str
            Data sets; for the same one, networks are tested on the fold that they have not seen.
        value : str
            Column to average.
        on_training : bool
            Tested on their own training patches instead.

        Raises
        ------
        Undecided
            No network has been tested so, or none has a score.
        """
        rows = self.rows
        rows = rows[(rows["train_set"] == train_set) & (rows["test_set"] == test_set)]
        rows = rows[(rows["patches"] == "train") == on_training]
        if (rows["patches"] == "fold").any():
            rows = rows[rows["patches"] == "fold"]
        which = f"trained on {train_set} and tested on {test_set}"
        if rows.empty:
            raise Undecided(f"no network was {which}" + on_training * ", on training patches")
        if value not in rows or rows[value].isna().all():
            reasons = "; ".join(filter(None, rows["reason"].unique()))
            raise Undecided(f"no {value} of networks {which}" + (f": {reasons}" if reasons else ""))
        rows = rows[rows[value].notna()]
        self.asked.append(rows)
        means = rows.groupby("unit")[value].mean().reindex(self.units)
        known = means.notna().to_numpy()
        times = self.draws[:, known]
        drawn = times.sum(axis=1)
        return times @ means[known].to_numpy() / np.where(drawn > 0, drawn, np.nan)

    def tested(self) -> list[str]:
        """Data sets that networks were tested on, in the order of the table."""
        return list(self.rows["test_set"].unique())

    def sets(self) -> list[str]:
        """Data sets that networks were both trained and tested on, in the order of the table."""
        tested = set(self.tested())
        return [name for name in self.rows["train_set"].unique() if name in tested]

    def own(self, value: str = "hard_dice", *, on_training: bool = False) -> Drawn:
        """Mean over sets of the networks that were trained on the set itself."""
        return mean([self.cell(name, name, value, on_training=on_training) for name in self.sets()])

    def away(self, value: str = "hard_dice") -> Drawn:
        """Mean over all pairs of different sets, each with the same weight."""
        return mean([self.cell(*pair, value) for pair in self.pairs()])

    def loss(self) -> Drawn:
        """Hard Dice that networks lose on sets other than their own."""
        return self.own() - self.away()

    def pairs(self) -> list[tuple[str, str]]:
        """All (train_set, test_set) of two different sets."""
        pairs = list(permutations(self.sets(), 2))
        if not pairs:
            raise Undecided("there is one data set only")
        return pairs

    def median(self, column: str, sets: Sequence[str]) -> dict[str, float]:
        """What data_sets.csv says of each set, such as its ``dose_e_per_A2``.

        Raises
        ------
        Undecided
            It says nothing of one of them.
        """
        table = self.findings.data_sets
        known = table.set_index("data_set")[column].dropna().to_dict() if column in table else {}
        for name in sets:
            if name not in known:
                raise Undecided(f"data_sets.csv does not say {column} of {name}")
        return {name: float(known[name]) for name in sets}

    def falling(self, column: str, *, at_least: int = 2) -> list[str]:
        """`sets` from the highest median of a column to the lowest.

        Raises
        ------
        Undecided
            There are fewer different ones than needed.
        """
        medians = self.median(column, self.sets())
        if len(set(medians.values())) < at_least:
            raise Undecided(f"fewer than {at_least} data sets differ in {column}")
        return sorted(medians, key=lambda name: -medians[name])

    def slope(self, column: str) -> Drawn:
        """Hard Dice a doubling of the ratio of two sets' medians: straight line over all cells."""
        medians = self.median(column, self.falling(column))
        cells = [(name, name) for name in self.sets()] + self.pairs()
        octaves = np.array([abs(np.log2(medians[a] / medians[b])) for a, b in cells])
        off = octaves - octaves.mean()
        return off @ np.stack([self.cell(*pair) for pair in cells]) / (off @ off)


def mean(values: Sequence[Drawn]) -> Drawn:
    """Mean of several drawn numbers; `Undecided` where there is none."""
    if not values:
        raise Undecided("no network was tested on a set that networks were trained on")
    return np.mean(np.stack(values), axis=0)


def _text(wanted: dict[str, Any]) -> str:
    return ", ".join(
        f"{column} from {value[0]:g} to {value[1]:g}"
        if isinstance(value, tuple)
        else f"{column} {value}"
        for column, value in wanted.items()
    )
