"""Micrograph folders: images, masks and one metadata table, as any user's folder looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.inspection import (
    checked_sha256,
    inspect_rows,
    no_folder,
)
from hrtem_shift.micrographs.metadata_table import read_metadata
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.micrographs.patch_files import read_patch
from hrtem_shift.micrographs.readers import read_image, read_mask


def inspect_folder(
    root: Path, metadata: Path, read_label: Callable[[Path], NDArray] = read_mask
) -> pd.DataFrame:
    """Inventory of a micrograph folder that must be sound.

    Parameters
    ----------
    root : Path
        Folder that the table's file names are relative to.
    metadata : Path
        CSV table with the columns image, mask and pixel_size_nm [nm], empty where the image file
        states it; optional are micrograph (name), group, dose_e_per_A2, image_sha256,
        mask_sha256, and any other.
    read_label : callable
        Reads a mask, or numbers of particles.

    Returns
    -------
    DataFrame
        As `Inspection` describes it.

    Raises
    ------
    InputErrors
        All faults of the folder at once.
    """
    root = Path(root)
    faults: list[InputError] = [] if root.is_dir() else [no_folder(root)]
    try:
        rows = read_metadata(metadata)
    except InputErrors as several:
        faults += several.errors
    if not faults:
        inspection = inspect_rows(rows, root, read_label=read_label)
        faults = [fault for _, fault in inspection.faults]
    if faults:
        raise InputErrors(f"micrograph folder {root}", faults)
    return inspection.inventory


def load_micrograph(row: Mapping[str, Any] | pd.Series) -> Micrograph:
    """Read one row of an inventory, or make it from its exit wave.

    Parameters
    ----------
    row : mapping or Series
        With micrograph, image, mask, pixel_size_nm, image_sha256 and mask_sha256; and item,
        where it is a patch of published patch files. Or with wave, where it is made on demand
        (`hrtem_shift.micrographs.exposure.micrograph_on_demand`).

    Returns
    -------
    Micrograph
        The other columns are its metadata.

    Raises
    ------
    InputError
        A file is gone, or no longer the one that was inspected.
    """
    columns: dict[str, Any] = dict(row)
    if "wave" in columns:
        from hrtem_shift.micrographs.exposure import micrograph_on_demand

        return micrograph_on_demand(columns)
    image, mask = Path(columns["image"]), Path(columns["mask"])
    checked_sha256(image, str(columns["image_sha256"]))
    checked_sha256(mask, str(columns["mask_sha256"]))
    item = columns.get("item")
    named = ("image", "mask", "pixel_size_nm", "micrograph")
    return Micrograph(
        name=str(columns["micrograph"]),
        pixels=read_image(image) if item is None else read_patch(image, "images", int(item)),
        pixel_size_nm=float(columns["pixel_size_nm"]),
        mask=read_mask(mask) if item is None else read_patch(mask, "labels", int(item)),
        metadata={key: value for key, value in columns.items() if key not in named},
    )
