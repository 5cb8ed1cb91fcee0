"""Folders of simulated micrographs: images, masks and a metadata table, as users have them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from PIL import Image

from hrtem_shift.catalog.stores import StoreDataset
from hrtem_shift.files import atomic_write
from hrtem_shift.micrographs.micrograph import Micrograph


class MicrographFolders:
    """Folders of simulated micrographs by data set name.

    A folder has a hidden name while it is filled, by several processes and over several runs if
    need be, and is renamed when it is complete.

    Parameters
    ----------
    root : Path
        Each data set is a folder in it: ``images/*.tif`` (counts, calibrated),
        ``masks/*.png`` (0/255), ``metadata.csv`` and ``made_of.json``.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def folder(self, data_set: str) -> Path:
        """Folder of a data set."""
        return self.root / data_set

    def holds(self, data_set: str, made_of: str) -> bool:
        """Whether the folder is complete and was made from `made_of`, a fingerprint."""
        note = self.folder(data_set) / "made_of.json"
        return note.is_file() and json.loads(note.read_text(encoding="utf-8")) == made_of

    def written(self, data_set: str, made_of: str) -> set[str]:
        """Names of the micrographs in the unfinished folder."""
        return {path.stem for path in self._unfinished(data_set, made_of).glob("images/[!.]*.tif")}

    def write(self, data_set: str, made_of: str, micrograph: Micrograph) -> None:
        """Add a micrograph and its mask to the unfinished folder, the image last."""
        folder = self._unfinished(data_set, made_of)
        with atomic_write(folder / "masks" / f"{micrograph.name}.png") as path:
            Image.fromarray(micrograph.mask.astype(np.uint8) * 255).save(path)
        pixels_per_cm = 1e7 / micrograph.pixel_size_nm
        with atomic_write(folder / "images" / f"{micrograph.name}.tif") as path:
            tifffile.imwrite(
                path,
                micrograph.pixels,
                resolution=(pixels_per_cm, pixels_per_cm),
                resolutionunit="CENTIMETER",
                description=json.dumps({"pixel_size_nm": micrograph.pixel_size_nm}),
            )

    def finish(self, data_set: str, made_of: str, table: pd.DataFrame) -> None:
        """Write the table and rename the folder, which replaces an older one.

        Parameters
        ----------
        table : DataFrame
            One row a micrograph of the folder: micrograph (its name), pixel_size_nm, and
            further columns.
        """
        unfinished = self._unfinished(data_set, made_of)
        for half_written in unfinished.glob("*/.*"):
            half_written.unlink()
        names = table["micrograph"]
        table = table.assign(image="images/" + names + ".tif", mask="masks/" + names + ".png")
        first = ["micrograph", "image", "mask"]
        table = table[[*first, *table.columns.difference(first, sort=False)]]
        table.to_csv(unfinished / "metadata.csv", index=False)
        (unfinished / "made_of.json").write_text(json.dumps(made_of), encoding="utf-8")
        with atomic_write(self.folder(data_set)) as folder:
            unfinished.rename(folder)
        for stale in self.root.glob(f".{data_set}.{'?' * len(made_of)}.unfinished"):
            shutil.rmtree(stale)

    def _unfinished(self, data_set: str, made_of: str) -> Path:
        return self.root / f".{data_set}.{made_of}.unfinished"


class MicrographFoldersDataset(StoreDataset):
    """Catalog entry of the micrograph folders."""

    store = MicrographFolders
