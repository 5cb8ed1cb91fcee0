"""Recorded micrographs that are fetched for the project: one folder a source."""

from __future__ import annotations

from pathlib import Path

from hrtem_shift.catalog.stores import StoreDataset


class RawMicrographs:
    """Folders of recorded micrographs.

    Parameters
    ----------
    folder : Path
        What is fetched from the network goes to a folder of the source's name in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)

    def folder(self, source: str) -> Path:
        """Where the files of a source lie."""
        return self._folder / source


class RawMicrographsDataset(StoreDataset):
    """Catalog entry of recorded micrographs."""

    store = RawMicrographs
