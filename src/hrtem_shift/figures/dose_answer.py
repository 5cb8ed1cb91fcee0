"""The answer of the dose study in sentences, from its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hrtem_shift.figures.doses import dose_label, dose_of
from hrtem_shift.figures.mean_and_spread import Summary, summarize_cell
from hrtem_shift.tables import require_columns

_MATRIX = ["train_set", "test_set", "hard_dice", "false_positive_rate", "false_negative_rate"]
_CURVES = ["mode", "rho", "test_set", "hard_dice_mean", "hard_dice_std", "n_networks"]
_CLOSE = 0.005  # half of the last digit that is printed


@dataclass(frozen=True)
class _Noise:
    mode: str
    rho: float
    dice: Summary

    def __str__(self) -> str:
        return f"ρ {'=' if self.mode == 'fixed' else 'uniform up to'} {self.rho:g}"


def dose_answer(
    dose_matrix: pd.DataFrame,
    noise_curves: pd.DataFrame,
    order: Sequence[str],
    doses: Mapping[str, float],
) -> list[str]:
    """How much high-dose networks lose at low dose, and what noise augmentation recovers.

    Parameters
    ----------
    dose_matrix : DataFrame
        ``train_set, test_set, hard_dice, false_positive_rate, false_negative_rate``.
    noise_curves : DataFrame
        ``mode, rho, test_set, hard_dice_mean, hard_dice_std, n_networks`` of networks
        trained on ``order[0]``; may be empty.
    order : sequence of str
        Data sets from the highest dose to the lowest.
    doses : mapping
        Data set to dose [e/Å²].

    Returns
    -------
    list of str
        For each lower dose two paragraphs: the loss and its kind; what noise recovers,
        what is left, and what that costs at the dose of training. Last, a caveat.

    Notes
    -----
    A change not above the scatter (root sum of squares of both standard deviations) is
    marked. The best rho is selected on the test set, hence an upper bound.
    """
    require_columns(dose_matrix, _MATRIX, "dose_matrix")
    if not noise_curves.empty:
        require_columns(noise_curves, _CURVES, "noise_curves")
    train_set, paragraphs = order[0], []
    for test_set in order[1:]:
        failure = [
            _loss(dose_matrix, train_set, test_set, doses),
            *_kind(dose_matrix, train_set, test_set),
        ]
        repair = _repair(dose_matrix, noise_curves, train_set, test_set, doses)
        paragraphs += [" ".join(failure), " ".join(repair)]
    if _best(noise_curves, order[1:]) is not None:
        paragraphs.append(
            "The best ρ was chosen on the test images themselves, so what noise recovers is "
            "an upper bound."
        )
    return paragraphs


def mismatch_answer(
    noise_curves: pd.DataFrame, train_set: str, doses: Mapping[str, float]
) -> list[str]:
    """How much of the loss by strong noise is a mismatch of training and test.

    Parameters
    ----------
    noise_curves : DataFrame
        As for `dose_answer`, of networks trained on `train_set`; the mode ``same_noise`` is
        tested on patches with the noise of training.
    train_set : str
        Data set.
    doses : mapping
        Data set to dose [e/Å²].

    Returns
    -------
    list of str
        A paragraph on the strongest noise; none where it was not tested both ways.
    """
    rows = noise_curves[noise_curves["test_set"] == train_set]
    modes = {mode: _noise_rows(rows[rows["mode"] == mode], [train_set]) for mode in _BOTH_WAYS}
    points = [{row.rho: row.dice for row in noise} for noise in modes.values()]
    strongest = max((rho for rho in points[0] if rho in points[1]), default=0.0)
    if strongest == 0:
        return []
    before, (clean, same) = points[0].get(0.0), (dice[strongest] for dice in points)
    if before is None:
        return []
    lost, kept = _difference(before, clean), _difference(same, clean)
    where = f"Trained at {dose_label(train_set, doses)} with ρ = {strongest:g}, hard Dice there is"
    numbers = f"{clean.with_n} on clean patches, {same.with_n} on patches with the same noise"
    if kept <= _CLOSE:
        return [f"{where} {numbers}: the loss by noise is not a mismatch of training and test."]
    return [
        f"{where} {numbers}, and {before.with_n} without noise in either. Of the {lost:.2f} lost "
        f"on clean patches {kept:.2f} is a mismatch of training and test, not information that "
        f"noise destroyed{_doubt(kept, same, clean)}."
    ]


_BOTH_WAYS = ("fixed", "same_noise")


def _loss(matrix: pd.DataFrame, train_set: str, test_set: str, doses: Mapping[str, float]) -> str:
    start = summarize_cell(matrix, train_set, train_set, "hard_dice")
    end = summarize_cell(matrix, train_set, test_set, "hard_dice")
    trained = f"Trained at {_dose(train_set, doses)} and tested at {dose_label(test_set, doses)}"
    if not (math.isfinite(start.mean) and math.isfinite(end.mean)):
        lacking = train_set if not math.isfinite(start.mean) else test_set
        return (
            f"{trained}, the loss is not known: the test at {dose_label(lacking, doses)} "
            "is missing."
        )
    loss = _difference(start, end)
    if loss > _CLOSE:
        return (
            f"{trained}, hard Dice falls from {start.with_n} to {end.with_n}, "
            f"a loss of {loss:.2f}{_doubt(loss, start, end)}."
        )
    there = dose_label(train_set, doses)
    return f"{trained}, hard Dice does not fall: {end.with_n} against {start.with_n} at {there}."


def _kind(matrix: pd.DataFrame, train_set: str, test_set: str) -> list[str]:
    false_positives = summarize_cell(matrix, train_set, test_set, "false_positive_rate")
    false_negatives = summarize_cell(matrix, train_set, test_set, "false_negative_rate")
    if not (math.isfinite(false_positives.mean) and math.isfinite(false_negatives.mean)):
        return []
    difference = _difference(false_negatives, false_positives)
    numbers = f"false-negative rate {false_negatives}, false-positive rate {false_positives}"
    if abs(difference) <= max(_CLOSE, _scatter(false_positives, false_negatives)):
        return [f"False negatives and false positives are about equal there ({numbers})."]
    word = "undersegments" if difference > 0 else "oversegments"
    return [f"There it {word} ({numbers})."]


def _repair(
    matrix: pd.DataFrame,
    curves: pd.DataFrame,
    train_set: str,
    test_set: str,
    doses: Mapping[str, float],
) -> list[str]:
    best = _best(curves, [test_set])
    before = _without_noise(matrix, curves, train_set, test_set)
    where = f"at {dose_label(test_set, doses)}"
    if best is None or not math.isfinite(before.mean):
        return [f"The effect of noise augmentation {where} is not known: its networks are missing."]
    gain = _difference(best.dice, before)
    numbers = f"{best.dice.with_n} against {before.with_n} without noise"
    if gain <= _CLOSE:
        cost = "" if gain > -_CLOSE else f" and costs {-gain:.2f}"
        return [
            f"Even the best noise augmentation {where}, {best}, recovers nothing{cost}: {numbers}."
        ]
    doubt = _doubt(gain, best.dice, before)
    return [
        f"Noise augmentation with {best} recovers {gain:.2f} {where}{doubt}: {numbers}.",
        *_remainder(matrix, test_set, best, before, doses),
        *_price(matrix, curves, train_set, best, doses),
    ]


def _remainder(
    matrix: pd.DataFrame, test_set: str, best: _Noise, before: Summary, doses: Mapping[str, float]
) -> list[str]:
    same = summarize_cell(matrix, test_set, test_set, "hard_dice")
    gap, left = _difference(same, before), _difference(same, best.dice)
    if not gap > _CLOSE:  # also when NaN
        return []
    label = f"networks trained at {dose_label(test_set, doses)} itself, {same.with_n}"
    if left <= _CLOSE:
        return [f"That closes the whole gap to {label}."]
    share = 100 * (best.dice.mean - before.mean) / (same.mean - before.mean)
    return [f"That is about {share:.0f} % of the gap to {label}; {left:.2f} is still missing."]


def _price(
    matrix: pd.DataFrame,
    curves: pd.DataFrame,
    train_set: str,
    best: _Noise,
    doses: Mapping[str, float],
) -> list[str]:
    chosen = (curves["mode"] == best.mode) & (curves["rho"] == best.rho)
    after = _noise_rows(curves[chosen], [train_set])
    before = _without_noise(matrix, curves, train_set, train_set)
    if not after or not math.isfinite(before.mean):
        return []
    price = _difference(before, after[0].dice)
    verdict = f"costs {price:.2f}" if price > _CLOSE else "costs nothing"
    return [
        f"At {dose_label(train_set, doses)} itself the same noise {verdict}: "
        f"{after[0].dice.with_n} against {before.with_n}."
    ]


def _best(curves: pd.DataFrame, test_sets: Sequence[str]) -> _Noise | None:
    """Setting with noise that scores highest on any of the test sets."""
    noisy = [row for row in _noise_rows(curves, test_sets) if row.rho > 0]
    return max(noisy, key=lambda row: row.dice.mean, default=None)


def _without_noise(
    matrix: pd.DataFrame, curves: pd.DataFrame, train_set: str, test_set: str
) -> Summary:
    # rho = 0 of the noise plan has the same folds as its other rows: the fairer baseline.
    plain = [row.dice for row in _noise_rows(curves, [test_set]) if row.rho == 0]
    return plain[0] if plain else summarize_cell(matrix, train_set, test_set, "hard_dice")


def _noise_rows(curves: pd.DataFrame, test_sets: Sequence[str]) -> list[_Noise]:
    if curves.empty:
        return []
    scored = curves[curves["test_set"].isin(test_sets) & np.isfinite(curves["hard_dice_mean"])]
    return [
        _Noise(str(mode), float(rho), Summary(float(mean), float(std), int(n)))
        for mode, rho, mean, std, n in zip(
            scored["mode"],
            scored["rho"],
            scored["hard_dice_mean"],
            scored["hard_dice_std"],
            scored["n_networks"],
            strict=True,
        )
    ]


def _difference(first: Summary, second: Summary) -> float:
    # Of the printed digits: a reader who subtracts finds the number of the sentence.
    return round(round(first.mean, 2) - round(second.mean, 2), 2)


def _scatter(first: Summary, second: Summary) -> float:
    stds = [s for s in (first.std, second.std) if math.isfinite(s)]
    return math.hypot(*stds) if stds else 0.0


def _doubt(change: float, first: Summary, second: Summary) -> str:
    if min(first.n, second.n) < 2:
        return ", from too few networks to know the scatter"
    if change <= _scatter(first, second):
        return ", no more than the scatter between networks"
    return ""


def _dose(name: str, doses: Mapping[str, float]) -> str:
    dose = dose_of(name, doses)
    return name if dose is None else f"{dose:g}"
