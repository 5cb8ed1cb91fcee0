"""The added noise at which images of one data set have the statistics of another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.evaluation.data_set_summary import sample_patches
from hrtem_shift.evaluation.scoring import with_noise
from hrtem_shift.preparation.image_statistics import statistics_of
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.tables import rows_of

MATCHED_STATISTICS = ("contrast", "roughness")


def noised_statistics(patch_set: PatchSet, rhos: list[float]) -> pd.DataFrame:
    """Contrast and roughness of a set's patches with more and more added noise.

    Parameters
    ----------
    patch_set : PatchSet
        `sample_patches` are taken of it.
    rhos : list of float
        Standard deviations of the noise, in those of the micrograph.

    Returns
    -------
    DataFrame
        train_set, rho and `MATCHED_STATISTICS` (`hrtem_shift.preparation.image_statistics`).
    """
    some = sample_patches(patch_set)
    masks = patch_set.masks[some]
    rows = []
    for rho in rhos:
        images = np.stack([with_noise(patch_set.images[k], rho, int(k)) for k in some])
        rows.append({"train_set": patch_set.name, "rho": rho, **statistics_of(images, masks)})
    return pd.DataFrame(rows)


def matching_noise(
    noised: pd.DataFrame, data_sets: pd.DataFrame, noise_curves: pd.DataFrame
) -> pd.DataFrame:
    """The noise at which a statistic of one set equals that of another, beside the best noise.

    Parameters
    ----------
    noised : DataFrame
        From `noised_statistics`, of one or several training sets.
    data_sets : DataFrame
        From `hrtem_shift.evaluation.data_set_summary.summarise_data_sets`.
    noise_curves : DataFrame
        train_set, mode, rho, test_set, hard_dice_mean.

    Returns
    -------
    DataFrame
        train_set, test_set, matched_by (contrast or roughness), matching_rho (interpolated;
        NaN where no noise of the range makes them equal), best_rho (fixed noise of the
        highest hard Dice on clean patches) and best_rho_same_noise (on patches with the same
        noise); NaN where no such network was trained.
    """
    rows = [
        {**row, **_best(noise_curves, str(train_set), row["test_set"])}
        for train_set, curve in noised.groupby("train_set", sort=False)
        for row in _matches(str(train_set), curve, data_sets)
    ]
    return pd.DataFrame(rows)


def _matches(
    train_set: str, curve: pd.DataFrame, data_sets: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    for other in rows_of(data_sets[data_sets["data_set"] != train_set]):
        for statistic in MATCHED_STATISTICS:
            rho, values = curve["rho"].to_numpy(float), curve[statistic].to_numpy(float)
            yield {
                "train_set": train_set,
                "test_set": other["data_set"],
                "matched_by": statistic,
                "matching_rho": _crossing(rho, values, other[statistic]),
            }


def _crossing(rho: NDArray[np.float64], values: NDArray[np.float64], level: float) -> float:
    """Least rho at which a curve crosses a level, linear between points; NaN if it does not."""
    above = values - level
    crosses = np.flatnonzero(above[:-1] * above[1:] <= 0)
    if not len(crosses):
        return float("nan")
    k = crosses[0]
    if above[k] == above[k + 1]:
        return float(rho[k])
    return float(rho[k] + (rho[k + 1] - rho[k]) * above[k] / (above[k] - above[k + 1]))


def _best(curves: pd.DataFrame, train_set: str, test_set: str) -> Mapping[str, float]:
    pair = curves[(curves["train_set"] == train_set) & (curves["test_set"] == test_set)]
    modes = {"best_rho": "fixed", "best_rho_same_noise": "same_noise"}
    return {name: _best_of(pair[pair["mode"] == mode]) for name, mode in modes.items()}


def _best_of(curve: pd.DataFrame) -> float:
    scored = curve.dropna(subset="hard_dice_mean")
    best = scored.sort_values("hard_dice_mean", ascending=False, kind="stable")["rho"]
    return float(best.iloc[0]) if len(best) else float("nan")
