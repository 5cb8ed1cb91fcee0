"""The answer of the imaging study in sentences, from its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from hrtem_shift.tables import rows_of

_NAMES = {
    "magnitude": "overlap of transfer magnitudes",
    "abs(delta C1)": "difference of defocus",
}


def shift_answer(
    cells: pd.DataFrame,
    relation: pd.DataFrame,
    verdict: pd.DataFrame,
    summary: pd.DataFrame,
    design: pd.DataFrame,
) -> list[str]:
    """Whether overlap predicts Dice, which measure does best, and the score of each mixture.

    Parameters
    ----------
    cells, relation, verdict, summary, design : DataFrame
        From `hrtem_shift.pipelines.imaging.nodes`.
    """
    return [
        _claim(cells, verdict),
        _measures(relation, summary),
        *_hardest(cells),
        *_mixtures(design),
    ]


def _claim(cells: pd.DataFrame, verdict: pd.DataFrame) -> str:
    unseen = cells[cells["train_set"] != cells["test_set"]]
    n = f"{len(unseen)} pairs of conditions, {cells['train_set'].nunique()} of training"
    if bool(verdict["claim"].all()):
        return (
            f"Overlap of contrast transfer predicts what networks score: all criteria hold ({n})."
        )
    failed = verdict.loc[verdict["verdict"] != "holds", "criterion"]
    return (
        "That overlap of contrast transfer predicts what networks score is not shown here "
        f"({n}). Not met: {'; '.join(failed)}."
    )


def _measures(relation: pd.DataFrame, summary: pd.DataFrame) -> str:
    rows = {row["measure"]: row for row in rows_of(relation)}
    best = max(rows.values(), key=lambda row: float(row["within_rows"]))
    highest = _NAMES.get(str(best["measure"]), best["measure"])
    ceiling = rows_of(summary)[0]
    measures = [f"{_NAMES[name]} {_interval(rows[name])}" for name in _NAMES if name in rows]
    return (
        f"Rank correlation with Dice within rows: {', '.join(measures)}; the highest has {highest} "
        f"({best['within_rows']:.2f}). Two halves of the seeds agree by {ceiling['value']:.2f}."
    ).replace("-", "−")


def _interval(row: Mapping[str, float]) -> str:
    return f"{row['within_rows']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def _hardest(cells: pd.DataFrame) -> list[str]:
    others = cells[cells["train_set"] != cells["test_set"]]
    means = others.groupby("test_set")["hard_dice"].mean().sort_values()
    if not math.isfinite(means.iloc[0]):
        return []
    same = cells[cells["train_set"] == cells["test_set"]]["hard_dice"].mean()
    return [
        f"Under their own condition networks score {same:.2f} on average; the hardest condition "
        f"for others is {means.index[0].replace('_', ' ')} ({means.iloc[0]:.2f}), the easiest "
        f"{means.index[-1].replace('_', ' ')} ({means.iloc[-1]:.2f})."
    ]


def _mixtures(design: pd.DataFrame) -> list[str]:
    return [
        f"Trained on the {row['mixture'].replace('_', ' ')} (coverage {row['coverage']:.2f}), "
        f"networks score {row['hard_dice']:.3f} over all conditions ({row['low']:.3f} to "
        f"{row['high']:.3f}, n = {row['n_networks']:.0f})."
        for row in rows_of(design)
    ]
