"""Micrograph folders: images, masks and one metadata table, checked before anything is done."""

from __future__ import annotations

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.metadata_table import Row, path_inside, read_metadata
from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.micrographs.readers import read_image, read_mask

logger = logging.getLogger(__name__)
T = TypeVar("T")
_OWN = ("image", "mask", "pixel_size_nm", "micrograph")


def inspect_folder(root: Path, metadata: Path) -> pd.DataFrame:
    """Decode every file of a micrograph folder once and list what is there.

    Parameters
    ----------
    root : Path
        Folder that the table's file names are relative to.
    metadata : Path
        CSV table with the columns image, mask and pixel_size_nm [nm]; optional are
        micrograph (name), group, dose_e_per_A2, image_sha256, mask_sha256, and any other.

    Returns
    -------
    DataFrame
        The inventory, one row a micrograph in the order of the table: micrograph, image,
        mask (absolute paths), pixel_size_nm, group, height_px, width_px,
        particle_fraction, image_sha256, mask_sha256, then the free columns.

    Raises
    ------
    InputErrors
        All faults of the folder at once.
    """
    root = Path(root)
    faults: list[InputError] = []
    if not root.is_dir():
        faults.append(_no_folder(root))
    rows: list[Row] = []
    try:
        rows = read_metadata(metadata)
    except InputErrors as several:
        faults += several.errors
    if not faults:
        records = [_inspect(row, root, faults) for row in rows]
        faults += _repeated_names(records, metadata)
    if faults:
        raise InputErrors(f"micrograph folder {root}", faults)
    _say_what_is_unusual(records, root)
    return pd.DataFrame(records).assign(**_free_columns(rows))


def load_micrograph(row: Mapping[str, Any] | pd.Series) -> Micrograph:
    """Read one row of an inventory.

    Parameters
    ----------
    row : mapping or Series
        With micrograph, image, mask, pixel_size_nm, image_sha256 and mask_sha256.

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
    image, mask = Path(columns["image"]), Path(columns["mask"])
    _checked_sha256(image, str(columns["image_sha256"]))
    _checked_sha256(mask, str(columns["mask_sha256"]))
    return Micrograph(
        name=str(columns["micrograph"]),
        pixels=read_image(image),
        pixel_size_nm=float(columns["pixel_size_nm"]),
        mask=read_mask(mask),
        metadata={key: value for key, value in columns.items() if key not in _OWN},
    )


def _inspect(row: Row, root: Path, faults: list[InputError]) -> dict[str, Any]:
    name = row.get("micrograph") or str(PurePosixPath(row["image"] or "?").with_suffix(""))
    where = f"micrograph {name}"
    pixel_size_nm = _attempt(faults, _positive, row["pixel_size_nm"], "pixel_size_nm", where)
    if row.get("dose_e_per_A2"):
        _attempt(faults, _positive, row["dose_e_per_A2"], "dose_e_per_A2", where)
    image = _attempt(faults, _inspect_file, row, "image", root, where, read_image)
    mask = _attempt(faults, _inspect_file, row, "mask", root, where, read_mask)
    if not (image and mask and _attempt(faults, _same_shape, image, mask)):
        return {"micrograph": name}
    return {
        "micrograph": name,
        "image": str(image.path),
        "mask": str(mask.path),
        "pixel_size_nm": pixel_size_nm,
        "group": row.get("group") or name,
        "height_px": image.pixels.shape[0],
        "width_px": image.pixels.shape[1],
        "particle_fraction": float(mask.pixels.mean()),
        "image_sha256": image.sha256,
        "mask_sha256": mask.sha256,
    }


class _File(NamedTuple):
    path: Path
    sha256: str
    pixels: NDArray


def _attempt(faults: list[InputError], work: Callable[..., T], *arguments: Any) -> T | None:
    try:
        return work(*arguments)
    except InputError as error:
        faults.append(error)
        return None


def _inspect_file(
    row: Row, role: str, root: Path, where: str, read: Callable[[Path], NDArray]
) -> _File:
    path = path_inside(root, row[role], where=f"{where}, column {role}")
    return _File(path, _checked_sha256(path, row.get(f"{role}_sha256", "")), read(path))


def _checked_sha256(path: Path, expected: str) -> str:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot be opened ({error.strerror})",
            where=str(path),
            why="The metadata table names this file",
            fix="Put it there or correct its name, including upper and lower case",
        ) from error
    if expected and found != expected.lower():
        raise InputError(
            f"SHA-256 is {found}, expected {expected.lower()}",
            where=str(path),
            why="The file is damaged, or it is not the one that was meant",
            fix="Delete it and fetch it again, or correct the checksum in the table",
        )
    return found


def _positive(text: str, column: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and value > 0:
        return value
    raise InputError(
        f"{column} is {text!r}" if text else f"{column} is missing",
        where=where,
        why="Lengths, sizes and doses follow from it",
        fix="Give a number above 0 with a decimal point and without its unit",
    )


def _same_shape(image: _File, mask: _File) -> bool:
    if image.pixels.shape == mask.pixels.shape:
        return True
    turned = image.pixels.shape == mask.pixels.shape[::-1]
    sizes = [" x ".join(map(str, file.pixels.shape)) for file in (mask, image)]
    raise InputError(
        f"the mask has {sizes[0]} pixels (height x width), its image {image.path.name} has "
        f"{sizes[1]}{': it is transposed' if turned else ''}",
        where=str(mask.path),
        why="A mask labels each pixel of its image",
        fix="Turn the mask" if turned else "Pair the right files, or export the mask anew",
    )


def _repeated_names(records: list[dict[str, Any]], metadata: Path) -> list[InputError]:
    counts = Counter(record["micrograph"] for record in records)
    return [
        InputError(
            f"{count} micrographs have the name {name!r}",
            where=str(metadata),
            why="Results are kept by name",
            fix="Give each its own name in the column micrograph",
        )
        for name, count in counts.items()
        if count > 1
    ]


def _no_folder(root: Path) -> InputError:
    return InputError(
        "there is no such folder",
        where=str(root),
        why="The images and masks are read from it",
        fix="Give the folder that the metadata table's file names are relative to",
    )


def _say_what_is_unusual(records: list[dict[str, Any]], root: Path) -> None:
    for fraction, what in ((0.0, "no particle at all"), (1.0, "nothing but particle")):
        names = [one["micrograph"] for one in records if one["particle_fraction"] == fraction]
        if names:
            shown = ", ".join(names[:5]) + (", ..." if names[5:] else "")
            logger.warning("%s: %d masks show %s (%s)", root, len(names), what, shown)
    first: dict[str, dict[str, Any]] = {}
    for record in records:
        twin = first.setdefault(record["image_sha256"], record)
        if twin["group"] != record["group"]:
            pair = twin["micrograph"], record["micrograph"]
            logger.warning("%s: %s and %s are the same file, put them in one group", root, *pair)


def _free_columns(rows: list[Row]) -> dict[str, pd.Series]:
    """Text columns, as numbers where every cell that is not empty is one."""
    computed = {*_OWN, "group", "height_px", "width_px", "particle_fraction"}
    computed |= {"image_sha256", "mask_sha256"}
    table = pd.DataFrame(rows)
    free = {}
    for column in [name for name in table.columns if name not in computed]:
        numbers = pd.to_numeric(table[column].replace("", np.nan), errors="coerce")
        is_number = numbers.notna() | (table[column] == "")
        free[column] = numbers if is_number.all() else table[column]
    return free
