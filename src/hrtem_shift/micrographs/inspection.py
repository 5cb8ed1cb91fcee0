"""Decode every file that a table names once, before anything else is done."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.calibration import check_pixel_size
from hrtem_shift.micrographs.checksums import read_checksums, sha256_of
from hrtem_shift.micrographs.folder_warnings import warn_of_folder
from hrtem_shift.micrographs.mask_fit import MaskFit, mask_fit
from hrtem_shift.micrographs.metadata_table import Row, path_inside
from hrtem_shift.micrographs.patch_files import read_patch
from hrtem_shift.micrographs.readers import read_image, read_mask, read_micrograph
from hrtem_shift.micrographs.recorded_image import RecordedImage

T = TypeVar("T")

COLUMNS = (
    "micrograph",
    "image",
    "mask",
    "pixel_size_nm",
    "group",
    "height_px",
    "width_px",
    "particle_fraction",
    "image_sha256",
    "mask_sha256",
)
STATED = ("dose_e_per_A2", "exposure_s", "energy_keV", "magnification")
"""What an image file may state of its recording, besides the size of its pixels."""
_MOST_COMPARED = 50
"""Masks that are compared with their images, spread over the table."""


class Inspection(NamedTuple):
    """What is sound in a folder, and what is not.

    Attributes
    ----------
    inventory : DataFrame
        One row a sound micrograph, in the order of the table: `COLUMNS` (image and mask as
        absolute paths), then the free columns of the table, then `STATED` as far as the table or
        the files know them, with dose_source: ``table``, or the field of the file.
    faults : list of (str, InputError)
        Name of the micrograph, and what is wrong with it.
    """

    inventory: pd.DataFrame
    faults: list[tuple[str, InputError]]


def inspect_rows(
    rows: Sequence[Row],
    root: Path,
    progress: Callable[[], None] = lambda: None,
    *,
    compare_masks: bool = True,
    read_label: Callable[[Path], NDArray] = read_mask,
) -> Inspection:
    """Decode what the rows of a table name, and list what is there.

    Parameters
    ----------
    rows : sequence of dict
        Rows of a table as `folder.inspect_folder` describes it; ``item`` is the index of a
        patch in published patch files.
    root : Path
        Folder that file names are relative to. Files must match any ``SHA256SUMS`` in it.
    progress : callable
        Called after each row.
    compare_masks : bool
        Whether to warn of masks that look inverted, flipped or rotated; masks of simulated images
        cannot be.
    read_label : callable
        Reads a mask, or numbers of particles.

    Raises
    ------
    InputErrors
        The folder is missing, or its ``SHA256SUMS`` cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputErrors(f"micrograph folder {root}", [no_folder(root)])
    recorded = read_checksums(root)
    counts = Counter(_name(row) for row in rows)
    faults = [(name, _repeated(name, count, root)) for name, count in counts.items() if count > 1]
    records, sound, remarks, fits = [], [], list[str](), dict[str, MaskFit]()
    stride = max(1, -(-len(rows) // _MOST_COMPARED))
    for number, row in enumerate(rows):
        faults_of_row: list[InputError] = []
        compared = fits if compare_masks and number % stride == 0 else None
        record = _inspect(row, root, recorded, faults_of_row, remarks, compared, read_label)
        faults += [(_name(row), fault) for fault in faults_of_row]
        if record and not faults_of_row and counts[_name(row)] == 1:
            records.append(record)
            sound.append(row)
        progress()
    warn_of_folder(root, records, remarks, fits)
    return Inspection(_inventory(records, sound), faults)


def _inspect(
    row: Row,
    root: Path,
    recorded: Mapping[str, str],
    faults: list[InputError],
    remarks: list[str],
    fits: dict[str, MaskFit] | None,
    read_label: Callable[[Path], NDArray],
) -> dict[str, Any] | None:
    where, item = f"micrograph {_name(row)}", row.get("item", "")
    size_nm = None
    if row["pixel_size_nm"]:
        size_nm = _attempt(faults, _pixel_size, row["pixel_size_nm"], where)
    if row.get("dose_e_per_A2"):
        _attempt(faults, _positive, row["dose_e_per_A2"], "dose_e_per_A2", where)
    if item:
        read_image_of, read_mask_of = (
            partial(_read_patch, key=key, item=item) for key in ("images", "labels")
        )
    else:
        calibrated = bool(row["pixel_size_nm"])
        read_image_of = partial(_read, size_nm=size_nm, calibrated=calibrated, warn=remarks.append)
        read_mask_of = partial(_read_label, read_label=read_label)
    image = _attempt(faults, _inspect_file, row, "image", root, where, recorded, read_image_of)
    mask = _attempt(faults, _inspect_file, row, "mask", root, where, recorded, read_mask_of)
    if not (image and mask and _attempt(faults, _same_shape, image, mask)):
        return None
    if fits is not None:
        fits[_name(row)] = mask_fit(image.pixels, mask.pixels)
    values = (
        _name(row),
        str(image.path),
        str(mask.path),
        size_nm or (image.stated and image.stated.pixel_size_nm),
        row.get("group") or _name(row),
        *image.pixels.shape,
        float(mask.pixels.mean()),
        image.sha256,
        mask.sha256,
    )
    return dict(zip(COLUMNS, values, strict=True)) | _stated(image.stated)


def _stated(file: RecordedImage | None) -> dict[str, Any]:
    if file is None:
        return {}
    return {name: getattr(file, name) for name in STATED} | {"dose_source": file.dose_source}


def _name(row: Row) -> str:
    return row.get("micrograph") or str(PurePosixPath(row["image"] or "?").with_suffix(""))


class _File(NamedTuple):
    path: Path
    sha256: str
    pixels: NDArray
    stated: RecordedImage | None


_Read = tuple[NDArray, RecordedImage | None]
_Reader = Callable[[Path], _Read]


def _read(
    path: Path, size_nm: float | None, calibrated: bool, warn: Callable[[str], None]
) -> _Read:
    """Pixels of an image, and what its file states."""
    if calibrated and size_nm is None:
        return read_image(path), None  # the faulty size in the table is a fault already
    recorded = read_micrograph(path, size_nm, warn=warn)
    if recorded.pixel_size_nm is None:
        raise InputError(
            "pixel_size_nm is missing: the table's is empty, and the file states none",
            where=str(path),
            why="Lengths, sizes and doses follow from it",
            fix="Give pixel_size_nm in the table",
        )
    return recorded.pixels, recorded


def _read_label(path: Path, read_label: Callable[[Path], NDArray]) -> _Read:
    return read_label(path) > 0, None


def _read_patch(path: Path, key: str, item: str) -> _Read:
    return read_patch(path, key, item), None


def _attempt(faults: list[InputError], work: Callable[..., T], *arguments: Any) -> T | None:
    try:
        return work(*arguments)
    except InputError as error:
        faults.append(error)
        return None


def _inspect_file(
    row: Row, role: str, root: Path, where: str, recorded: Mapping[str, str], read: _Reader
) -> _File:
    path = path_inside(root, row[role], where=f"{where}, column {role}")
    checked_sha256(path, recorded.get(row[role], ""))
    sha256 = checked_sha256(path, row.get(f"{role}_sha256", ""))
    return _File(path, sha256, *read(path))


def checked_sha256(path: Path, expected: str) -> str:
    """SHA-256 of a file, compared with the expected one if there is any.

    Raises
    ------
    InputError
        They differ, or the file cannot be opened.
    """
    try:
        about = path.stat()
        sha256 = _sha256_of(path, about.st_mtime_ns, about.st_size)
    except OSError as error:
        raise InputError(
            f"cannot be opened ({error.strerror})",
            where=str(path),
            why="The metadata table names this file",
            fix="Put it there or correct its name, including upper and lower case",
        ) from error
    if expected and sha256 != expected.lower():
        raise InputError(
            f"SHA-256 is {sha256}, expected {expected.lower()}",
            where=str(path),
            why="The file is damaged, or it is not the expected one",
            fix="Delete it and fetch it again, or correct the checksum (in the metadata table or "
            "in SHA256SUMS) if it was changed on purpose",
        )
    return sha256


@lru_cache(maxsize=8)  # all published patches are in two files
def _sha256_of(path: Path, mtime_ns: int, size: int) -> str:
    return sha256_of(path)


def _pixel_size(text: str, where: str) -> float:
    size_nm = _positive(text, "pixel_size_nm", where)
    check_pixel_size(size_nm, where=where)
    return size_nm


def _positive(text: str, column: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and value > 0:
        return value
    raise InputError(
        f"{column} is {text!r}",
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


def _repeated(name: str, count: int, root: Path) -> InputError:
    return InputError(
        f"{count} micrographs have the name {name!r}",
        where=str(root),
        why="Results are kept by name",
        fix="Give each its own name in the column micrograph",
    )


def no_folder(root: Path) -> InputError:
    """Error: a folder of micrographs does not exist."""
    return InputError(
        "there is no such folder",
        where=str(root),
        why="The images and masks are read from it",
        fix="Give the folder that the metadata table's file names are relative to",
    )


def _inventory(records: list[dict[str, Any]], rows: list[Row]) -> pd.DataFrame:
    measured = pd.DataFrame(records, columns=[*COLUMNS, *STATED, "dose_source"])
    inventory = measured[list(COLUMNS)].assign(**_free_columns(rows))
    for name in STATED:
        table = pd.to_numeric(inventory.get(name, pd.Series(np.nan, measured.index)))
        both = table.fillna(measured[name].astype(float))
        if both.notna().any():
            inventory[name] = both
            if name == "dose_e_per_A2":
                source = measured["dose_source"].fillna("").mask(table.notna(), "table")
                inventory["dose_source"] = source
    return inventory


def _free_columns(rows: list[Row]) -> dict[str, pd.Series]:
    """Text columns, as numbers where every cell that is not empty is one."""
    table = pd.DataFrame(rows)
    free = {}
    for column in [name for name in table.columns if name not in COLUMNS]:
        numbers = pd.to_numeric(table[column].replace("", np.nan), errors="coerce")
        is_number = numbers.notna() | (table[column] == "")
        free[column] = numbers if is_number.all() else table[column]
    return free
