"""Patch sets that are cut one micrograph at a time, in memory or straight into a folder.

Thousands of micrographs need no more memory than one (`patch_set_files` writes such folders).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.fingerprints import fingerprint
from hrtem_shift.micrographs.folder import load_micrograph
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.preparation.folds import (
    PATCHWISE,
    FoldRule,
    contiguous_folds,
    fold_of_groups,
    groups_of,
    published_order,
)
from hrtem_shift.preparation.patch_set import INDEX_COLUMNS, PatchSet
from hrtem_shift.preparation.patches import (
    Preparation,
    background_levels,
    cut_patches,
    has_enough_particle,
)
from hrtem_shift.preparation.resampling import resampled_micrograph, resampling_factor
from hrtem_shift.preparation.steps import Prepared, prepare
from hrtem_shift.tables import rows_of

RESULTS_VERSION = 1
"""Raised when the code of preparation changes its results, so that older sets are cut anew."""


class MicrographPatches(NamedTuple):
    """Patches of one micrograph: as in `PatchSet`, with its rows of index and micrographs."""

    images: NDArray[np.float16]
    masks: NDArray[np.uint8]
    background: NDArray[np.float32]
    table: pd.DataFrame
    summary: dict[str, Any]


@dataclass(frozen=True, eq=False)
class LazyPatchSet:
    """A patch set that is cut when it is saved or used, one micrograph at a time.

    Parameters
    ----------
    name : str
        Name of the data set.
    rows : sequence
        Rows of an inventory, or micrographs, in the order of their patches.
    groups : mapping
        Name of each micrograph -> its group; groups never straddle a fold.
    preparation : Preparation
        Steps, patch size and selection.
    folds : int
        Number of folds; 1 = all patches are in fold 0.
    fold_of : mapping or None
        Group -> fold; None where folds are contiguous parts of the patches.
    source_fingerprint : str
        Fingerprint of all files and parameters that decide the patches.
    """

    name: str
    rows: Sequence[Mapping[str, Any] | Micrograph]
    groups: Mapping[str, str]
    preparation: Preparation
    folds: int
    fold_of: Mapping[str, int] | None
    source_fingerprint: str = ""

    def cut_each(self) -> Iterator[MicrographPatches]:
        """Cut one micrograph after the other.

        Raises
        ------
        InputError
            A file is gone or has changed, a micrograph is smaller than a patch, or cannot be
            prepared.
        """
        for row in self.rows:
            micrograph = row if isinstance(row, Micrograph) else load_micrograph(row)
            yield _cut(micrograph, self.groups[micrograph.name], self.preparation)

    def index_of(self, tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
        """Index of the whole set, with folds, from the tables of its micrographs.

        Raises
        ------
        InputError
            A fold is left without any patch.
        """
        index = pd.concat(list(tables), ignore_index=True)
        if self.fold_of is None:
            folds = pd.Series(contiguous_folds(len(index), self.folds), dtype=np.int64)
        else:
            folds = index["group"].map(dict(self.fold_of)).astype(np.int64)
        index.insert(INDEX_COLUMNS.index("fold"), "fold", folds)
        _check_folds(self.name, index, self.folds)
        return index

    def cut(self) -> PatchSet:
        """Cut the whole set in memory."""
        images, masks, background, tables, summaries = zip(*self.cut_each(), strict=True)
        return PatchSet(
            self.name,
            np.concatenate(images),
            np.concatenate(masks),
            np.concatenate(background),
            self.index_of(tables),
            pd.DataFrame(list(summaries)),
            self.source_fingerprint,
        )


def plan_patch_set(
    name: str,
    inventory: pd.DataFrame,
    preparation: Preparation,
    folds: int,
    seed: int,
    rule: FoldRule = "micrograph",
) -> LazyPatchSet:
    """Assign the micrographs of an inventory to folds; they are read when the set is cut.

    Parameters
    ----------
    name : str
        Name of the data set.
    inventory : DataFrame
        One row a micrograph, as `hrtem_shift.micrographs.folder` makes it.
    preparation : Preparation
        Steps, patch size and selection.
    folds : int
        Number of folds; 1 = a set that is only tested on.
    seed : int
        Root seed.
    rule : str
        How folds are cut (`folds.FoldRule`).

    Returns
    -------
    LazyPatchSet
        Patches in the order of the inventory, row by row within each micrograph; by the rule
        ``published_patchwise`` in the order of its shuffled micrographs.

    Raises
    ------
    InputError
        There are fewer groups than folds, or a micrograph has no group.
    """
    rows = rows_of(inventory)
    files = [[str(row.get(key)) for key in _DECISIVE_COLUMNS] for row in rows]
    on_demand = [row["made_of"] for row in rows if "made_of" in row]
    decisive = [RESULTS_VERSION, files, preparation.model_dump(), folds, seed, rule, *on_demand]
    if rule in PATCHWISE:
        groups, fold_of = groups_of(inventory, "micrograph"), None
    else:
        groups = groups_of(inventory, rule)
        names = list(groups.values())
        fold_of = fold_of_groups(names, folds, seed) if folds > 1 else dict.fromkeys(names, 0)
    if rule == "published_patchwise":
        rows = [rows[k] for k in published_order(len(rows))]
    return LazyPatchSet(name, rows, groups, preparation, folds, fold_of, fingerprint(decisive))


_DECISIVE_COLUMNS = (
    "micrograph",
    "group",
    "session",
    "pixel_size_nm",
    "item",
    "image_sha256",
    "mask_sha256",
)


def plan_test_set(
    name: str, micrographs: Iterable[Micrograph], preparation: Preparation
) -> LazyPatchSet:
    """Micrographs that are only tested on, all of fold 0."""
    rows = list(micrographs)
    groups = {micrograph.name: micrograph.name for micrograph in rows}
    return LazyPatchSet(name, rows, groups, preparation, 1, dict.fromkeys(groups, 0))


def _cut(micrograph: Micrograph, group: str, preparation: Preparation) -> MicrographPatches:
    factor = resampling_factor(micrograph.pixel_size_nm, preparation.pixel_size_nm)
    if min(micrograph.pixels.shape) * factor < preparation.patch_px:
        raise _too_small(micrograph, preparation.patch_px)
    prepared = _prepared(micrograph, preparation, factor)
    micrograph = resampled_micrograph(micrograph, factor)
    images, masks, corners = cut_patches(prepared.pixels, micrograph.mask, preparation.patch_px)
    keep = has_enough_particle(masks, preparation.min_particle_fraction)
    images, masks, corners = images[keep], masks[keep], corners[keep]
    columns = {
        "micrograph": micrograph.name,
        "group": group,
        "y_px": corners[:, 0],
        "x_px": corners[:, 1],
        "pixel_size_nm": micrograph.pixel_size_nm,
    }
    low, high = prepared.background_range_counts or (None, None)
    summary = {
        "micrograph": micrograph.name,
        "mean_counts": float(micrograph.pixels.mean(dtype=np.float64)),
        "std_counts": float(micrograph.pixels.std(dtype=np.float64)),
        "xrays_px": prepared.xrays_px,
        "light_low_counts": low,
        "light_high_counts": high,
        "particle_fraction": float(micrograph.mask.mean()),
        "patches": len(keep),
        "patches_kept": int(keep.sum()),
    }
    return MicrographPatches(
        images.astype(np.float16),
        masks.astype(np.uint8),
        background_levels(images, masks),
        pd.DataFrame(columns, index=range(len(images))),
        summary,
    )


def _prepared(micrograph: Micrograph, preparation: Preparation, factor: float) -> Prepared:
    try:
        return prepare(micrograph.pixels, preparation, factor)
    except InputError as error:
        where = f"micrograph {micrograph.name}, {error.where}"
        raise InputError(error.what, where=where, why=error.why, fix=error.fix) from error


def _check_folds(name: str, index: pd.DataFrame, folds: int) -> None:
    empty = sorted(set(range(folds)) - set(index["fold"]))
    if empty:
        raise InputError(
            f"no patch is left in fold {', '.join(map(str, empty))} of {folds}",
            where=f"data set {name}",
            why=f"{len(index)} patches have enough particle to be kept, too few for all folds",
            fix="Lower min_particle_fraction, give more micrographs, or set fewer folds",
        )


def _too_small(micrograph: Micrograph, patch_px: int) -> InputError:
    height, width = micrograph.pixels.shape
    return InputError(
        f"{height} x {width} pixels (height x width), a patch has {patch_px}",
        where=f"micrograph {micrograph.name}",
        why="No patch fits into it",
        fix="Set a smaller patch_px, or leave this micrograph out",
    )
