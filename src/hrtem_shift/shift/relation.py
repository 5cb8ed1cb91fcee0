"""Measured Dice beside every measure of similarity, as the tables of an imaging study."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.shift.baselines import DEFOCUS_DISTANCE, baselines, image_distance
from hrtem_shift.shift.criteria import (
    StructureControl,
    apply_criteria,
    compare_measures,
    structure_control,
)
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.mixed_model import shift_model
from hrtem_shift.shift.overlap import transfer_overlaps
from hrtem_shift.shift.rank_correlation import split_half_ceiling
from hrtem_shift.shift.score_matrix import ScoreMatrix, score_matrix
from hrtem_shift.shift.transfer import transfer_power

logger = logging.getLogger(__name__)


class Relation(NamedTuple):
    """Tables of `relate`.

    Attributes
    ----------
    cells : DataFrame
        train_set, test_set, overlap (magnitude), hard_dice (median over networks), n.
    measures : DataFrame
        One row a measure or baseline: `hrtem_shift.shift.criteria.compare_measures`.
    criteria : DataFrame
        `hrtem_shift.shift.criteria.apply_criteria`, with the claim.
    summary : DataFrame
        quantity, value, low, high: ceiling of the seeds, and shares of the variance of logit
        Dice (mixed model).
    """

    cells: pd.DataFrame
    measures: pd.DataFrame
    criteria: pd.DataFrame
    summary: pd.DataFrame


def relate(
    scores: pd.DataFrame,
    conditions: Mapping[str, ImagingConditions],
    trained: int,
    looks: pd.DataFrame,
    measure: TransferMeasure,
    lattices: Sequence[str],
    *,
    seed: int,
) -> Relation:
    """Compare measured Dice with every measure of similarity.

    Parameters
    ----------
    scores : DataFrame
        Of networks without noise: one row a network and test set.
    conditions : mapping
        Data set -> its conditions; the first `trained` of them are trained under.
    looks : DataFrame
        contrast and roughness of each data set, in the order of `conditions`.
    measure : TransferMeasure
        How transfer is compared.
    lattices : sequence of str
        Data sets that differ in their specimen alone, for the control; may be empty.
    seed : int
        Root seed of intervals.
    """
    names, lenses = list(conditions), list(conditions.values())
    measured = score_matrix(scores, names[:trained], names)
    power = transfer_power(lenses, measure)
    similarities = {
        str(kind): matrix for kind, matrix in transfer_overlaps(lenses, lenses, measure).items()
    }
    similarities |= baselines(lenses, power, image_distance(looks))
    unseen = np.where(measured.seen, np.nan, measured.median)
    measures = compare_measures(
        {name: matrix[:trained] for name, matrix in similarities.items()}, unseen, seed=seed
    )
    conclusion = apply_criteria(
        similarities["magnitude"],
        similarities[DEFOCUS_DISTANCE],
        measured.median,
        np.arange(trained),
        np.arange(len(names)),
        _control(scores, lattices, seed),
        seed=seed,
    )
    for sentence in conclusion.sentences:
        logger.info("%s", sentence)
    overlap = similarities["magnitude"][:trained]
    ceiling = split_half_ceiling(measured.by_network, seed=seed)
    summary = [("split-half ceiling of the seeds", ceiling.value, ceiling.low, ceiling.high)]
    summary += [
        (f"variance of logit Dice: {name.replace('_', ' ')}", share, np.nan, np.nan)
        for name, share in shift_model(overlap, unseen, power).shares._asdict().items()
    ]
    return Relation(
        _cells(measured, overlap),
        measures,
        conclusion.criteria.assign(claim=conclusion.claim),
        pd.DataFrame(summary, columns=["quantity", "value", "low", "high"]),
    )


def _cells(measured: ScoreMatrix, overlap: NDArray[np.float64]) -> pd.DataFrame:
    dice, n = measured.median, measured.n
    rows = [
        (train, test, overlap[i, j], dice[i, j], n[i, j])
        for i, train in enumerate(measured.train_sets)
        for j, test in enumerate(measured.test_sets)
    ]
    return pd.DataFrame(rows, columns=["train_set", "test_set", "overlap", "hard_dice", "n"])


def _control(scores: pd.DataFrame, lattices: Sequence[str], seed: int) -> StructureControl | None:
    """Other lattices under the same transfer: every overlap is 1."""
    if not lattices:
        return None
    dice = score_matrix(scores, lattices, lattices).median
    return structure_control(np.ones_like(dice), dice, seed=seed)
