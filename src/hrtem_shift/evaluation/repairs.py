"""What repairs the loss of networks on other sets: mixed batch norms, and noise in training."""

from __future__ import annotations

from typing import Any

import pandas as pd

from hrtem_shift.evaluation.paired_tests import paired_test
from hrtem_shift.evaluation.scoring import as_trained

MIXED = "mixed batch norms"
THINNING, MIXED_THINNING = "thinning", "mixed thinning"
_NOISE = {
    "fixed": "fixed noise",
    "uniform": "uniform noise",
    "thinning": THINNING,
    "mixed_thinning": MIXED_THINNING,
}
_PAIR = ["train_set", "test_set", "fold", "seed"]
_REPAIR = ["train_set", "test_set", "repair", "strength"]


def repairs(scores: pd.DataFrame, *, folds: int, seeds: int, seed: int) -> pd.DataFrame:
    """Hard Dice with each repair, beside that of networks of the same fold and seed without any.

    Parameters
    ----------
    scores : DataFrame
        From `hrtem_shift.evaluation.scoring.tabulate`.
    folds : int
        Of the cross-validation.
    seeds : int
        Networks a fold in the generalization matrix; batch norms are mixed in these.
    seed : int
        Root seed of the bootstrap.

    Returns
    -------
    DataFrame
        One row a training set, test set, repair and strength: `MIXED` with the share of the test
        micrograph, ``fixed noise`` with ρ, ``uniform noise`` with its upper bound, ``thinning``
        with the share of electrons that was kept in training, ``mixed thinning`` with its lower
        bound.
        hard_dice_as_is and hard_dice (means over networks), change (mean over pairs), low and
        high (95 %), paired_by (``fold``, with seeds averaged; or ``network`` where there is one
        fold only), n pairs.

    Notes
    -----
    Intervals over folds are those of the corrected resampled t-test, over networks of a single
    fold those of Student (`hrtem_shift.evaluation.paired_tests.paired_test`). Networks of a single
    fold differ in their seeds only: their interval knows nothing of other training images.
    """
    clean = scores[(scores["test_rho"] == 0) & (scores["patches"] != "train")]
    trained = as_trained(clean)
    mixed = clean.drop(trained.index)
    mixed = mixed[mixed["seed"] < seeds]
    noisy = trained[trained["rho"] > 0]
    tables = [noisy.assign(repair=noisy["noise_mode"].map(_NOISE), strength=noisy["rho"])]
    if len(mixed):
        tables.insert(0, mixed.assign(repair=MIXED, strength=mixed["norm_share"]))
    as_is = trained.loc[trained["rho"] == 0, [*_PAIR, "hard_dice"]]
    pairs = pd.concat(tables).merge(as_is, on=_PAIR, suffixes=("", "_as_is"))
    rows = [
        {**dict(zip(_REPAIR, key, strict=True)), **_change(rows, folds, seed)}
        for _, cell in pairs.groupby(_PAIR[:2], sort=False)
        for key, rows in cell.groupby(_REPAIR, sort=False)
    ]
    return pd.DataFrame(rows, columns=[*_REPAIR, *_CHANGE])


_CHANGE = ["hard_dice_as_is", "hard_dice", "change", "low", "high", "paired_by", "n"]


def _change(pairs: pd.DataFrame, folds: int, seed: int) -> dict[str, Any]:
    several = pairs["fold"].nunique() > 1
    differences = pairs["hard_dice"] - pairs["hard_dice_as_is"]
    by_unit = differences.groupby(pairs["fold" if several else "seed"]).mean()
    test = paired_test(by_unit, test_to_train=1 / (folds - 1) if several else 0.0, seed=seed)
    return {
        "hard_dice_as_is": pairs["hard_dice_as_is"].mean(),
        "hard_dice": pairs["hard_dice"].mean(),
        "change": test.difference,
        "low": test.corrected_low,
        "high": test.corrected_high,
        "paired_by": "fold" if several else "network",
        "n": test.n,
    }
