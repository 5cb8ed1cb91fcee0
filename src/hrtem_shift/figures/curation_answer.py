"""The answer of a curation study in sentences, from its table of factors."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from hrtem_shift.tables import rows_of


def curation_answer(effects: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    """Which changes of the database gain or lose, for each test set.

    Parameters
    ----------
    effects : DataFrame
        From `hrtem_shift.evaluation.curation.factor_effects`.
    labels : mapping
        Data set to what a reader calls it.

    Returns
    -------
    list of str
        A paragraph a test set: changes whose 95 % interval is clear of 0, largest first, and how
        many are not decided.
    """
    return [
        _paragraph(labels.get(str(name), str(name)), rows, labels)
        for name, rows in effects.groupby("test_set", sort=False)
    ]


def _paragraph(test_set: str, rows: pd.DataFrame, labels: Mapping[str, str]) -> str:
    decided = rows[(rows["low"] > 0) | (rows["high"] < 0)]
    order = decided["difference"].abs().sort_values(ascending=False).index
    changes = [
        f"{labels.get(row['train_set'], row['train_set'])} {row['difference']:+.2f} "
        f"({row['low']:+.2f} to {row['high']:+.2f})"
        for row in rows_of(decided.loc[order])
    ]
    start = f"On {test_set} networks of the reference reach {rows['reference_dice'].iloc[0]:.2f}."
    open_ones = len(rows) - len(decided)
    if not changes:
        return f"{start} None of {len(rows)} changes of the database is decided."
    return f"{start} Changes that are decided: {'; '.join(changes)}. Not decided: {open_ones}."
