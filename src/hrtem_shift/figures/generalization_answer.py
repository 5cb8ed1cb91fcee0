"""The answer of a study in plain sentences, computed from its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from hrtem_shift.figures.data_set_labels import AXES
from hrtem_shift.tables import rows_of


def generalization_answer(
    matrix: pd.DataFrame,
    gaps: pd.DataFrame,
    difficulty: pd.DataFrame,
    asymmetry: pd.DataFrame,
    labels: Mapping[str, str],
    axis: str | None = None,
) -> list[str]:
    """Say how networks do at home and away, where they fail, and what a variant changes.

    Parameters
    ----------
    matrix, gaps, difficulty, asymmetry : DataFrame
        The study's tables (`hrtem_shift.evaluation.study_summary`).
    labels : mapping
        Data set -> what a reader calls it.
    axis : str, optional
        What the sets differ in.

    Returns
    -------
    list of str
        A paragraph a variant; where there are several, a last one that compares them.
    """
    matrix, gaps, difficulty, asymmetry = (
        table.assign(variant=table["variant"].astype(object).fillna(""))
        for table in (matrix, gaps, difficulty, asymmetry)
    )
    paragraphs = []
    for variant in matrix["variant"].unique():
        cells, found, hard, one_way = (
            table[table["variant"] == variant] for table in (matrix, gaps, difficulty, asymmetry)
        )
        known = {row["quantity"]: row for row in rows_of(found)}
        opening = f"{_name(variant)}: " if variant else ""
        sentences = [
            *_levels(known),
            *_overfitting(known),
            *_extremes(cells, hard, labels),
            *_one_way(one_way, labels),
            *_distance(known, axis),
        ]
        paragraphs.append(opening + " ".join(sentences))
    return [*paragraphs, *_compare_variants(gaps)]


def _levels(known: Mapping[str, Mapping[str, float]]) -> list[str]:
    sentences = []
    if "own" in known:
        n = known["own"]["n_networks"]
        sentences.append(
            f"On unseen micrographs of their own set, networks reach a hard Dice of "
            f"{_value(known['own'])} (n = {n:.0f} networks)."
        )
    if "away" in known:
        sentences.append(f"On other sets they reach {_value(known['away'])}.")
    if "gap" in known:
        gap = known["gap"]
        what = "The gap" if gap["low"] > 0 or gap["high"] < 0 else "The gap, which may be none,"
        sentences.append(f"{what} is {_value(gap)}.")
    return sentences


def _overfitting(known: Mapping[str, Mapping[str, float]]) -> list[str]:
    if "overfitting" not in known:
        return []
    return [f"On the patches of their training they score {_value(known['overfitting'])} more."]


def _extremes(
    cells: pd.DataFrame, difficulty: pd.DataFrame, labels: Mapping[str, str]
) -> list[str]:
    away = cells[(cells["train_set"] != cells["test_set"]) & cells["hard_dice"].notna()]
    if away.empty:
        return []
    sentences = []
    ranked = difficulty.dropna(subset="hard_dice")
    if len(ranked) > 2:
        easy, hard = ranked.iloc[0], ranked.iloc[-1]
        sentences.append(
            f"For networks from elsewhere {_label(hard['test_set'], labels)} is the hardest to "
            f"segment ({hard['hard_dice']:.2f}), {_label(easy['test_set'], labels)} the easiest "
            f"({easy['hard_dice']:.2f})."
        )
    worst = min(rows_of(away), key=lambda row: float(row["hard_dice"]))
    sentences.append(
        f"The worst pair is trained on {_label(worst['train_set'], labels)} and tested on "
        f"{_label(worst['test_set'], labels)}: {worst['hard_dice']:.2f}"
        f"{_kind(worst)}."
    )
    return sentences


def _kind(cell: Mapping[str, float] | pd.Series) -> str:
    invented, missed = cell["false_positive_rate"], cell["false_negative_rate"]
    if not (math.isfinite(invented) and math.isfinite(missed)):
        return ""
    return (
        f", where {missed:.0%} of the particle pixels are missed and {invented:.1%} of the others "
        "invented"
    )


def _one_way(asymmetry: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    sure = asymmetry[(asymmetry["low"] > 0) | (asymmetry["high"] < 0)]
    if asymmetry.empty:
        return []
    if sure.empty:
        return ["No pair of sets is harder one way than back, beyond the scatter of networks."]
    most = max(rows_of(sure), key=lambda row: abs(float(row["difference"])))
    a, b = most["set_a"], most["set_b"]
    if most["difference"] < 0:
        a, b = b, a
    size = {key: abs(most[key]) for key in ("difference", "low", "high")}
    low, high = sorted((size["low"], size["high"]))
    return [
        f"Most one-sided: from {_label(a, labels)} to {_label(b, labels)} networks do "
        f"{size['difference']:.2f} ({low:.2f} to {high:.2f}) better than back."
    ]


def _distance(known: Mapping[str, Mapping[str, float]], axis: str | None) -> list[str]:
    far = known.get("spearman_of_distance")
    if far is None or axis is None or not math.isfinite(far["value"]):
        return []
    what, _ = AXES[axis]
    says = (
        f"The loss grows with the ratio of {what}s"
        if far["low"] > 0
        else f"The loss falls with the ratio of {what}s"
        if far["high"] < 0
        else f"Whether the loss grows with the ratio of {what}s is not decided"
    )
    return [f"{says}: rank correlation {_value(far)}."]


def _compare_variants(gaps: pd.DataFrame) -> list[str]:
    sentences = []
    for quantity, what in (("own", "at home"), ("gap", "gap"), ("overfitting", "overfitting")):
        rows = gaps[gaps["quantity"] == quantity]
        if len(rows) > 1:
            numbers = ", ".join(f"{_name(row['variant'])} {_value(row)}" for row in rows_of(rows))
            sentences.append(f"{what.capitalize()}: {numbers}.")
    return [" ".join(["Side by side.", *sentences])] if sentences else []


def _value(row: Mapping[str, float]) -> str:
    text = f"{row['value']:.2f}"
    if math.isfinite(row["low"]) and math.isfinite(row["high"]):
        text += f" ({row['low']:.2f} to {row['high']:.2f})"
    return text.replace("-", "−")


def _name(variant: str) -> str:
    return variant.replace("_", " ").capitalize()


def _label(name: str, labels: Mapping[str, str]) -> str:
    return labels.get(name, name)
