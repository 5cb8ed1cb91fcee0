"""Cells of a shift study, one a pair of conditions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.tables import require_columns


def condition_names(cells: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Conditions of training and of tests, in the order of the table.

    Parameters
    ----------
    cells : DataFrame
        One row a pair: ``train_set, test_set, overlap, hard_dice`` (median over networks),
        ``n`` (networks).

    Raises
    ------
    InputError
        A column is missing, or the table is empty.
    """
    require_columns(cells, ["train_set", "test_set", "overlap", "hard_dice", "n"], "cells")
    return list(cells["train_set"].unique()), list(cells["test_set"].unique())


def grid(
    cells: pd.DataFrame, column: str, train: list[str], test: list[str]
) -> NDArray[np.float64]:
    """A column as a matrix, (R, C): rows trained on, columns tested on; NaN without a cell."""
    table = cells.pivot(index="train_set", columns="test_set", values=column)
    return table.reindex(index=train, columns=test).to_numpy(dtype=float)


def networks_of(cells: pd.DataFrame) -> str:
    """``"n = 3 to 5 networks"``, for a key."""
    low, high = int(cells["n"].min()), int(cells["n"].max())
    return f"n = {low if low == high else f'{low} to {high}'} network{'s' * (high != 1)}"
