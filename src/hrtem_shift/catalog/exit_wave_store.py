"""Store of exit waves: one zarr group a scene, from which any number of images is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from hrtem_shift.catalog.stores import StoreDataset
from hrtem_shift.files import atomic_write
from hrtem_shift.micrographs.exposure import StoredScene, read_scene


class ExitWaveStore:
    """Exit waves by scene id.

    Parameters
    ----------
    folder : Path
        Made when the first wave is put.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def finished(self, scene_ids: Iterable[str]) -> set[str]:
        """Scenes among `scene_ids` that are stored."""
        return {scene_id for scene_id in scene_ids if self.path(scene_id).is_dir()}

    def put(
        self,
        scene_id: str,
        arrays: Mapping[str, np.ndarray],
        attributes: Mapping[str, Any],
    ) -> None:
        """Store a scene's wave and label maps atomically.

        Parameters
        ----------
        arrays : mapping
            ``wave`` complex64, (H, W) or (P, H, W) for P configurations of its phonons,
            ``thickness_nm`` (H, W) float32, ``instance`` (H, W) uint8.
        attributes : mapping
            Properties of the scene; units in the names.
        """
        with atomic_write(self.path(scene_id)) as folder:
            group = zarr.open_group(folder, mode="w")
            for name, array in arrays.items():
                group.create_array(name, data=array, chunks=array.shape, compressors=None)
            group.attrs.update(dict(attributes))

    def get(self, scene_id: str) -> StoredScene:
        """Arrays of a scene by name, and its attributes."""
        return read_scene(self.path(scene_id))

    def attributes(self, scene_id: str) -> dict[str, Any]:
        """Attributes of a stored scene."""
        return dict(zarr.open_group(self.path(scene_id), mode="r").attrs)

    def path(self, scene_id: str) -> Path:
        """Folder of a scene, stored or not."""
        return self.folder / f"{scene_id}.zarr"


class ExitWaveStoreDataset(StoreDataset):
    """Catalog entry of the exit waves."""

    store = ExitWaveStore
