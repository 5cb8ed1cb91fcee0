"""Stores: folders that nodes fill bit by bit, and their catalog entries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from kedro.io import AbstractDataset


class StoreDataset(AbstractDataset[Any, Any]):
    """Catalog entry of a store: loads a handle, through which nodes read and write.

    Parameters
    ----------
    filepath : str
        Folder of the store; made when something is put.
    metadata : dict, optional
        For kedro-viz.
    """

    store: ClassVar[Any]

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath).resolve()
        self.metadata = metadata

    def load(self) -> Any:
        """Handle on the store."""
        return type(self).store(self._folder)

    def save(self, data: Any) -> None:
        """Take the handle of a store that a node has filled; nothing is left to be written.

        Raises
        ------
        TypeError
            It is no store, which is filled by its own ``put()``.
        ValueError
            It is a store in another folder.
        """
        if not isinstance(data, type(self).store):
            raise TypeError(f"{type(self).__name__} is not saved as a whole: use its store's put()")
        if vars(data) != vars(self.load()):
            raise ValueError(
                f"the store was filled in another folder than the catalog's {self._folder}: "
                "name the folder in globals.yml, which the catalog and parameters_stores.yml read"
            )

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
