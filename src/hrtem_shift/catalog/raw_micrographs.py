"""Recorded micrographs that are fetched for the project: one folder a source."""

from __future__ import annotations

from pathlib import Path

from hrtem_shift.catalog.stores import StoreDataset


class RawMicrographs:
    """Folders of recorded micrographs.

    Parameters
    ----------
    folder : Path
        Downloads go to a folder in it that has the source's name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)

    def folder(self, source: str) -> Path:
        """Folder of the files of a source."""
        return self._folder / source


class RawMicrographsDataset(StoreDataset):
    """Catalog entry of recorded micrographs."""

    store = RawMicrographs
