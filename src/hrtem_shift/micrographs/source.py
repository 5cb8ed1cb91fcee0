"""Where micrographs come from: a folder with a known layout, and the address that fills it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.checksums import record_checksums
from hrtem_shift.micrographs.download import fetch_missing
from hrtem_shift.micrographs.inspection import no_folder
from hrtem_shift.micrographs.metadata_table import Row, read_metadata
from hrtem_shift.micrographs.patch_files import patch_rows
from hrtem_shift.micrographs.published_layout import published_rows
from hrtem_shift.micrographs.readers import read_image, read_mask
from hrtem_shift.micrographs.selection import Selection, select
from hrtem_shift.parameters import nearest

Layout = Literal["folder", "published_study", "published_patch_sets"]
"""A folder with a table of its own, as `folder.inspect_folder` describes it; or one as the
published study lays out its micrographs, or its ready-made patches."""


@dataclass(frozen=True)
class Source:
    """A folder of micrographs, and where its files come from.

    Parameters
    ----------
    root : Path
        The folder.
    layout : str
        How it is laid out.
    metadata : str
        Table, relative to `root` or else to the working folder.
    base_url : str or None
        Address that the table's file names are relative to; None where all files are there.
    metadata_url : str or None
        Address of the table itself.
    metadata_sha256 : str
        What it must be.
    allowed_hosts : sequence of str
        Hosts that may be contacted.
    """

    root: Path
    layout: Layout
    metadata: str
    base_url: str | None = None
    metadata_url: str | None = None
    metadata_sha256: str = ""
    allowed_hosts: Sequence[str] = ()

    def rows(self) -> list[Row]:
        """One row a micrograph, before any image is read; downloads the table if it is missing.

        Raises
        ------
        InputErrors
            The folder is missing and has no address to fill it from; or there is no such table.
        """
        if self.base_url is None and not self.root.is_dir():
            raise InputErrors(f"micrograph folder {self.root}", [no_folder(self.root)])
        if self.layout == "published_patch_sets":
            return patch_rows(self.root)
        if self.metadata_url is not None:
            address, name = self.metadata_url.rsplit("/", 1)
            self._fetch({name: self.metadata_sha256}, address, Path.read_bytes)
        inside, beside = self.root / self.metadata, Path(self.metadata)
        table = beside if beside.is_file() and not inside.is_file() else inside
        return published_rows(table) if self.layout == "published_study" else read_metadata(table)

    def fetch(self, rows: Sequence[Row]) -> None:
        """Download the images and masks of these rows that the folder lacks.

        Raises
        ------
        InputErrors
            As `fetch_missing`.
        """
        if self.base_url is None:
            return
        decode: Mapping[str, Callable[[Path], NDArray]] = {"image": read_image, "mask": read_mask}
        faults: list[InputError] = []
        done = ""
        for role, decoder in decode.items():
            files = {row[role]: row.get(f"{role}_sha256", "") for row in rows}
            try:
                self._fetch(files, self.base_url, decoder)
            except InputErrors as several:
                faults += several.errors
                done = several.done
        if faults:
            raise InputErrors(f"download into {self.root}", faults, done=done)

    def record_checksums(self, inventory: pd.DataFrame) -> None:
        """Record the SHA-256 of downloaded files, which later runs compare."""
        if self.base_url is None:
            return
        root = self.root.resolve()
        sha256_of_files = {
            Path(path).relative_to(root).as_posix(): sha256
            for role in ("image", "mask")
            for path, sha256 in zip(inventory[role], inventory[f"{role}_sha256"], strict=True)
        }
        record_checksums(self.root, sha256_of_files)

    def _fetch(
        self, files: Mapping[str, str], address: str, validate: Callable[[Path], object]
    ) -> None:
        hosts = self.allowed_hosts
        fetch_missing(files, address, self.root, allowed_hosts=hosts, validate=validate)


def select_data_sets(
    rows: list[Row], data_sets: Sequence[str], selections: Mapping[str, Selection | None]
) -> dict[str, list[Row]]:
    """Rows of each data set, none of them in two.

    Parameters
    ----------
    rows : list of dict
        All rows of a source.
    data_sets : sequence of str
        Names of the sets that are wanted.
    selections : mapping
        Name -> conditions; where there are none at all, the only data set takes every row.

    Raises
    ------
    InputErrors
        A set is unknown or selects nothing, or two sets share a micrograph.
    """
    faults: list[InputError] = []
    selected: dict[str, list[Row]] = {}
    chosen = {name: wanted for name, wanted in selections.items() if wanted is not None}
    for name in data_sets:
        if selections and name not in chosen:
            faults.append(_not_selected(name, chosen))
            continue
        try:
            selected[name] = select(rows, chosen.get(name, {}), where=f"data set {name}")
        except InputErrors as several:
            faults += several.errors
    owner: dict[tuple[str, str], str] = {}
    for name, set_rows in selected.items():
        keys = [(row["image"], row.get("item", "")) for row in set_rows]
        shared = [key for key in keys if key in owner]
        if shared:
            faults.append(_shared(name, owner[shared[0]], shared[0][0], len(shared)))
        owner |= dict.fromkeys(keys, name)
    if faults:
        raise InputErrors("selection of micrographs", faults)
    return selected


def split_into_data_sets(
    rows: list[Row], column: str, data_sets: Sequence[str] = ()
) -> dict[str, list[Row]]:
    """Rows of each data set, which is a value of a column.

    Parameters
    ----------
    rows : list of dict
        All rows of a source.
    column : str
        Such as ``session``.
    data_sets : sequence of str
        Sets that are wanted, in this order; none: all, in the order of the table.

    Returns
    -------
    dict
        Name -> rows; characters that a folder's name cannot have become ``_``.

    Raises
    ------
    InputError
        The column is not there, is empty in some row, makes a single set, or makes the same name
        of two values; or a wanted set is not among its values.
    """
    values = [str(row.get(column, "")).strip() for row in rows]
    empty = [row["image"] for row, value in zip(rows, values, strict=True) if not value]
    if empty:
        raise _not_split(
            column,
            f"it is empty for {len(empty)} of {len(rows)} micrographs, such as {empty[0]}",
            "Fill the column in the table, or split by another",
        )
    names: dict[str, str] = {}
    for value in values:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", value).lstrip("_.-") or "_"
        if names.setdefault(name, value) != value:
            raise _not_split(
                column,
                f"'{names[name]}' and '{value}' would both be the data set {name}",
                "Write them so that they differ in letters or digits",
            )
    split = {
        name: [row for row, cell in zip(rows, values, strict=True) if cell == value]
        for name, value in names.items()
    }
    unknown = [name for name in data_sets if name not in split]
    if unknown:
        raise _not_split(
            column,
            f"no micrograph has {unknown[0]}{nearest(unknown[0], split)}",
            "Correct data_sets, or leave it empty to take all",
        )
    if len(split) < 2:
        raise _not_split(
            column,
            f"all micrographs have {next(iter(split), 'nothing')}",
            "Split by a column that differs, or run cross_validation",
        )
    return {name: split[name] for name in data_sets or split}


def _not_split(column: str, what: str, fix: str) -> InputError:
    return InputError(
        what,
        where=f"ingestion.split_by, column {column}",
        why="Each value of the column is a data set, which networks are trained and tested on",
        fix=fix,
    )


def _not_selected(name: str, selections: Iterable[str]) -> InputError:
    return InputError(
        f"there is no data set '{name}'{nearest(name, selections)}",
        where="ingestion.data_sets",
        why="A study takes its recorded micrographs by the name of a selection",
        fix="Correct the name, or state what it selects",
    )


def _shared(name: str, other: str, example: str, count: int) -> InputError:
    return InputError(
        f"{count} of its micrographs are in data set {other}, too, such as {example}",
        where=f"data set {name}",
        why="Networks of one set are tested on the whole other set, so on what they learned",
        fix="Change the conditions so that no micrograph meets both",
    )
