"""The answer of the dose study in plain sentences, computed from its tables."""

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
    """Say how badly high-dose networks fail at low dose, and what noise augmentation repairs.

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
        For each lower dose two paragraphs: the loss and its kind; what noise wins back or
        does not, what is left, and what that costs at the dose of training. Last, a caveat.

    Notes
    -----
    A change not above the scatter (root sum of squares of both standard deviations) is
    called so. The best rho is picked on the test set, hence an upper bound; the last
    paragraph says so.
    """
    require_columns(dose_matrix, _MATRIX, "dose_matrix")
    if not noise_curves.empty:
        require_columns(noise_curves, _CURVES, "noise_curves")
    home, paragraphs = order[0], []
    for away in order[1:]:
        failure = [_loss(dose_matrix, home, away, doses), *_kind(dose_matrix, home, away)]
        repair = _repair(dose_matrix, noise_curves, home, away, doses)
        paragraphs += [" ".join(failure), " ".join(repair)]
    if _best(noise_curves, order[1:]) is not None:
        paragraphs.append(
            "The best ρ was chosen on the test images themselves, so what noise wins back is "
            "an upper bound."
        )
    return paragraphs


def mismatch_answer(noise_curves: pd.DataFrame, home: str, doses: Mapping[str, float]) -> list[str]:
    """Say how much of what strong noise costs is a mismatch of training and test.

    Parameters
    ----------
    noise_curves : DataFrame
        As for `dose_answer`, of networks trained on `home`; with the mode ``same_noise``: tested
        on patches with the noise of their training.
    home : str
        Data set.
    doses : mapping
        Data set to dose [e/Å²].

    Returns
    -------
    list of str
        A paragraph on the strongest noise; none where it was not tested both ways.
    """
    own = noise_curves[noise_curves["test_set"] == home]
    modes = {mode: _noise_rows(own[own["mode"] == mode], [home]) for mode in _BOTH_WAYS}
    points = [{row.rho: row.dice for row in rows} for rows in modes.values()]
    strongest = max((rho for rho in points[0] if rho in points[1]), default=0.0)
    if strongest == 0:
        return []
    before, (clean, same) = points[0].get(0.0), (one[strongest] for one in points)
    if before is None:
        return []
    lost, kept = _difference(before, clean), _difference(same, clean)
    where = f"Trained at {dose_label(home, doses)} with ρ = {strongest:g}, hard Dice there is"
    numbers = f"{clean.with_n} on clean patches, {same.with_n} on patches with the same noise"
    if kept <= _CLOSE:
        return [f"{where} {numbers}: what noise costs is not a mismatch of training and test."]
    return [
        f"{where} {numbers}, and {before.with_n} without noise in either. Of the {lost:.2f} lost "
        f"on clean patches {kept:.2f} is a mismatch of training and test, not information that "
        f"noise destroyed{_doubt(kept, same, clean)}."
    ]


_BOTH_WAYS = ("fixed", "same_noise")


def _loss(matrix: pd.DataFrame, home: str, away: str, doses: Mapping[str, float]) -> str:
    start = summarize_cell(matrix, home, home, "hard_dice")
    end = summarize_cell(matrix, home, away, "hard_dice")
    trained = f"Trained at {_dose(home, doses)} and tested at {dose_label(away, doses)}"
    if not (math.isfinite(start.mean) and math.isfinite(end.mean)):
        lacking = home if not math.isfinite(start.mean) else away
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
    there = dose_label(home, doses)
    return f"{trained}, hard Dice does not fall: {end.with_n} against {start.with_n} at {there}."


def _kind(matrix: pd.DataFrame, home: str, away: str) -> list[str]:
    invented = summarize_cell(matrix, home, away, "false_positive_rate")
    missed = summarize_cell(matrix, home, away, "false_negative_rate")
    if not (math.isfinite(invented.mean) and math.isfinite(missed.mean)):
        return []
    difference = _difference(missed, invented)
    numbers = f"false-negative rate {missed}, false-positive rate {invented}"
    if abs(difference) <= max(_CLOSE, _scatter(invented, missed)):
        return [f"There it misses about as much as it invents ({numbers})."]
    word = "undersegments" if difference > 0 else "oversegments"
    return [f"There it {word} ({numbers})."]


def _repair(
    matrix: pd.DataFrame, curves: pd.DataFrame, home: str, away: str, doses: Mapping[str, float]
) -> list[str]:
    best = _best(curves, [away])
    before = _without_noise(matrix, curves, home, away)
    where = f"at {dose_label(away, doses)}"
    if best is None or not math.isfinite(before.mean):
        return [f"What noise augmentation does {where} is not known: its networks are missing."]
    gain = _difference(best.dice, before)
    numbers = f"{best.dice.with_n} against {before.with_n} without noise"
    if gain <= _CLOSE:
        cost = "" if gain > -_CLOSE else f" and costs {-gain:.2f}"
        return [
            f"Even the best noise augmentation {where}, {best}, repairs nothing{cost}: {numbers}."
        ]
    doubt = _doubt(gain, best.dice, before)
    return [
        f"Noise augmentation with {best} wins back {gain:.2f} {where}{doubt}: {numbers}.",
        *_remainder(matrix, away, best, before, doses),
        *_price(matrix, curves, home, best, doses),
    ]


def _remainder(
    matrix: pd.DataFrame, away: str, best: _Noise, before: Summary, doses: Mapping[str, float]
) -> list[str]:
    own = summarize_cell(matrix, away, away, "hard_dice")
    gap, left = _difference(own, before), _difference(own, best.dice)
    if not gap > _CLOSE:  # also when NaN
        return []
    label = f"networks trained at {dose_label(away, doses)} itself, {own.with_n}"
    if left <= _CLOSE:
        return [f"That closes the whole gap to {label}."]
    share = 100 * (best.dice.mean - before.mean) / (own.mean - before.mean)
    return [f"That is about {share:.0f} % of the gap to {label}; {left:.2f} is still missing."]


def _price(
    matrix: pd.DataFrame, curves: pd.DataFrame, home: str, best: _Noise, doses: Mapping[str, float]
) -> list[str]:
    chosen = (curves["mode"] == best.mode) & (curves["rho"] == best.rho)
    after = _noise_rows(curves[chosen], [home])
    before = _without_noise(matrix, curves, home, home)
    if not after or not math.isfinite(before.mean):
        return []
    price = _difference(before, after[0].dice)
    verdict = f"costs {price:.2f}" if price > _CLOSE else "costs nothing"
    return [
        f"At {dose_label(home, doses)} itself the same noise {verdict}: "
        f"{after[0].dice.with_n} against {before.with_n}."
    ]


def _best(curves: pd.DataFrame, test_sets: Sequence[str]) -> _Noise | None:
    """Setting with noise that scores highest on any of the test sets."""
    noisy = [row for row in _noise_rows(curves, test_sets) if row.rho > 0]
    return max(noisy, key=lambda row: row.dice.mean, default=None)


def _without_noise(matrix: pd.DataFrame, curves: pd.DataFrame, home: str, away: str) -> Summary:
    # rho = 0 of the noise plan has the same folds as its other rows: the fairer baseline.
    plain = [row.dice for row in _noise_rows(curves, [away]) if row.rho == 0]
    return plain[0] if plain else summarize_cell(matrix, home, away, "hard_dice")


def _noise_rows(curves: pd.DataFrame, test_sets: Sequence[str]) -> list[_Noise]:
    if curves.empty:
        return []
    known = curves[curves["test_set"].isin(test_sets) & np.isfinite(curves["hard_dice_mean"])]
    return [
        _Noise(str(mode), float(rho), Summary(float(mean), float(std), int(n)))
        for mode, rho, mean, std, n in zip(
            known["mode"],
            known["rho"],
            known["hard_dice_mean"],
            known["hard_dice_std"],
            known["n_networks"],
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
