"""Evidence: how well the networks of a package do on micrographs that they have not seen.

Every micrograph of a study's patch sets becomes a row: how much of it was found, how far the
networks agreed, and the features by which a user's image is laid beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from hrtem_shift.errors import InputError
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.segmentation.description import Member, ReliabilityBin
from hrtem_shift.segmentation.features import FEATURES, features_of
from hrtem_shift.segmentation.inference import Predictor

BINS = 10
"""Of the reliability, equally wide."""


def gather_evidence(
    networks: Sequence[nn.Module],
    members: Sequence[Member],
    patch_sets: Mapping[str, PatchSet],
    doses_e_per_A2: Mapping[tuple[str, str], float],
    device: str = "cpu",
) -> tuple[pd.DataFrame, list[ReliabilityBin]]:
    """Test an ensemble on every micrograph of some patch sets.

    Parameters
    ----------
    networks, members : sequence
        The ensemble; all of its members were trained on one data set.
    patch_sets : mapping
        Data set -> its patches, the one that was trained on among them.
    doses_e_per_A2 : mapping
        (data set, micrograph) -> dose [e/Å²], where it is known.

    Returns
    -------
    evidence : DataFrame
        See `NetworkPackage`. Micrographs of the trained set are predicted by the members whose
        test fold they are in, and compared with the mask of the others for the agreement; those
        of no member's test fold are left out. Others are predicted by all members together.
    reliability : list of ReliabilityBin
        Of the trained set's micrographs, pixel by pixel.

    Raises
    ------
    InputError
        The members were trained on different sets, or no micrograph is held out.
    """
    (own,) = trained_on(members)
    ensemble = [Predictor(network, device) for network in networks]
    rows: list[dict[str, Any]] = []
    reliability = _Reliability()
    for name, patch_set in patch_sets.items():
        folds = patch_set.index["fold"].to_numpy()
        for micrograph, places in patch_set.index.groupby("micrograph", sort=False).indices.items():
            unseen = [m.fold == folds[places[0]] if name == own else True for m in members]
            if not any(unseen) or (name == own and len(set(folds[places])) > 1):
                continue
            patches = np.asarray(patch_set.images[places], np.float32)
            truth = np.asarray(patch_set.masks[places]) == 1
            found = np.stack([network.of_patches(patches) for network in ensemble])
            held = found[unseen]
            if name == own:
                reliability.add(held.mean(axis=0), truth)
            rows.append(
                {
                    "data_set": name,
                    "micrograph": str(micrograph),
                    "group": str(patch_set.index["group"].iloc[places[0]]),
                    "held_out": name == own,
                    "n_networks": len(held),
                    "hard_dice": _dice(held.mean(axis=0) > 0.5, truth),
                    "agreement": _agreement(found, np.array(unseen)),
                    "pixel_size_nm": float(patch_set.index["pixel_size_nm"].iloc[places[0]]),
                    "dose_e_per_A2": doses_e_per_A2.get((name, str(micrograph)), float("nan")),
                    **dict(zip(FEATURES, features_of(patches).tolist(), strict=True)),
                }
            )
    table = pd.DataFrame(rows)
    if table.empty or not table["held_out"].any():
        raise InputError(
            "no micrograph was held out from all of its training",
            where=f"data set {own}",
            why="Nobody can tell how well these networks do on what they have not seen",
            fix="Package networks of a study whose folds are cut by micrograph",
        )
    return table, reliability.bins()


def trained_on(members: Sequence[Member]) -> set[str]:
    """The data set that all members were trained on, as a set of one.

    Raises
    ------
    InputError
        There are several.
    """
    sets = {member.train_set for member in members}
    if len(sets) > 1:
        raise InputError(
            f"networks of {len(sets)} data sets: {', '.join(sorted(sets))}",
            where="run ids",
            why="An ensemble has one training domain",
            fix="Package networks of one data set together",
        )
    return sets


def _agreement(found: NDArray, unseen: NDArray[np.bool_]) -> float:
    """Mean hard Dice of networks with the others; NaN for a single one.

    Where some have seen the micrograph: of those that have not, with those that have. They are
    as far apart as networks on a new image at most, since the latter know it alike.
    """
    if len(found) < 2:
        return float("nan")
    masks = found > 0.5
    if unseen.all():
        together = found.mean(axis=0) > 0.5
        return float(np.mean([_dice(mask, together) for mask in masks]))
    others = found[~unseen].mean(axis=0) > 0.5
    return float(np.mean([_dice(mask, others) for mask in masks[unseen]]))


def _dice(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    total = int(mask.sum()) + int(truth.sum())
    return 2 * int((mask & truth).sum()) / total if total else 1.0


class _Reliability:
    """Sums over pixels, by predicted probability."""

    def __init__(self) -> None:
        self._sums = np.zeros((3, BINS))

    def add(self, probability: NDArray, truth: NDArray[np.bool_]) -> None:
        place = np.minimum((probability * BINS).astype(int), BINS - 1).ravel()
        for row, weights in zip(self._sums, (None, probability, truth), strict=True):
            values = None if weights is None else weights.ravel()
            row += np.bincount(place, values, minlength=BINS)

    def bins(self) -> list[ReliabilityBin]:
        return [
            ReliabilityBin(probability=min(p / n, 1.0), frequency=t / n, n_pixels=int(n))
            for n, p, t in self._sums.T
            if n
        ]
