"""The generalization matrix: every training set against every test set.

All functions read one tidy table, one row a network and test set: train_set, test_set, fold,
seed, a column a value (hard_dice, ...; NaN for a network that failed) and optionally the
reason of a NaN.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.evaluation.paired_tests import bootstrap_interval, refuse_repeats

_CELL = ["train_set", "test_set"]
_NETWORK = ["train_set", "fold", "seed"]


class DiagonalGap(NamedTuple):
    """Mean of the diagonal minus mean of all other cells.

    Attributes
    ----------
    gap : float
        NaN when a whole cell is missing.
    low, high : float
        95 % bootstrap interval over folds.
    n_folds, missing : int
        Folds, and networks without a score.
    """

    gap: float
    low: float
    high: float
    n_folds: int
    missing: int


def matrix(scores: pd.DataFrame, value: str = "hard_dice") -> pd.DataFrame:
    """Mean and scatter over networks of every pair of sets.

    Parameters
    ----------
    scores : DataFrame
        See the module.
    value : str
        Column to average.

    Returns
    -------
    DataFrame
        One row a pair, in the order of the table: train_set, test_set, mean, std (ddof 1)
        and n of the networks with a score, missing (networks without one), reason (empty
        when none is missing). A pair without any score is NaN, with its reason.

    Raises
    ------
    InputError
        A network is repeated for one test set.
    """
    grouped = _all_tests(scores, value).groupby(_CELL, sort=False)
    scored = grouped[value]
    cells = pd.DataFrame(
        {
            "mean": scored.mean(),
            "std": scored.std(ddof=1),
            "n": scored.count(),
            "missing": scored.size() - scored.count(),
            "reason": grouped["reason"].agg(lambda reasons: "; ".join(reasons.dropna().unique())),
        }
    )
    return cells.reset_index()


def difficulty(scores: pd.DataFrame) -> pd.DataFrame:
    """Test sets from easy to hard, by hard Dice of the networks trained on other sets.

    Parameters
    ----------
    scores : DataFrame
        See the module.

    Returns
    -------
    DataFrame
        test_set, hard_dice (mean over the other training sets, each with equal weight),
        n_train_sets. NaN, and last, where a whole cell is missing or no other set was
        trained on, because a mean over fewer sets is not comparable.
    """
    cells = matrix(scores)
    others = cells[cells["train_set"] != cells["test_set"]].groupby("test_set")["mean"]
    table = pd.DataFrame({"hard_dice": others.mean(skipna=False), "n_train_sets": others.size()})
    table = table.reindex(pd.Index(cells["test_set"].unique(), name="test_set"))
    table["n_train_sets"] = table["n_train_sets"].fillna(0).astype(int)
    return table.sort_values("hard_dice", ascending=False, kind="stable").reset_index()


def normalised_for_difficulty(cells: pd.DataFrame) -> pd.DataFrame:
    """Each column of a matrix divided by its diagonal cell.

    Parameters
    ----------
    cells : DataFrame
        From `matrix`, of a value where more is better.

    Returns
    -------
    DataFrame
        mean and std divided by the mean of the networks trained on the test set itself,
        which removes the set's difficulty (as Fig. S2 of the published study). The scatter
        of the divisor is not propagated. NaN, with a reason, where that cell is missing or 0.
    """
    diagonal = cells[cells["train_set"] == cells["test_set"]].set_index("test_set")["mean"]
    best = cells["test_set"].map(diagonal)
    best = best.where(best > 0)
    unknown = best.isna() & cells["mean"].notna()
    reason = cells["reason"].mask(unknown, "no diagonal to divide by")
    return cells.assign(mean=cells["mean"] / best, std=cells["std"] / best, reason=reason)


def asymmetry(cells: pd.DataFrame) -> pd.DataFrame:
    """Difference between a pair of sets and the reverse pair.

    Parameters
    ----------
    cells : DataFrame
        From `matrix`.

    Returns
    -------
    DataFrame
        One row a pair of sets that were both trained and tested on: set_a, set_b,
        difference (trained on a and tested on b, minus the reverse), low and high (95 %).
        NaN where either cell is missing; no interval for fewer than two networks.

    Notes
    -----
    Welch's interval (Biometrika 34, 28, 1947): the two cells have different networks and
    scatters. Networks of one set share training images, so it is somewhat too narrow.
    """
    order = {name: k for k, name in enumerate(cells["train_set"].unique())}
    back = cells.rename(columns={"train_set": "test_set", "test_set": "train_set"})
    both = cells.merge(back, on=_CELL, suffixes=("_there", "_back"))
    both = both[both["train_set"].map(order) < both["test_set"].map(order)]
    difference = both["mean_there"] - both["mean_back"]
    half = _welch_half_width(*(both[f"{c}_{d}"] for d in ("there", "back") for c in ("std", "n")))
    pairs = both[_CELL].set_axis(["set_a", "set_b"], axis=1)
    columns = {"difference": difference, "low": difference - half, "high": difference + half}
    return pairs.assign(**columns).reset_index(drop=True)


def diagonal_gap(scores: pd.DataFrame, *, seed: int, value: str = "hard_dice") -> DiagonalGap:
    """Generalization gap: mean of the diagonal minus mean of all other cells.

    Parameters
    ----------
    scores : DataFrame
        See the module.
    seed : int
        Root seed of the bootstrap.
    value : str
        Column to average.

    Returns
    -------
    DiagonalGap
        Cells have equal weights, whatever their number of networks.

    Notes
    -----
    Folds are resampled with all of their networks, and together for all training sets: sets
    of the same scenes have the same scenes in a fold, and for other sets it makes no
    difference. See `hrtem_shift.evaluation.paired_tests.bootstrap_interval`.
    """
    tests = _all_tests(scores, value)
    by_fold = tests.groupby([*_CELL, "fold"])[value]
    sums = by_fold.sum().unstack("fold", fill_value=0)
    counts = by_fold.count().unstack("fold", fill_value=0)
    diagonal = sums.index.get_level_values("train_set") == sums.index.get_level_values("test_set")

    def gap(draws: NDArray[np.int64]) -> NDArray[np.float64]:
        drawn = draws @ counts.to_numpy().T  # (R, cells)
        means = draws @ sums.to_numpy().T / np.where(drawn > 0, drawn, np.nan)
        return _mean(means[:, diagonal]) - _mean(means[:, ~diagonal])

    n_folds = sums.shape[1]
    mean_gap = float(gap(np.ones((1, n_folds), dtype=np.int64))[0])
    low, high = (
        bootstrap_interval(gap, n_folds, seed) if np.isfinite(mean_gap) else (float("nan"),) * 2
    )
    return DiagonalGap(mean_gap, low, high, n_folds, int(tests[value].isna().sum()))


def _all_tests(scores: pd.DataFrame, value: str) -> pd.DataFrame:
    """Every network on every test set, with a reason for a missing score."""
    refuse_repeats(scores, [*_NETWORK, "test_set"])
    test_sets = pd.DataFrame({"test_set": scores["test_set"].unique()})
    planned = scores[_NETWORK].drop_duplicates().merge(test_sets, how="cross")
    tests = planned.merge(scores, "left", on=[*_NETWORK, "test_set"], indicator="found")
    given = tests["reason"] if "reason" in tests else pd.Series(index=tests.index, dtype=object)
    reason = given.where(given != "").fillna("missing").mask(tests["found"] != "both", "not tested")
    return tests[[*_NETWORK, "test_set", value]].assign(reason=reason.mask(tests[value].notna()))


def _welch_half_width(std_a: pd.Series, n_a: pd.Series, std_b: pd.Series, n_b: pd.Series) -> Any:
    from scipy.stats import t as student_t

    a, b = std_a**2 / n_a, std_b**2 / n_b
    freedom = (a + b) ** 2 / (a**2 / (n_a - 1) + b**2 / (n_b - 1))
    return student_t.ppf(0.975, freedom) * np.sqrt(a + b)


def _mean(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over cells (R, cells); NaN without any, and where one is missing."""
    return cells.sum(axis=1) / (cells.shape[1] or np.nan)
