"""Scores of networks as a matrix: trained on (rows), tested on (columns), network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.evaluation.paired_tests import refuse_repeats


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """Scores by training set, test set and network.

    Attributes
    ----------
    train_sets, test_sets : tuple of str
        Names of rows and columns.
    by_network : array, shape (R, C, S)
        Scores; NaN where a network failed or was not tested.
    """

    train_sets: tuple[str, ...]
    test_sets: tuple[str, ...]
    by_network: NDArray[np.float64]

    @property
    def median(self) -> NDArray[np.float64]:
        """Median over the networks of a cell, (R, C); NaN without any."""
        return median_over_networks(self.by_network)

    @property
    def n(self) -> NDArray[np.int64]:
        """Networks with a score in each cell, (R, C)."""
        return np.isfinite(self.by_network).sum(axis=2)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Cells tested on the set of training, (R, C)."""
        return np.array([[row == column for column in self.test_sets] for row in self.train_sets])


def score_matrix(
    scores: pd.DataFrame,
    train_sets: Sequence[str] | None = None,
    test_sets: Sequence[str] | None = None,
    value: str = "hard_dice",
) -> ScoreMatrix:
    """Matrix of a tidy table.

    Parameters
    ----------
    scores : DataFrame
        One row a network and test set: train_set, test_set, fold, seed and the value.
    train_sets, test_sets : sequence of str, optional
        Order of rows and columns; by default that of the table. Others are left out.
    value : str
        Column to take.

    Returns
    -------
    ScoreMatrix

    Raises
    ------
    InputError
        A network is repeated for one test set.
    """
    key = ["train_set", "test_set", "fold", "seed"]
    refuse_repeats(scores, key)
    rows = list(train_sets if train_sets is not None else scores["train_set"].unique())
    columns = list(test_sets if test_sets is not None else scores["test_set"].unique())
    networks = scores[["fold", "seed"]].drop_duplicates().sort_values(["fold", "seed"])
    by_network = np.full((len(rows), len(columns), len(networks)), np.nan)
    positions = [
        {name: k for k, name in enumerate(names)}
        for names in (rows, columns, networks.itertuples(index=False, name=None))
    ]
    for train, test, fold, seed, score in scores[[*key, value]].itertuples(index=False, name=None):
        cell = (positions[0].get(train), positions[1].get(test), positions[2][fold, seed])
        if None not in cell:
            by_network[cell] = score
    return ScoreMatrix(tuple(rows), tuple(columns), by_network)


def median_over_networks(by_network: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over the last axis, NaN without any score."""
    scored = np.isfinite(by_network).any(axis=2)
    median = np.full(scored.shape, np.nan)
    median[scored] = np.nanmedian(by_network[scored], axis=1)
    return median
