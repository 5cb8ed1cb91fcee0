"""The answer of a study in sentences, from its tables."""

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
    """Hard Dice on own and other sets, the worst pair, and the effect of a variant.

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
        cells, of_gaps, hard, one_way = (
            table[table["variant"] == variant] for table in (matrix, gaps, difficulty, asymmetry)
        )
        quantities = {row["quantity"]: row for row in rows_of(of_gaps)}
        opening = f"{_name(variant)}: " if variant else ""
        sentences = [
            *_levels(quantities),
            *_overfitting(quantities),
            *_extremes(cells, hard, labels),
            *_one_way(one_way, labels),
            *_distance(quantities, axis),
        ]
        paragraphs.append(opening + " ".join(sentences))
    return [*paragraphs, *_compare_variants(gaps)]


def _levels(quantities: Mapping[str, Mapping[str, float]]) -> list[str]:
    sentences = []
    if "own" in quantities:
        n = quantities["own"]["n_networks"]
        sentences.append(
            f"On unseen micrographs of their own set, networks reach a hard Dice of "
            f"{_value(quantities['own'])} (n = {n:.0f} networks)."
        )
    if "away" in quantities:
        sentences.append(f"On other sets they reach {_value(quantities['away'])}.")
    if "gap" in quantities:
        gap = quantities["gap"]
        name = "The generalization gap"
        what = name if gap["low"] > 0 or gap["high"] < 0 else f"{name}, which may be zero,"
        sentences.append(f"{what} is {_value(gap)}.")
    return sentences


def _overfitting(quantities: Mapping[str, Mapping[str, float]]) -> list[str]:
    if "overfitting" not in quantities:
        return []
    return [
        f"On the patches of their training they score {_value(quantities['overfitting'])} more."
    ]


def _extremes(
    cells: pd.DataFrame, difficulty: pd.DataFrame, labels: Mapping[str, str]
) -> list[str]:
    others = cells[(cells["train_set"] != cells["test_set"]) & cells["hard_dice"].notna()]
    if others.empty:
        return []
    sentences = []
    ranked = difficulty.dropna(subset="hard_dice")
    if len(ranked) > 2:
        easy, hard = ranked.iloc[0], ranked.iloc[-1]
        sentences.append(
            f"For networks trained on other sets {_label(hard['test_set'], labels)} is the "
            f"hardest to segment ({hard['hard_dice']:.2f}), "
            f"{_label(easy['test_set'], labels)} the easiest ({easy['hard_dice']:.2f})."
        )
    worst = min(rows_of(others), key=lambda row: float(row["hard_dice"]))
    sentences.append(
        f"The worst pair is trained on {_label(worst['train_set'], labels)} and tested on "
        f"{_label(worst['test_set'], labels)}: {worst['hard_dice']:.2f}"
        f"{_kind(worst)}."
    )
    return sentences


def _kind(cell: Mapping[str, float] | pd.Series) -> str:
    positive, negative = cell["false_positive_rate"], cell["false_negative_rate"]
    if not (math.isfinite(positive) and math.isfinite(negative)):
        return ""
    return f" (false-negative rate {negative:.0%}, false-positive rate {positive:.1%} of pixels)"


def _one_way(asymmetry: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    sure = asymmetry[(asymmetry["low"] > 0) | (asymmetry["high"] < 0)]
    if asymmetry.empty:
        return []
    if sure.empty:
        return ["No pair of sets is asymmetric beyond the scatter of networks."]
    most = max(rows_of(sure), key=lambda row: abs(float(row["difference"])))
    a, b = most["set_a"], most["set_b"]
    if most["difference"] < 0:
        a, b = b, a
    size = {key: abs(most[key]) for key in ("difference", "low", "high")}
    low, high = sorted((size["low"], size["high"]))
    return [
        f"Largest asymmetry: from {_label(a, labels)} to {_label(b, labels)} networks score "
        f"{size['difference']:.2f} ({low:.2f} to {high:.2f}) higher than in reverse."
    ]


def _distance(quantities: Mapping[str, Mapping[str, float]], axis: str | None) -> list[str]:
    far = quantities.get("spearman_of_distance")
    if far is None or axis is None or not math.isfinite(far["value"]):
        return []
    what, _ = AXES[axis]
    trend = (
        f"The loss grows with the ratio of {what}s"
        if far["low"] > 0
        else f"The loss falls with the ratio of {what}s"
        if far["high"] < 0
        else f"Whether the loss grows with the ratio of {what}s is not decided"
    )
    return [f"{trend}: rank correlation {_value(far)}."]


def _compare_variants(gaps: pd.DataFrame) -> list[str]:
    sentences = []
    for quantity, what in (("own", "own set"), ("gap", "gap"), ("overfitting", "overfitting")):
        rows = gaps[gaps["quantity"] == quantity]
        if len(rows) > 1:
            numbers = ", ".join(f"{_name(row['variant'])} {_value(row)}" for row in rows_of(rows))
            sentences.append(f"{what.capitalize()}: {numbers}.")
    return [" ".join(["Variants compared.", *sentences])] if sentences else []


def _value(row: Mapping[str, float]) -> str:
    text = f"{row['value']:.2f}"
    if math.isfinite(row["low"]) and math.isfinite(row["high"]):
        text += f" ({row['low']:.2f} to {row['high']:.2f})"
    return text.replace("-", "−")


def _name(variant: str) -> str:
    return variant.replace("_", " ").capitalize()


def _label(name: str, labels: Mapping[str, str]) -> str:
    return labels.get(name, name)
