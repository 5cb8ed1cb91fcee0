"""A patch set: all patches of one data set, with their folds.

It is cut one micrograph at a time, in memory or straight into a folder, so that thousands of
micrographs need no more memory than one (`patch_set_files` writes and reads such folders).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
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
from hrtem_shift.preparation.patches import (
    Preparation,
    background_levels,
    cut_patches,
    shows_enough,
)
from hrtem_shift.preparation.resampling import resampled_micrograph, resampling_factor
from hrtem_shift.preparation.steps import Prepared, prepare
from hrtem_shift.tables import rows_of

IDENTITY = 1
"""Raised when the code of preparation changes its results, so that older sets are cut anew."""

INDEX_COLUMNS = ("micrograph", "group", "fold", "y_px", "x_px", "pixel_size_nm")


@dataclass(frozen=True, eq=False)
class PatchSet:
    """Patches that networks are trained and tested on.

    Parameters
    ----------
    name : str
        Name of the data set.
    images : ndarray of float16, shape (N, p, p)
        Rescaled intensities.
    masks : ndarray of uint8, shape (N, p, p)
        1 on particles, 0 elsewhere.
    background : ndarray of float32, shape (N,)
        Median rescaled intensity of each patch's background.
    index : DataFrame, N rows
        micrograph, group, fold, y_px and x_px (top left corner), pixel_size_nm.
    micrographs : DataFrame
        One row a micrograph: what its preparation found, and how many patches were kept.
    made_of : str
        Fingerprint of the files and parameters that it was cut from; empty if unknown.
    folder : Path, optional
        Where it lies on disk; images and masks are then mapped from there.
    """

    name: str
    images: NDArray[np.float16]
    masks: NDArray[np.uint8]
    background: NDArray[np.float32]
    index: pd.DataFrame
    micrographs: pd.DataFrame = field(default_factory=pd.DataFrame)
    made_of: str = ""
    folder: Path | None = None

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over images, masks, groups, folds and what it is made of."""
        images, masks = (
            hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:16]
            for array in (self.images, self.masks)
        )
        return fingerprint_of(images, masks, self.index, self.made_of)

    def detached(self) -> PatchSet:
        """The same patches without their folder: sent to another process, the arrays go along."""
        images, masks = np.asarray(self.images), np.asarray(self.masks)
        return replace(self, images=images, masks=masks, folder=None)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.folder is None:
            return super().__reduce__()  # type: ignore[return-value]
        from hrtem_shift.preparation.patch_set_files import map_patch_set

        return map_patch_set, (self.folder,)  # other processes map the same pages


def fingerprint_of(images: str, masks: str, index: pd.DataFrame, made_of: str) -> str:
    """Fingerprint of a patch set from those of its arrays' bytes."""
    groups = [str(group) for group in index["group"]]
    return fingerprint([images, masks, groups, index["fold"].tolist(), made_of])


class Part(NamedTuple):
    """What one micrograph gives."""

    images: NDArray[np.float16]
    masks: NDArray[np.uint8]
    background: NDArray[np.float32]
    table: pd.DataFrame
    found: dict[str, Any]


@dataclass(frozen=True, eq=False)
class UncutPatchSet:
    """A patch set that is yet to be cut, one micrograph at a time.

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
    made_of : str
        Fingerprint of all that decides.
    """

    name: str
    rows: Sequence[Mapping[str, Any] | Micrograph]
    groups: Mapping[str, str]
    preparation: Preparation
    folds: int
    fold_of: Mapping[str, int] | None
    made_of: str = ""

    def parts(self) -> Iterator[Part]:
        """Cut one micrograph after the other.

        Raises
        ------
        InputError
            A file is gone or has changed, a micrograph is smaller than a patch, or cannot be
            prepared.
        """
        for row in self.rows:
            micrograph = row if isinstance(row, Micrograph) else load_micrograph(row)
            yield _part_of(micrograph, self.groups[micrograph.name], self.preparation)

    def index_of(self, tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
        """Index of the whole set, with folds, from the tables of its parts.

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
        images, masks, background, tables, found = zip(*self.parts(), strict=True)
        return PatchSet(
            self.name,
            np.concatenate(images),
            np.concatenate(masks),
            np.concatenate(background),
            self.index_of(tables),
            pd.DataFrame(list(found)),
            self.made_of,
        )


def uncut_patch_set(
    name: str,
    inventory: pd.DataFrame,
    preparation: Preparation,
    folds: int,
    seed: int,
    rule: FoldRule = "micrograph",
) -> UncutPatchSet:
    """Deal the micrographs of an inventory into folds; they are read when the set is cut.

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
    UncutPatchSet
        Patches in the order of the inventory, row by row within each micrograph; by the rule
        ``published_patchwise`` in the order of its shuffled micrographs.

    Raises
    ------
    InputError
        There are fewer groups than folds, or a micrograph has no group.
    """
    rows = rows_of(inventory)
    files = [[str(row.get(key)) for key in _DECIDES] for row in rows]
    decides = [IDENTITY, files, preparation.model_dump(), folds, seed, rule]
    if rule in PATCHWISE:
        groups, fold_of = groups_of(inventory, "micrograph"), None
    else:
        groups = groups_of(inventory, rule)
        every = list(groups.values())
        fold_of = fold_of_groups(every, folds, seed) if folds > 1 else dict.fromkeys(every, 0)
    if rule == "published_patchwise":
        rows = [rows[k] for k in published_order(len(rows))]
    return UncutPatchSet(name, rows, groups, preparation, folds, fold_of, fingerprint(decides))


_DECIDES = (
    "micrograph",
    "group",
    "session",
    "pixel_size_nm",
    "item",
    "image_sha256",
    "mask_sha256",
)


def uncut_test_set(
    name: str, micrographs: Iterable[Micrograph], preparation: Preparation
) -> UncutPatchSet:
    """Micrographs that are only tested on, all of fold 0."""
    several = list(micrographs)
    groups = {one.name: one.name for one in several}
    return UncutPatchSet(name, several, groups, preparation, 1, dict.fromkeys(groups, 0))


def _part_of(micrograph: Micrograph, group: str, preparation: Preparation) -> Part:
    factor = resampling_factor(micrograph.pixel_size_nm, preparation.pixel_size_nm)
    if min(micrograph.pixels.shape) * factor < preparation.patch_px:
        raise _too_small(micrograph, preparation.patch_px)
    prepared = _prepared(micrograph, preparation, factor)
    micrograph = resampled_micrograph(micrograph, factor)
    images, masks, corners = cut_patches(prepared.pixels, micrograph.mask, preparation.patch_px)
    keep = shows_enough(masks, preparation.min_particle_fraction)
    images, masks, corners = images[keep], masks[keep], corners[keep]
    columns = {
        "micrograph": micrograph.name,
        "group": group,
        "y_px": corners[:, 0],
        "x_px": corners[:, 1],
        "pixel_size_nm": micrograph.pixel_size_nm,
    }
    low, high = prepared.light or (None, None)
    found = {
        "micrograph": micrograph.name,
        "mean_counts": float(micrograph.pixels.mean(dtype=np.float64)),
        "xrays_px": prepared.xrays_px,
        "light_low_counts": low,
        "light_high_counts": high,
        "particle_fraction": float(micrograph.mask.mean()),
        "patches": len(keep),
        "patches_kept": int(keep.sum()),
    }
    return Part(
        images.astype(np.float16),
        masks.astype(np.uint8),
        background_levels(images, masks),
        pd.DataFrame(columns, index=range(len(images))),
        found,
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
            why=f"{len(index)} patches show enough particle to be kept, too few for all folds",
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
