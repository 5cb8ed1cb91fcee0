"""Whole micrographs as networks see them: masks without seams, and the particles in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from hrtem_shift.evaluation.dice import count_pixels, hard_dice
from hrtem_shift.evaluation.particle_matching import compare_particles
from hrtem_shift.micrographs.folder import load_micrograph
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.networks.prediction import optimize_for_inference, predict_masks
from hrtem_shift.networks.residual_unet import STRIDE_PX
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.resampling import resampled_micrograph, resampling_factor
from hrtem_shift.preparation.steps import prepare


@dataclass(frozen=True, eq=False)
class Segmented:
    """A micrograph beside its label and a network's mask.

    All are cut at the right and lower edge to a multiple of the network's stride.

    Parameters
    ----------
    micrograph : Micrograph
        Uncut, on the grid that the network sees.
    pixels : ndarray, shape (H, W)
        Counts.
    label, mask : ndarray of bool, shape (H, W)
        What is particle, and what the network takes for it.
    """

    micrograph: Micrograph
    pixels: NDArray
    label: NDArray[np.bool_]
    mask: NDArray[np.bool_]

    @property
    def hard_dice(self) -> float:
        """Of the mask against the label; 1 where neither holds a particle."""
        return float(hard_dice(count_pixels(self.mask[None], self.label[None])).iloc[0])


def segment(
    network: nn.Module,
    row: Mapping[str, Any],
    preparation: Preparation,
    *,
    device: str,
    precision: torch.dtype,
) -> Segmented:
    """Segment the micrograph of one row of an inventory, in one piece."""
    recorded = load_micrograph(row)
    factor = resampling_factor(recorded.pixel_size_nm, preparation.pixel_size_nm)
    micrograph = resampled_micrograph(recorded, factor)
    height, width = (side - side % STRIDE_PX for side in micrograph.pixels.shape)
    seen = prepare(recorded.pixels, preparation, factor).pixels[None, :height, :width]
    mask = predict_masks(network, seen, device=device, precision=precision)[0]
    own = np.s_[:height, :width]
    return Segmented(micrograph, micrograph.pixels[own], micrograph.mask[own] == 1, mask)


def particles_seen(
    network: nn.Module,
    rows: Iterable[Mapping[str, Any]],
    preparation: Preparation,
    *,
    smallest_nm: float,
    device: str,
    precision: torch.dtype,
) -> pd.DataFrame:
    """Particles found, missed and invented in some micrographs.

    Parameters
    ----------
    network : Module
        In evaluation mode.
    rows : iterable
        Rows of an inventory.
    preparation : Preparation
        That of the network's training.
    smallest_nm : float
        Diameter below which a speck is no particle [nm].
    device, precision
        Where and how to compute.

    Returns
    -------
    DataFrame
        micrograph, and the columns of `compare_particles`.
    """
    tables = []
    for row in rows:
        one = segment(network, row, preparation, device=device, precision=precision)
        pixel_size_nm, area_nm2 = one.micrograph.pixel_size_nm, np.pi * smallest_nm**2 / 4
        table = compare_particles(one.mask, one.label, pixel_size_nm, min_area_nm2=area_nm2)
        table.insert(0, "micrograph", one.micrograph.name)
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
    network: nn.Module,
    rows: Sequence[Mapping[str, Any]],
    preparation: Preparation,
    *,
    device: str,
    precision: torch.dtype,
) -> dict[str, Segmented]:
    """Three micrographs that a rule picks: the worst, the median and the best by hard Dice.

    They are segmented a second time, so that no more than one is held of however many there are.

    Parameters
    ----------
    network, preparation, device, precision
        As in `particles_seen`.
    rows : sequence
        Rows of an inventory.

    Returns
    -------
    dict
        ``worst``, ``median``, ``best``.
    """
    ready = optimize_for_inference(network, device)

    def seen(row: Mapping[str, Any]) -> Segmented:
        return segment(ready, row, preparation, device=device, precision=precision)

    order = np.argsort([seen(row).hard_dice for row in rows], kind="stable")
    chosen = {"worst": order[0], "median": order[len(order) // 2], "best": order[-1]}
    return {rule: seen(rows[place]) for rule, place in chosen.items()}
