"""Confusion counts of pixels, Dice and error rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COUNTS = ["true_positive", "false_positive", "false_negative", "true_negative"]


def count_pixels(prediction: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """Confusion counts of each mask.

    Parameters
    ----------
    prediction, truth : (N, H, W) bool

    Returns
    -------
    DataFrame
        N rows of `COUNTS`, in pixels.
    """
    prediction, truth = np.asarray(prediction, bool), np.asarray(truth, bool)
    counts = [prediction & truth, prediction & ~truth, ~prediction & truth, ~prediction & ~truth]
    columns = {name: c.sum(axis=(1, 2)) for name, c in zip(COUNTS, counts, strict=True)}
    return pd.DataFrame(columns)


def hard_dice(counts: pd.DataFrame) -> pd.Series:
    """Hard Dice 2 TP / (2 TP + FP + FN) of each row; 1 where mask and prediction are empty."""
    agreed = 2 * counts["true_positive"]
    total = agreed + counts["false_positive"] + counts["false_negative"]
    return (agreed / total.where(total > 0)).fillna(1.0)


def mask_dice(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Hard Dice of two boolean masks of any, equal shape; 1 where both are empty."""
    total = int(mask.sum()) + int(other.sum())
    return 2 * int((mask & other).sum()) / total if total else 1.0


def summarise_counts(counts: pd.DataFrame) -> dict[str, float]:
    """Dice and error rates of one network on one set of patches.

    Returns
    -------
    dict
        ``hard_dice``: mean over patches, as published. ``false_positive_rate`` FP / (FP + TN)
        and ``false_negative_rate`` FN / (FN + TP) over all pixels (over- and
        undersegmentation); NaN for 0 / 0.
    """
    cells = counts[COUNTS].to_numpy()  # a study has many thousands of tests
    true_positive, false_positive, false_negative, true_negative = cells.sum(axis=0)
    agreed = 2 * cells[:, 0]
    total = agreed + cells[:, 1] + cells[:, 2]
    dice = np.divide(agreed, total, out=np.ones(len(cells)), where=total > 0)
    return {
        "hard_dice": float(dice.mean()) if len(dice) else float("nan"),
        "false_positive_rate": _ratio(false_positive, true_negative),
        "false_negative_rate": _ratio(false_negative, true_positive),
    }


def _ratio(wrong: float, right: float) -> float:
    return float(wrong / (wrong + right)) if wrong + right else float("nan")
