"""Micrograph folders: images, masks and a metadata table, as any user's folder looks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from PIL import Image

from hrtem_shift.catalog.stores import StoreDataset
from hrtem_shift.files import replacing
from hrtem_shift.micrographs.micrograph import Micrograph


class MicrographFolders:
    """Folders of simulated micrographs by data set name.

    Parameters
    ----------
    root : Path
        Each data set is a folder in it: ``images/*.tif`` (electrons per pixel, calibrated),
        ``masks/*.png`` (0/255), ``metadata.csv`` and ``made_of.json``.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def folder(self, data_set: str) -> Path:
        """Where a data set lies."""
        return self.root / data_set

    def holds(self, data_set: str, made_of: str) -> bool:
        """Whether the folder is whole and was made of just this (a fingerprint)."""
        note = self.folder(data_set) / "made_of.json"
        return note.is_file() and json.loads(note.read_text(encoding="utf-8")) == made_of

    def put(self, data_set: str, made_of: str, micrographs: Iterable[Micrograph]) -> None:
        """Write a data set, replacing an older one, whole or not at all."""
        with replacing(self.folder(data_set)) as folder:
            (folder / "images").mkdir(parents=True)
            (folder / "masks").mkdir()
            rows = [_write(folder, micrograph) for micrograph in micrographs]
            pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
            (folder / "made_of.json").write_text(json.dumps(made_of), encoding="utf-8")


def _write(folder: Path, micrograph: Micrograph) -> Mapping[str, Any]:
    image, mask = f"images/{micrograph.name}.tif", f"masks/{micrograph.name}.png"
    pixels_per_cm = 1e7 / micrograph.pixel_size_nm
    tifffile.imwrite(
        folder / image,
        micrograph.pixels,
        resolution=(pixels_per_cm, pixels_per_cm),
        resolutionunit="CENTIMETER",
        description=json.dumps({"pixel_size_nm": micrograph.pixel_size_nm}),
    )
    Image.fromarray(micrograph.mask.astype(np.uint8) * 255).save(folder / mask)
    named = {"micrograph": micrograph.name, "image": image, "mask": mask}
    return {**named, "pixel_size_nm": micrograph.pixel_size_nm, **micrograph.metadata}


class MicrographFoldersDataset(StoreDataset):
    """Catalog entry of the micrograph folders."""

    store = MicrographFolders
