"""A patch set: all patches of one data set, with their folds, in one file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.files import replacing
from hrtem_shift.fingerprints import fingerprint_arrays
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.preparation.flat_field import PUBLISHED_SCALE, flatten
from hrtem_shift.preparation.folds import (
    FoldRule,
    fold_of_groups,
    published_folds,
    published_order,
)
from hrtem_shift.preparation.patches import (
    Preparation,
    background_levels,
    cut_patches,
    shows_enough,
)
from hrtem_shift.preparation.rescaling import RESCALINGS
from hrtem_shift.preparation.xrays import remove_xrays

INDEX_COLUMNS = ("micrograph", "group", "fold", "y_px", "x_px", "pixel_size_nm")
_ARRAYS = ("images", "masks", "background")


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
    """

    name: str
    images: NDArray[np.float16]
    masks: NDArray[np.uint8]
    background: NDArray[np.float32]
    index: pd.DataFrame

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over images, masks, groups and folds."""
        groups = json.dumps([str(group) for group in self.index["group"]]).encode()
        return fingerprint_arrays(
            self.images,
            self.masks,
            np.frombuffer(groups, dtype=np.uint8),
            self.index["fold"].to_numpy(dtype=np.int64),
        )


def make_patch_set(
    name: str,
    micrographs: Iterable[Micrograph],
    groups: Mapping[str, str],
    preparation: Preparation,
    folds: int,
    seed: int,
    rule: FoldRule = "micrograph",
) -> PatchSet:
    """Rescale micrographs, cut them, and deal their groups into folds.

    Parameters
    ----------
    name : str
        Name of the data set.
    micrographs : iterable of Micrograph
        Read one at a time.
    groups : mapping
        Name of each micrograph -> its group; groups never straddle a fold.
    preparation : Preparation
        Patch size, selection and rescaling.
    folds : int
        Number of folds.
    seed : int
        Root seed.
    rule : str
        How folds are cut (`folds.FoldRule`); the published one needs no groups.

    Returns
    -------
    PatchSet
        Patches in the order of the micrographs, row by row within each; by the rule
        ``published_patchwise`` in the order of its shuffled micrographs.

    Raises
    ------
    InputError
        A micrograph is smaller than a patch, there are fewer groups than folds, or a fold
        is left without any patch.
    """
    patchwise = rule == "published_patchwise"
    members = list(groups.values())
    fold_of = dict.fromkeys(members, 0) if patchwise else fold_of_groups(members, folds, seed)
    parts = [_patches_of(one, groups[one.name], fold_of, preparation) for one in micrographs]
    if patchwise:
        parts = [parts[k] for k in published_order(len(parts))]
    index = pd.concat([part[3] for part in parts], ignore_index=True)
    if patchwise:
        index["fold"] = published_folds(len(index), folds)
    _check_folds(name, index, folds)
    images, masks, background = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return PatchSet(name, images, masks, background, index)


def make_test_set(
    name: str, micrographs: Iterable[Micrograph], preparation: Preparation
) -> PatchSet:
    """Patches that are only tested on, all of fold 0; else as `make_patch_set`."""
    parts = [_patches_of(one, one.name, {one.name: 0}, preparation) for one in micrographs]
    images, masks, background = (np.concatenate([part[i] for part in parts]) for i in range(3))
    index = pd.concat([part[3] for part in parts], ignore_index=True)
    return PatchSet(name, images, masks, background, index)


def prepared(pixels: NDArray, preparation: Preparation) -> NDArray[np.float32]:
    """X-rays, flat field, rescaling: what is done to a whole micrograph, in this order."""
    own: NDArray[np.float32] | None = None  # no step needs memory beside the first result
    if preparation.xray_threshold_counts is not None:
        pixels, _ = remove_xrays(pixels, preparation.xray_threshold_counts)
        own = pixels
    if preparation.flat_field is not None:
        scale = preparation.flat_field_scale or PUBLISHED_SCALE
        pixels = own = flatten(pixels, scale, preparation.flat_field, out=own)
    return RESCALINGS[preparation.rescaling](pixels, out=own)


def save_patch_set(path: Path, patch_set: PatchSet) -> None:
    """Write a patch set as one safetensors file, whole or not at all.

    Parameters
    ----------
    path : Path
        File to write or replace.
    patch_set : PatchSet
        Its index goes into the file's header as JSON.

    Raises
    ------
    InputError
        The disk is full or the folder may not be written to.
    """
    from safetensors.numpy import save

    index = {column: patch_set.index[column].tolist() for column in INDEX_COLUMNS}
    about = {"name": patch_set.name, "fingerprint": patch_set.fingerprint, "index": index}
    # One key: safetensors writes several in an order that differs from run to run.
    header = {"patch_set": json.dumps(about, allow_nan=False)}
    arrays = {key: np.ascontiguousarray(getattr(patch_set, key)) for key in _ARRAYS}
    with replacing(path) as temporary:
        temporary.write_bytes(save(arrays, metadata=header))


def load_patch_set(path: Path) -> PatchSet:
    """Read what `save_patch_set` wrote.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    PatchSet

    Raises
    ------
    InputError
        The file is missing, is not a patch set, or has changed since it was written.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np") as file:
            about = json.loads(file.metadata()["patch_set"])
            arrays = {key: file.get_tensor(key) for key in _ARRAYS}
        index = pd.DataFrame(about["index"], columns=list(INDEX_COLUMNS))
        patch_set = PatchSet(name=about["name"], index=index, **arrays)
        if patch_set.fingerprint != about["fingerprint"]:
            raise ValueError("its bytes have changed")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"not a readable patch set ({type(error).__name__}: {error})",
            where=str(path),
            why="The file is missing, damaged, or of another kind",
            fix="Delete it and run the preprocessing again",
        ) from error
    return patch_set


def _patches_of(
    micrograph: Micrograph, group: str, fold_of: Mapping[str, int], preparation: Preparation
) -> tuple[NDArray[np.float16], NDArray[np.uint8], NDArray[np.float32], pd.DataFrame]:
    if min(micrograph.pixels.shape) < preparation.patch_px:
        raise _too_small(micrograph, preparation.patch_px)
    pixels = prepared(micrograph.pixels, preparation)
    images, masks, corners = cut_patches(pixels, micrograph.mask, preparation.patch_px)
    keep = shows_enough(masks, preparation.min_particle_fraction)
    images, masks, corners = images[keep], masks[keep], corners[keep]
    values = (
        micrograph.name,
        group,
        fold_of[group],
        corners[:, 0],
        corners[:, 1],
        micrograph.pixel_size_nm,
    )
    columns = dict(zip(INDEX_COLUMNS, values, strict=True))
    index = pd.DataFrame(columns, index=range(len(images)))
    background = background_levels(images, masks)
    return images.astype(np.float16), masks.astype(np.uint8), background, index


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
