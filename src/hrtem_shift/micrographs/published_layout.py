"""Reader of the published table of experimental micrographs.

Sytwu, Rangel DaCosta and Scott, arXiv 2306.11853; ``dataset_creation/Dataset_metadata.csv`` in
the repository ScottLabUCB/HRTEM-Generalization. An image is in its folder, its hand label in
``Labels`` below that. File names repeat in other folders, so a micrograph's name has both.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from pathlib import Path, PurePosixPath

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.metadata_table import Row, read_metadata

_QUANTITIES = {
    "pixel_size_nm": "Pixel Scale (nm)",
    "dose_e_per_A2": "Dosage (e/A2)",
    "diameter_nm": "Nanoparticle Size (nm)",
}
_WORDS = {
    "material": "Material",
    "shape": "Nanoparticle Shape",
    "support": "Support",
    "microscope": "Instrument",
}
_COLUMNS = ["File name", "Folder", "Date", *_QUANTITIES.values(), *_WORDS.values()]


def published_rows(metadata: Path) -> list[Row]:
    """Read the published metadata table.

    Parameters
    ----------
    metadata : Path
        ``Dataset_metadata.csv`` as published.

    Returns
    -------
    list of dict
        One a micrograph, in the order of the file: micrograph (folder and name), image and
        mask (relative to the folder of all folders), pixel_size_nm, dose_e_per_A2,
        diameter_nm, material, shape, support, microscope, session (day, 2021-08-26) and
        group, in which each micrograph is alone.

    Raises
    ------
    InputErrors
        Not such a table, quantities that are not above 0, days that are not dates, or images
        that are listed twice.
    """
    metadata = Path(metadata)
    faults: list[InputError] = []
    rows = [
        _row_of(row, f"{metadata}, row {number}", faults)
        for number, row in enumerate(read_metadata(metadata, _COLUMNS), start=1)
    ]
    counts = Counter(row["micrograph"] for row in rows)
    faults += [_listed_twice(name, metadata) for name, count in counts.items() if count > 1]
    if faults:
        raise InputErrors(f"metadata table {metadata}", faults)
    return rows


def _row_of(row: Row, where: str, faults: list[InputError]) -> Row:
    folder, image = PurePosixPath(row["Folder"]), row["File name"]
    stem = PurePosixPath(image).stem
    micrograph, session = str(folder / stem), _iso_day(row["Date"])
    unreadable = {
        column: "a number above 0, without its unit"
        for column in _QUANTITIES.values()
        if not _is_positive(row[column])
    }
    if not session:
        unreadable["Date"] = "a day as month/day/year, 08/26/21"
    if not image:
        unreadable["File name"] = "the name of an image in that folder"
    faults += [_unreadable(row, column, where, fix) for column, fix in unreadable.items()]
    return {
        "micrograph": micrograph,
        "image": str(folder / image),
        "mask": str(folder / "Labels" / f"{stem}_label.png"),
        **{name: row[column] for name, column in (_QUANTITIES | _WORDS).items()},
        "session": session,
        "group": micrograph,
    }


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def _iso_day(text: str) -> str:
    """``2021-08-26`` for ``08/26/21``; empty where it is not a day."""
    try:
        return datetime.strptime(text, "%m/%d/%y").date().isoformat()
    except ValueError:
        return ""


def _unreadable(row: Row, column: str, where: str, wanted: str) -> InputError:
    return InputError(
        f"column {column!r} is {row[column]!r}",
        where=where,
        why="Micrographs are found, scaled and selected by it",
        fix=f"Give {wanted}, or fetch the table anew",
    )


def _listed_twice(micrograph: str, metadata: Path) -> InputError:
    return InputError(
        f"{micrograph} is listed twice",
        where=str(metadata),
        why="Folder and file name are the key of a micrograph, and results are kept by it",
        fix="Delete one of the rows, or fetch the table anew",
    )
