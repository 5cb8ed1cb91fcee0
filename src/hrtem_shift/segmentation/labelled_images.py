"""Labelled images of a user: a micrograph folder, or masks that `segment` wrote, corrected."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.checksums import sha256_of
from hrtem_shift.micrographs.folder import inspect_folder
from hrtem_shift.micrographs.inspection import checked_sha256, inspect_rows
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.micrographs.readers import read_image, read_labels
from hrtem_shift.segmentation.inputs import SUFFIXES
from hrtem_shift.segmentation.results import RECORD
from hrtem_shift.training.particle_augmentations import Sample

METADATA = "metadata.csv"
_LABELS = ("labels", "mask")
"""Endings of the names that `segment` gives to label images and masks; the first counts."""


def find_labelled_images(folder: Path) -> pd.DataFrame:
    """Inventory of the labelled images of a folder.

    Parameters
    ----------
    folder : Path
        With ``metadata.csv``, as `hrtem_shift.micrographs.folder.inspect_folder` describes it. Or
        results of ``hrtem-shift segment``: images count whose ``NAME_labels.tif`` or
        ``NAME_mask.tif`` was changed. Or images, each with one of these beside it.

    Returns
    -------
    DataFrame
        As `hrtem_shift.micrographs.inspection.Inspection` describes it.

    Raises
    ------
    InputError
        There is no labelled image.
    InputErrors
        Files have faults.
    """
    folder = Path(folder)
    if (folder / METADATA).exists():
        return inspect_folder(folder, folder / METADATA, read_labels)
    records = sorted(folder.glob(f"*/{RECORD}"))
    pairs = list(filter(None, map(_corrected, records))) if records else _pairs(folder)
    if not pairs:
        raise InputError(
            "no result was corrected" if records else "no labelled image",
            where=str(folder),
            why="Networks are adapted to images with their labels",
            fix=f"Correct NAME_labels.tif or NAME_mask.tif of a result of 'hrtem-shift segment', "
            f"put such a file beside its image, or describe images and masks in {METADATA}",
        )
    root = Path(os.path.commonpath([path.parent for each in pairs for path in each.paths]))
    inspection = inspect_rows([each.row(root) for each in pairs], root, read_label=read_labels)
    if inspection.faults:
        raise InputErrors(f"labelled images of {folder}", [fault for _, fault in inspection.faults])
    return inspection.inventory


def load_labelled(row: Mapping[str, Any]) -> tuple[Micrograph, Sample]:
    """Read one row of an inventory: the micrograph, and its pixels with numbers of particles.

    Raises
    ------
    InputError
        A file is gone, or no longer the one that was inspected.
    """
    image, mask = Path(row["image"]), Path(row["mask"])
    checked_sha256(image, str(row["image_sha256"]))
    checked_sha256(mask, str(row["mask_sha256"]))
    sample = Sample(read_image(image), read_labels(mask))
    named = ("image", "mask", "pixel_size_nm", "micrograph")
    metadata = {key: value for key, value in row.items() if key not in named}
    size_nm, name = float(row["pixel_size_nm"]), str(row["micrograph"])
    return Micrograph(name, sample.pixels, size_nm, sample.labels > 0, metadata), sample


def load_micrograph_of(row: Mapping[str, Any]) -> Micrograph:
    """Read one row of an inventory, with a mask of its labels."""
    return load_labelled(row)[0]


class _Pair(NamedTuple):
    """An image and its label; without a pixel size where the file states it."""

    name: str
    paths: tuple[Path, Path]
    pixel_size_nm: float | None = None

    def row(self, root: Path) -> dict[str, str]:
        """As a metadata table of the folder `root` has it."""
        image, mask = (path.relative_to(root).as_posix() for path in self.paths)
        size_nm = f"{self.pixel_size_nm:.8g}" if self.pixel_size_nm else ""
        return {"micrograph": self.name, "image": image, "mask": mask, "pixel_size_nm": size_nm}


def _corrected(record_path: Path) -> _Pair | None:
    """A result whose labels or mask were changed; None of any other."""
    folder = record_path.parent
    try:
        record = json.loads(record_path.read_text(encoding="utf-8"))
        image, size_nm = str(record["input"]["path"]), float(record["summary"]["pixel_size_nm"])
        written: dict[str, str] = record["outputs"]
        for kind in _LABELS:
            path = folder / f"{folder.name}_{kind}.tif"
            if path.is_file() and sha256_of(path) != written[path.name]:
                return _Pair(folder.name, (Path(image).resolve(), path.resolve()), size_nm)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"it cannot be read as the record of a result ({error})",
            where=str(record_path),
            why="It names the image and what was written",
            fix="Segment the image again, or delete this folder",
        ) from error
    return None


def _pairs(folder: Path) -> list[_Pair]:
    """Images with labels or a mask beside them."""
    pairs = []
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() in SUFFIXES:
            beside = [path.with_name(f"{path.stem}_{kind}.tif") for kind in _LABELS]
            labels = [label.resolve() for label in beside if label.is_file()]
            pairs += [_Pair(path.stem, (path.resolve(), label)) for label in labels[:1]]
    return pairs
