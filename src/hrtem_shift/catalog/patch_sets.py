"""Patch sets of a study: one file a data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

if TYPE_CHECKING:
    from hrtem_shift.preparation.patch_set import PatchSet


class PatchSetsDataset(AbstractDataset[Mapping[str, "PatchSet"], dict[str, "PatchSet"]]):
    """Patch sets by data set name, as ``<name>.safetensors`` in one folder.

    Parameters
    ----------
    filepath : str
        Folder.
    metadata : dict, optional
        For kedro-viz.
    """

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, PatchSet]:
        """Read all patch sets of the folder."""
        from hrtem_shift.preparation.patch_set import load_patch_set

        return {path.stem: load_patch_set(path) for path in self._files()}

    def save(self, data: Mapping[str, PatchSet]) -> None:
        """Write each patch set whole; sets that the study no longer has are removed."""
        from hrtem_shift.preparation.patch_set import save_patch_set

        for name, patch_set in data.items():
            save_patch_set(self._folder / f"{name}.safetensors", patch_set)
        for path in self._files():
            if path.stem not in data:
                path.unlink()

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("[!.]*.safetensors"))

    def _exists(self) -> bool:
        return bool(self._files())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
