"""A patch set: all patches of one data set, with their folds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.fingerprints import fingerprint

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
    source_fingerprint : str
        Fingerprint of the files and parameters that it was cut from; empty if unknown.
    folder : Path, optional
        Its folder on disk, from which images and masks are memory-mapped.
    """

    name: str
    images: NDArray[np.float16]
    masks: NDArray[np.uint8]
    background: NDArray[np.float32]
    index: pd.DataFrame
    micrographs: pd.DataFrame = field(default_factory=pd.DataFrame)
    source_fingerprint: str = ""
    folder: Path | None = None

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over images, masks, groups, folds and the source fingerprint."""
        images, masks = (
            hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:16]
            for array in (self.images, self.masks)
        )
        return fingerprint_of(images, masks, self.index, self.source_fingerprint)

    @property
    def made_of(self) -> str:
        """The source fingerprint, the same on every machine; the fingerprint if unknown."""
        return self.source_fingerprint or self.fingerprint

    def detached(self) -> PatchSet:
        """The same patches without their folder: pickled with their arrays."""
        images, masks = np.asarray(self.images), np.asarray(self.masks)
        return replace(self, images=images, masks=masks, folder=None)


def fingerprint_of(images: str, masks: str, index: pd.DataFrame, source_fingerprint: str) -> str:
    """Fingerprint of a patch set from those of its arrays' bytes."""
    groups = [str(group) for group in index["group"]]
    return fingerprint([images, masks, groups, index["fold"].tolist(), source_fingerprint])
