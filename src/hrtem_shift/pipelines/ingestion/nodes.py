"""Nodes of ingestion: from folders of micrographs to an inventory."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.parameters import ParameterBlock

if TYPE_CHECKING:
    from pandas import DataFrame
else:
    DataFrame = Any  # Kedro resolves annotations at start; pandas comes when a node runs

logger = logging.getLogger(__name__)
RAW = Path("data/01_raw")


class Ingestion(ParameterBlock):
    """Where a user's own micrographs are.

    Parameters
    ----------
    data_set : str
        Name under which results appear.
    root : str or None
        Folder that the table's file names are relative to.
    metadata : str
        Table, relative to `root` or else to the working folder.
    base_url : str or None
        Where files come from when there is no `root`; they go to data/01_raw/<data_set>.
    """

    data_set: str = Field(default="own_images", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    root: str | None = None
    metadata: str = "metadata.csv"
    base_url: str | None = None


def take_inventory(ingestion: Ingestion) -> DataFrame:
    """Inspect one folder of micrographs, after fetching it where it comes from the network.

    Returns
    -------
    DataFrame
        See `inspect_folder`, with the column data_set in front.

    Raises
    ------
    InputError, InputErrors
        No folder is named, or something in it cannot be used.
    """
    from hrtem_shift.micrographs.download import fetch_missing

    root = _root(ingestion)
    metadata = _metadata(root, ingestion.metadata)
    if ingestion.root is None and ingestion.base_url is not None:
        fetch_missing(metadata, ingestion.base_url, root)
    return _inventory(ingestion.data_set, root, metadata)


def inventory_of_folders(simulated: DataFrame) -> DataFrame:
    """Inspect the folders that the simulation wrote, with the code that reads real ones.

    Parameters
    ----------
    simulated : DataFrame
        Columns data_set and folder; each folder holds its metadata.csv.

    Returns
    -------
    DataFrame
        The inventories of all folders, one below the other.

    Raises
    ------
    InputErrors
        All faults of all folders.
    """
    import pandas as pd

    inventories: list[DataFrame] = []
    faults: list[InputError] = []
    for data_set, folder in zip(simulated["data_set"], simulated["folder"], strict=True):
        root = Path(folder)
        try:
            inventories.append(_inventory(str(data_set), root, root / "metadata.csv"))
        except InputErrors as several:
            faults += several.errors
    if faults:
        raise InputErrors("simulated micrographs", faults)
    return pd.concat(inventories, ignore_index=True)


def _inventory(data_set: str, root: Path, metadata: Path) -> DataFrame:
    from hrtem_shift.micrographs.folder import inspect_folder

    inventory = inspect_folder(root, metadata).drop(columns="data_set", errors="ignore")
    inventory.insert(0, "data_set", data_set)
    logger.info("%s: %d micrographs are sound", data_set, len(inventory))
    return inventory


def _root(ingestion: Ingestion) -> Path:
    if ingestion.root is not None:
        return Path(ingestion.root)
    if ingestion.base_url is not None:
        return RAW / ingestion.data_set
    raise InputError(
        "no folder of micrographs is named",
        where="parameter ingestion.root",
        why="Ingestion reads images, masks and their metadata table from a folder",
        fix="Add --params=ingestion.root=FOLDER to the command",
    )


def _metadata(root: Path, name: str) -> Path:
    inside, beside = root / name, Path(name)
    return beside if beside.is_file() and not inside.is_file() else inside
