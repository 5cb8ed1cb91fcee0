"""Segmentation of whole micrographs, and the particles in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.evaluation.dice import count_pixels, hard_dice
from hrtem_shift.evaluation.particle_matching import compare_particles
from hrtem_shift.micrographs.folder import load_micrograph
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.networks.inference import Predictor, predict
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.resampling import resampled_micrograph, resampling_factor
from hrtem_shift.preparation.steps import prepare


@dataclass(frozen=True, eq=False)
class SegmentedMicrograph:
    """A micrograph and a network's mask of it, on the grid that the network sees.

    Parameters
    ----------
    micrograph : Micrograph
        Resampled where the preparation asks for it.
    mask : ndarray of bool, shape (H, W)
        Predicted particles.
    """

    micrograph: Micrograph
    mask: NDArray[np.bool_]

    @property
    def label(self) -> NDArray[np.bool_]:
        """Particles of the label, (H, W)."""
        return self.micrograph.mask == 1

    @property
    def hard_dice(self) -> float:
        """Hard Dice of mask and label; 1 where neither holds a particle."""
        return float(hard_dice(count_pixels(self.mask[None], self.label[None])).iloc[0])


def segment_micrograph(
    network: Predictor, row: Mapping[str, Any], preparation: Preparation
) -> SegmentedMicrograph:
    """Segment the micrograph of one row of an inventory, as ``hrtem-shift segment`` does."""
    recorded = load_micrograph(row)
    factor = resampling_factor(recorded.pixel_size_nm, preparation.pixel_size_nm)
    prepared = prepare(recorded.pixels, preparation, factor).pixels
    mask = predict([network], prepared).probability > 0.5
    return SegmentedMicrograph(resampled_micrograph(recorded, factor), mask)


def match_particles(
    network: Predictor,
    rows: Iterable[Mapping[str, Any]],
    preparation: Preparation,
    *,
    smallest_nm: float,
) -> pd.DataFrame:
    """Match predicted and labelled particles of whole micrographs.

    Parameters
    ----------
    network : Predictor
        On its device.
    rows : iterable
        Rows of an inventory.
    preparation : Preparation
        That of the network's training.
    smallest_nm : float
        Diameter of the smallest particle that counts [nm].

    Returns
    -------
    DataFrame
        micrograph, and the columns of `compare_particles`.
    """
    area_nm2, tables = np.pi * smallest_nm**2 / 4, []
    for row in rows:
        segmented = segment_micrograph(network, row, preparation)
        name, pixel_size_nm = segmented.micrograph.name, segmented.micrograph.pixel_size_nm
        table = compare_particles(
            segmented.mask, segmented.label, pixel_size_nm, min_area_nm2=area_nm2
        )
        table.insert(0, "micrograph", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def hardest_pair(matrix: pd.DataFrame, variant: str) -> tuple[str, str]:
    """Training and test set of the lowest mean hard Dice; two different ones if there are any.

    Parameters
    ----------
    matrix : DataFrame
        From `hrtem_shift.evaluation.study_summary.matrices`, as it is or read from a file.
    variant : str
        Which preparation; ``""`` where there is one only.
    """
    cells = matrix[matrix["variant"].astype(object).fillna("") == variant]
    away = cells[cells["train_set"] != cells["test_set"]]
    worst = (away if len(away) else cells).sort_values("hard_dice", kind="stable").iloc[0]
    return str(worst["train_set"]), str(worst["test_set"])


def worst_median_best(
    network: Predictor, rows: Sequence[Mapping[str, Any]], preparation: Preparation
) -> dict[str, SegmentedMicrograph]:
    """The micrographs with the lowest, the median and the highest hard Dice.

    These three are segmented twice, so that memory holds one of however many there are.

    Parameters
    ----------
    network, preparation
        As in `match_particles`.
    rows : sequence
        Rows of an inventory.

    Returns
    -------
    dict
        ``worst``, ``median``, ``best``.
    """
    dice = [segment_micrograph(network, row, preparation).hard_dice for row in rows]
    order = np.argsort(dice, kind="stable")
    chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    return {
        rule: segment_micrograph(network, rows[place], preparation)
        for rule, place in chosen.items()
    }
