"""The metadata table of a micrograph folder: one row a micrograph, checked names."""

from __future__ import annotations

import codecs
import csv
import io
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.parameters import nearest

logger = logging.getLogger(__name__)

REQUIRED = ("image", "mask", "pixel_size_nm")
_SEPARATORS = (",", ";", "\t")
_STATED_SEPARATOR = re.compile(r"\"?sep=([,;\t])\"?[,;\t]*\r?\n")  # Excel's first line
_QUANTITIES = ("pixel_size_nm", "dose_e_per_A2", "exposure_s", "energy_keV", "magnification")
_NAMES = ("image", "mask", "micrograph", "group", "image_sha256", "mask_sha256")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?")
_UNSAFE = re.compile(r"[\x00-\x1f\\]|^[A-Za-z]:")

Row = dict[str, str]


def read_metadata(metadata: Path, required: Sequence[str] = REQUIRED) -> list[Row]:
    """Read a metadata table as text.

    Parameters
    ----------
    metadata : Path
        CSV file in UTF-8, in UTF-16 with a byte order mark, or else in Windows-1252; separated by
        commas, or by semicolons or tabs; with these, numbers may have a decimal comma. Its first
        line may be Excel's ``sep=;``.
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
        separator, header, lines = _cells(_text(metadata), required)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise _refusal(metadata, [f"cannot be read ({reason})"], required) from error
    faults = _faults_of(header, lines, required)
    if faults:
        raise _refusal(metadata, faults, required)
    if separator != ",":
        lines = _with_decimal_points(header, lines)
    return [dict(zip(header, line, strict=True)) for line in lines]


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


def _text(metadata: Path) -> str:
    content = metadata.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
        logger.warning("%s is not in UTF-8, it is read as Windows-1252", metadata)
        return text


def _cells(text: str, required: Sequence[str]) -> tuple[str, list[str], list[list[str]]]:
    """Separator, header and rows; the separator is stated, or gives most required columns."""
    stated = _STATED_SEPARATOR.match(text)
    separators = (stated[1],) if stated else _SEPARATORS
    text = text[stated.end() :] if stated else text
    headers = {separator: _stripped(next(_reader(text, separator), [])) for separator in separators}
    separator = max(
        separators, key=lambda mark: (len({*required} & {*headers[mark]}), len(headers[mark]))
    )
    rows = map(_stripped, _reader(text, separator, strict=True))
    next(rows, None)
    return separator, headers[separator], [cells for cells in rows if any(cells)]


def _reader(text: str, separator: str, *, strict: bool = False) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)


def _stripped(cells: list[str]) -> list[str]:
    return [cell.strip() for cell in cells]


def _with_decimal_points(header: list[str], lines: list[list[str]]) -> list[list[str]]:
    """Decimal commas as points, in columns of quantities and of nothing but numbers."""
    numeric = {
        column
        for column, name in enumerate(header)
        if name in _QUANTITIES
        or (
            name not in _NAMES
            and all(_NUMBER.fullmatch(line[column]) for line in lines if line[column])
        )
    }
    return [
        [
            cell.replace(",", ".") if column in numeric and _DECIMAL_COMMA.fullmatch(cell) else cell
            for column, cell in enumerate(line)
        ]
        for line in lines
    ]


def _faults_of(header: list[str], lines: list[list[str]], required: Sequence[str]) -> list[str]:
    faults = [
        f"column {name!r} is missing{nearest(name, header) if header else ''}"
        for name in required
        if name not in header
    ]
    repeated = sorted({name for name in header if header.count(name) > 1})
    faults += [f"column {name!r} appears twice" for name in repeated]
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
            fix="Give a CSV file in UTF-8, separated by commas, semicolons or tabs, with the "
            f"columns {', '.join(required)}",
        )
        for what in faults
    ]
    return InputErrors(f"metadata table {metadata}", errors)
