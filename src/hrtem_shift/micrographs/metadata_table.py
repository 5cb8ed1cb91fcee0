"""The metadata table of a micrograph folder: one row a micrograph, checked names."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.parameters import nearest

REQUIRED = ("image", "mask", "pixel_size_nm")
_UNSAFE = re.compile(r"[\x00-\x1f\\]|^[A-Za-z]:")

Row = dict[str, str]


def read_metadata(metadata: Path, required: Sequence[str] = REQUIRED) -> list[Row]:
    """Read a metadata table as text.

    Parameters
    ----------
    metadata : Path
        CSV file in UTF-8, separated by commas.
    required : sequence of str
        Columns that it must have; any others are carried along.

    Returns
    -------
    list of dict
        One a row, in the order of the file; column -> text without surrounding spaces.

    Raises
    ------
    InputErrors
        The file is missing or not such a table, a required column is missing, a row has
        more or fewer cells than the header, or there are no rows.
    """
    metadata = Path(metadata)
    try:
        with metadata.open(newline="", encoding="utf-8-sig") as file:
            header, *lines = list(csv.reader(file, strict=True)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise _refusal(metadata, [f"cannot be read ({reason})"], required) from error
    header = [name.strip() for name in header]
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    faults = _faults_of(header, lines, required)
    if faults:
        raise _refusal(metadata, faults, required)
    return [dict(zip(header, (cell.strip() for cell in line), strict=True)) for line in lines]


def path_inside(root: Path, name: str, *, where: str) -> Path:
    """Absolute path of a file that a table names, which must lie inside a folder.

    Parameters
    ----------
    root : Path
        The folder.
    name : str
        Relative path with forward slashes; subfolders and spaces are fine.
    where : str
        What to name in the error.

    Returns
    -------
    Path
        Resolved path; the file need not exist.

    Raises
    ------
    InputError
        The name is empty, absolute, or leads out of the folder, be it by a link.
    """
    root = Path(root).resolve()
    path = PurePosixPath(name)
    if name and not _UNSAFE.search(name) and not path.is_absolute() and ".." not in path.parts:
        resolved = (root / path).resolve()
        if resolved.is_relative_to(root):
            return resolved
    raise InputError(
        f"{name!r} is not a file name inside the folder" if name else "the file name is empty",
        where=where,
        why="Tables come from others: a name may not lead out of the micrograph folder",
        fix="Give paths relative to the folder, with / and without ..",
    )


def _faults_of(header: list[str], lines: list[list[str]], required: Sequence[str]) -> list[str]:
    faults = [
        f"column {name!r} is missing{nearest(name, header) if header else ''}"
        for name in required
        if name not in header
    ]
    repeated = sorted({name for name in header if header.count(name) > 1})
    faults += [f"column {name!r} stands there twice" for name in repeated]
    faults += [
        f"row {number} has {len(line)} cells, the header {len(header)}"
        for number, line in enumerate(lines, start=1)
        if len(line) != len(header)
    ]
    if not lines:
        faults.append("there are no rows, so no micrographs")
    return faults


def _refusal(metadata: Path, faults: list[str], required: Sequence[str]) -> InputErrors:
    errors = [
        InputError(
            what,
            where=str(metadata),
            why="Micrographs are described by a CSV table, one row a micrograph",
            fix=f"Give a comma-separated UTF-8 file with the columns {', '.join(required)}",
        )
        for what in faults
    ]
    return InputErrors(f"metadata table {metadata}", errors)
