"""Patch sets of a study: one folder a data set, cut when it is saved."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

if TYPE_CHECKING:
    from hrtem_shift.preparation.patch_set import PatchSet
    from hrtem_shift.preparation.patch_set_plan import LazyPatchSet

logger = logging.getLogger(__name__)


class PatchSetsDataset(AbstractDataset[Mapping[str, "LazyPatchSet"], dict[str, "PatchSet"]]):
    """Patch sets by data set name, each in a folder of that name.

    Saving cuts the patches of one micrograph at a time, so that memory does not grow with their
    number; a set that was already cut from the same files in the same way is kept.

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
        """Map all patch sets of the folder into memory."""
        from hrtem_shift.preparation.patch_set_files import read_patch_set

        return {path.name: read_patch_set(path) for path in self._sets()}

    def save(self, data: Mapping[str, LazyPatchSet]) -> None:
        """Cut what is new; sets that the study no longer has are removed."""
        from hrtem_shift.preparation.patch_set_files import read_source_fingerprint, write_patch_set
        from hrtem_shift.progress import JobProgress

        new = [
            lazy
            for name, lazy in data.items()
            if not lazy.source_fingerprint
            or lazy.source_fingerprint != read_source_fingerprint(self._folder / name)
        ]
        logger.info("Patch sets: %d planned, %d to cut", len(data), len(new))
        with JobProgress("micrographs prepared", sum(len(lazy.rows) for lazy in new)) as progress:
            for lazy in new:
                write_patch_set(self._folder / lazy.name, lazy, lambda: progress.ended(0))
        for path in self._sets():
            if path.name not in data:
                shutil.rmtree(path)

    def _sets(self) -> list[Path]:
        return sorted(path.parent for path in self._folder.glob("[!.]*/patch_set.json"))

    def _exists(self) -> bool:
        return bool(self._sets())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}
