"""Stores: folders that fill up bit by bit, and the catalog entry that hands them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from kedro.io import AbstractDataset


class StoreDataset(AbstractDataset[None, Any]):
    """Catalog entry whose load is a handle on a store; the store writes by itself.

    Parameters
    ----------
    filepath : str
        Folder of the store; made when something is put.
    metadata : dict, optional
        For kedro-viz.
    """

    store: ClassVar[Any]

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def load(self) -> Any:
        """Handle on the store."""
        return type(self).store(self._folder)

    def save(self, data: None) -> None:
        """A store is filled piece by piece, as the pieces are made."""
        raise TypeError(f"{type(self).__name__} is not saved as a whole: use its store's put()")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
