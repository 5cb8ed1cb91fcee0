"""Bootstrap replicates of a study's scores, used in claims as if they were single numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.scorecard.findings import Findings, Undecided

Replicates = NDArray[np.float64]
"""One number a bootstrap replicate, (R,)."""


@dataclass(frozen=True, eq=False)
class BootstrapScores:
    """Networks of a study, resampled R times from n units (folds, or networks of the only fold).

    Attributes
    ----------
    rows : DataFrame
        One row a network and test, with its ``unit``.
    findings : Findings
        All tables of the study.
    units : list
        What is resampled.
    draws : ndarray of int, shape (R, n)
        How often each replicate holds each unit.
    rows_used : list of DataFrame
        Rows of every cell that a statistic read.
    """

    rows: pd.DataFrame
    findings: Findings
    units: list[Any]
    draws: NDArray[np.int64]
    rows_used: list[pd.DataFrame] = field(default_factory=list)

    @classmethod
    def of(cls, rows: pd.DataFrame, findings: Findings) -> BootstrapScores:
        """Every unit once, R = 1."""
        units = list(rows["unit"].unique())
        return cls(rows, findings, units, np.ones((1, len(units)), dtype=np.int64))

    def resampled(self, draws: NDArray[np.int64]) -> BootstrapScores:
        """The same scores under other draws."""
        return replace(self, draws=draws, rows_used=[])

    def select(self, **values: Any) -> BootstrapScores:
        """Rows whose columns have these values; a pair of numbers is a range."""
        rows = self.rows
        for column, value in values.items():
            chosen = (
                rows[column].between(*value) if isinstance(value, tuple) else rows[column] == value
            )
            rows = rows[chosen]
        if rows.empty:
            raise Undecided("no network was tested with " + _text(values))
        return replace(self, rows=rows)

    def cell(
        self, train_set: str, test_set: str, value: str = "hard_dice", *, on_training: bool = False
    ) -> Replicates:
        """Mean over units of the networks of one set on another (within units, over networks).

        Parameters
        ----------
        train_set, test_set : str
            Data sets; networks of the same set are tested on their held-out fold.
        value : str
            Column to average.
        on_training : bool
            Test on their training patches instead.

        Raises
        ------
        Undecided
            No network was tested this way, or none has a score.
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
        self.rows_used.append(rows)
        means = rows.groupby("unit")[value].mean().reindex(self.units)
        scored = means.notna().to_numpy()
        times = self.draws[:, scored]
        total = times.sum(axis=1)
        return times @ means[scored].to_numpy() / np.where(total > 0, total, np.nan)

    def tested(self) -> list[str]:
        """Data sets that networks were tested on, in the order of the table."""
        return list(self.rows["test_set"].unique())

    def sets(self) -> list[str]:
        """Data sets that networks were both trained and tested on, in the order of the table."""
        tested = set(self.tested())
        return [name for name in self.rows["train_set"].unique() if name in tested]

    def own_set(self, value: str = "hard_dice", *, on_training: bool = False) -> Replicates:
        """Mean over sets, tested on the set of training."""
        return mean([self.cell(name, name, value, on_training=on_training) for name in self.sets()])

    def other_sets(self, value: str = "hard_dice") -> Replicates:
        """Mean over all pairs of different sets, each pair with the same weight."""
        return mean([self.cell(*pair, value) for pair in self.pairs()])

    def generalization_gap(self) -> Replicates:
        """Hard Dice on the own set minus that on other sets."""
        return self.own_set() - self.other_sets()

    def pairs(self) -> list[tuple[str, str]]:
        """All (train_set, test_set) of two different sets."""
        pairs = list(permutations(self.sets(), 2))
        if not pairs:
            raise Undecided("there is one data set only")
        return pairs

    def median(self, column: str, sets: Sequence[str]) -> dict[str, float]:
        """Value of each set in data_sets.csv, such as its ``dose_e_per_A2``.

        Raises
        ------
        Undecided
            The table lacks one.
        """
        table = self.findings.data_sets
        values = table.set_index("data_set")[column].dropna().to_dict() if column in table else {}
        for name in sets:
            if name not in values:
                raise Undecided(f"data_sets.csv does not say {column} of {name}")
        return {name: float(values[name]) for name in sets}

    def sorted_descending(self, column: str, *, at_least: int = 2) -> list[str]:
        """`sets` from the highest median of a column to the lowest.

        Raises
        ------
        Undecided
            Fewer than `at_least` sets differ.
        """
        medians = self.median(column, self.sets())
        if len(set(medians.values())) < at_least:
            raise Undecided(f"fewer than {at_least} data sets differ in {column}")
        return sorted(medians, key=lambda name: -medians[name])

    def slope(self, column: str) -> Replicates:
        """Change of hard Dice a factor of 2 between two sets' medians: linear fit of all cells."""
        medians = self.median(column, self.sorted_descending(column))
        cells = [(name, name) for name in self.sets()] + self.pairs()
        octaves = np.array([abs(np.log2(medians[a] / medians[b])) for a, b in cells])
        off = octaves - octaves.mean()
        return off @ np.stack([self.cell(*pair) for pair in cells]) / (off @ off)


def mean(values: Sequence[Replicates]) -> Replicates:
    """Mean of several statistics; raises `Undecided` where there is none."""
    if not values:
        raise Undecided("no network was tested on a set that networks were trained on")
    return np.mean(np.stack(values), axis=0)


def _text(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{column} from {value[0]:g} to {value[1]:g}"
        if isinstance(value, tuple)
        else f"{column} {value}"
        for column, value in values.items()
    )
