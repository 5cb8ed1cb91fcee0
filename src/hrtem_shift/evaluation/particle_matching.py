"""True positives, false negatives and false positives among particles, and their size errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage.measure import label
from skimage.metrics import contingency_table

from hrtem_shift.errors import InputError

MATCH_IOU = 0.5
"""Least intersection over union of a match."""


def compare_particles(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    pixel_size_nm: float,
    *,
    min_area_nm2: float,
) -> pd.DataFrame:
    """Match the particles of a predicted mask with those of its label.

    Parameters
    ----------
    prediction, truth : (H, W) bool
        Masks of one patch or micrograph.
    pixel_size_nm : float
        Side of a pixel [nm].
    min_area_nm2 : float
        Smaller particles [nm²] are dropped from both; a matched pair stays if either of its
        particles is large enough.

    Returns
    -------
    DataFrame
        One row a particle: outcome (``detected``, true positive; ``missed``, false
        negative; ``invented``, false positive),
        truth_diameter_nm and predicted_diameter_nm (of the circle of equal area; NaN where
        there is none), iou, touches_border (on either mask), size_error_percent (predicted
        over true diameter, minus 1; NaN unless detected and clear of the border). Tables of
        several masks can be concatenated.

    Raises
    ------
    InputError
        The pixel size is not above 0.

    Notes
    -----
    Particles are components connected by sides or corners: touching ones count as one.
    Matches are unique: two particles that each overlap a third one by `MATCH_IOU` would
    share all of it, touch, and be one component (for a strict bound: Kirillov et al.,
    Panoptic Segmentation, CVPR 2019).

    A particle cut by the border is counted but not sized (ISO 13322-1:2014 on edge
    particles).
    """
    if not pixel_size_nm > 0:
        raise InputError(
            f"{pixel_size_nm} nm",
            where="pixel_size_nm",
            why="Sizes of particles need it",
            fix="Give the pixel size of the micrograph",
        )
    true_ids, predicted_ids = (label(mask, connectivity=2) for mask in (truth, prediction))
    table = (
        _matches(true_ids, predicted_ids)
        .merge(_particles(true_ids, pixel_size_nm, "truth"), "outer", on="truth")
        .merge(_particles(predicted_ids, pixel_size_nm, "predicted"), "outer", on="predicted")
    )
    diameters = table[["truth_diameter_nm", "predicted_diameter_nm"]]
    outcome = np.select(
        [table["predicted"].isna(), table["truth"].isna()], ["missed", "invented"], "detected"
    )
    touches = table[["truth_touches_border", "predicted_touches_border"]].eq(True).any(axis=1)
    error = 100 * (diameters["predicted_diameter_nm"] / diameters["truth_diameter_nm"] - 1)
    particles = diameters.assign(
        iou=table["iou"], touches_border=touches, size_error_percent=error.mask(touches)
    )
    particles.insert(0, "outcome", outcome)
    smallest_nm = 2 * np.sqrt(min_area_nm2 / np.pi)
    return particles[diameters.max(axis=1) >= smallest_nm].reset_index(drop=True)


def summarise_particles(particles: pd.DataFrame) -> dict[str, float]:
    """Counts, rates and size bias over all particles of a table.

    Parameters
    ----------
    particles : DataFrame
        From `compare_particles`, of one mask or pooled over several.

    Returns
    -------
    dict
        ``n_particles`` (of the label), ``n_detected``, ``n_missed``, ``n_invented``;
        ``precision`` detected / (detected + invented), ``recall`` detected / (detected +
        missed), ``f1_score`` their harmonic mean; ``size_bias_percent`` and
        ``size_std_percent``, mean and standard deviation (ddof 1) of the size error over
        the ``n_sized`` detected particles clear of the border; ``area_bias_percent`` of the
        total area, over all particles. NaN for 0 / 0.
    """
    count = particles["outcome"].value_counts()
    detected, missed, invented = (
        int(count.get(outcome, 0)) for outcome in ("detected", "missed", "invented")
    )
    errors = particles["size_error_percent"].dropna()
    true_area, predicted_area = (
        float((particles[f"{mask}_diameter_nm"] ** 2).sum()) for mask in ("truth", "predicted")
    )
    return {
        "n_particles": detected + missed,
        "n_detected": detected,
        "n_missed": missed,
        "n_invented": invented,
        "precision": _ratio(detected, detected + invented),
        "recall": _ratio(detected, detected + missed),
        "f1_score": _ratio(2 * detected, 2 * detected + missed + invented),
        "n_sized": len(errors),
        "size_bias_percent": float(errors.mean()),
        "size_std_percent": float(errors.std(ddof=1)),
        "area_bias_percent": 100 * _ratio(predicted_area - true_area, true_area),
    }


def _matches(true_ids: NDArray[np.int64], predicted_ids: NDArray[np.int64]) -> pd.DataFrame:
    """Pairs (truth, predicted, iou) that overlap by `MATCH_IOU` or more."""
    overlap = contingency_table(true_ids, predicted_ids).tocoo()
    true_areas, predicted_areas = np.bincount(true_ids.ravel()), np.bincount(predicted_ids.ravel())
    union = true_areas[overlap.row] + predicted_areas[overlap.col] - overlap.data
    pairs = pd.DataFrame(
        {"truth": overlap.row, "predicted": overlap.col, "iou": overlap.data / union}
    )
    background = (pairs["truth"] == 0) | (pairs["predicted"] == 0)
    return pairs[~background & (pairs["iou"] >= MATCH_IOU)]


def _particles(ids: NDArray[np.int64], pixel_size_nm: float, mask: str) -> pd.DataFrame:
    """Number, diameter and border contact of each component, columns named by mask."""
    areas_px = np.bincount(ids.ravel())[1:]
    numbers = np.arange(1, len(areas_px) + 1)
    edges = np.concatenate([ids[0], ids[-1], ids[:, 0], ids[:, -1]])
    return pd.DataFrame(
        {
            mask: numbers,
            f"{mask}_diameter_nm": 2 * np.sqrt(areas_px / np.pi) * pixel_size_nm,
            f"{mask}_touches_border": np.isin(numbers, edges),
        }
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
