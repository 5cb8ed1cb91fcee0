"""How many networks decide a difference, from the spread of those that there are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from hrtem_shift.evaluation.paired_tests import paired_differences
from hrtem_shift.evaluation.scoring import as_trained, plain_scores
from hrtem_shift.evaluation.study_summary import pairs_to_compare

LEVEL, POWER = 0.05, 0.8
"""Two-sided level of the test, and the chance that it decides."""
MOST = 10_000
"""Pairs above which no number is given."""


def networks_needed(scores: pd.DataFrame, *, seeds: int, difference: float) -> pd.DataFrame:
    """Pairs of networks that decide a difference of hard Dice, for each comparison of a study.

    Parameters
    ----------
    scores : DataFrame
        From `hrtem_shift.evaluation.scoring.tabulate`.
    seeds : int
        Networks a fold in the generalization matrix.
    difference : float
        Of hard Dice, above 0.

    Returns
    -------
    DataFrame
        compared (``training sets``, ``variants``, or ``noise`` against none), variant, tested,
        first, second; std (of the paired differences, ddof 1) and n (pairs that it is from);
        networks (pairs of independent networks, by Student's paired test), networks_high (the
        same if std is at its upper 80 % limit), folds (folds of one cross-validation, by the
        corrected resampled test). Infinite above `MOST`.

    Notes
    -----
    A pair has the same fold and seed. Folds are units where there are several, with seeds
    averaged, else seeds. A std from five pairs is uncertain: its 80 % limit is 1.6 times as high,
    which needs 2.4 times as many networks (Browne, Statistics in Medicine 14, 1933 (1995)).
    """
    rows = []
    for labels, first, second in _pairs(scores, seeds):
        by_unit = _differences(first, second)
        n, std = len(by_unit), float(by_unit.std(ddof=1))
        high = std * _upper_limit(n)
        needed = {
            "networks": pairs_needed(std, difference),
            "networks_high": pairs_needed(high, difference),
            "folds": pairs_needed(std, difference, share_training=True),
        }
        rows.append({**labels, "std": std, "n": n, **needed})
    return pd.DataFrame(rows)


def pairs_needed(std: float, difference: float, *, share_training: bool = False) -> float:
    """Fewest pairs for which a paired t-test decides a difference with the chance `POWER`.

    Parameters
    ----------
    std : float
        Standard deviation of paired differences.
    difference : float
        Their mean, above 0, in the same unit.
    share_training : bool
        Pairs are the k folds of one cross-validation: the corrected resampled test, with the
        variance std² (1 / k + 1 / (k - 1)), as in `paired_tests.paired_test`.

    Returns
    -------
    float
        At least 2; infinite above `MOST`, NaN for a std that is not known.
    """
    if not math.isfinite(std):
        return math.nan
    if power_of(MOST, std, difference, share_training) < POWER:
        return math.inf
    low, high = 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        enough = power_of(middle, std, difference, share_training) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return float(high)


def power_of(n: int, std: float, difference: float, share_training: bool = False) -> float:
    """Chance that a two-sided paired t-test of n pairs decides: noncentral t."""
    from scipy.stats import nct, t

    if std == 0:
        return 1.0
    error = std * math.sqrt(1 / n + (1 / (n - 1) if share_training else 0))
    critical = t.isf(LEVEL / 2, n - 1)
    return float(nct.sf(critical, n - 1, difference / error))


def _upper_limit(n: int) -> float:
    """Upper one-sided 80 % limit of a standard deviation of n values, over its estimate."""
    from scipy.stats import chi2

    return math.sqrt((n - 1) / chi2.isf(0.8, n - 1)) if n > 1 else math.nan


_Pair = tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]


def _pairs(scores: pd.DataFrame, seeds: int) -> Iterator[_Pair]:
    plain = plain_scores(scores, seeds)
    yield from pairs_to_compare(plain)
    clean = as_trained(scores[(scores["test_rho"] == 0) & (scores["patches"] != "train")])
    for (train_set, test_set), rows in clean.groupby(["train_set", "test_set"], sort=False):
        without = rows[rows["rho"] == 0]
        for (mode, rho), noisy in rows[rows["rho"] > 0].groupby(["noise_mode", "rho"], sort=False):
            labels = {"compared": "noise", "variant": "", "tested": test_set, "first": train_set}
            both = without[without["fold"].isin(noisy["fold"])], noisy
            yield {**labels, "second": f"{train_set}, {mode} {rho:g}"}, *both


def _differences(first: pd.DataFrame, second: pd.DataFrame) -> pd.Series:
    """By fold; by seed where both have a single fold."""
    if max(first["fold"].nunique(), second["fold"].nunique()) > 1:
        return paired_differences(first, second).dropna()
    pairs = first.merge(second, on="seed", suffixes=("_first", "_second"))
    return (pairs["hard_dice_second"] - pairs["hard_dice_first"]).dropna()
