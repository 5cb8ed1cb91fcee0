"""Inventories of recorded and of simulated micrographs: what can be used, and what cannot."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.pipelines.annotations import DataFrame, RawMicrographs
from hrtem_shift.pipelines.ingestion.parameters import Ingestion

if TYPE_CHECKING:
    from hrtem_shift.micrographs.source import Source

logger = logging.getLogger(__name__)
LEAVE_OUT = "To go on without what is faulty: --params=ingestion.faulty=leave_out"


def simulated_inventory(simulated: DataFrame) -> tuple[DataFrame, DataFrame]:
    """Inspect simulated micrographs; none may be left out.

    Parameters
    ----------
    simulated : DataFrame
        Columns data_set and folder; each folder holds its metadata.csv.

    Returns
    -------
    inventory, left_out : DataFrame
        As `recorded_inventory`; the second is empty.
    """
    import pandas as pd

    from hrtem_shift.micrographs.inspection import inspect_rows
    from hrtem_shift.micrographs.metadata_table import read_metadata

    inventories, faults = [pd.DataFrame()], []
    for name, folder in zip(simulated["data_set"], map(Path, simulated["folder"]), strict=True):
        rows = read_metadata(folder / "metadata.csv")
        inspected = inspect_rows(rows, folder, compare_masks=False)
        inventories.append(_named(str(name), inspected.inventory))
        faults += [fault for _, fault in inspected.faults]
    if faults:
        raise InputErrors("simulated micrographs", faults)
    return pd.concat(inventories, ignore_index=True), _table_of_faults([])


def recorded_inventory(
    data_sets: list[str], ingestion: Ingestion, raw: RawMicrographs
) -> tuple[DataFrame, DataFrame]:
    """Select, fetch and inspect recorded micrographs.

    Returns
    -------
    inventory : DataFrame
        See `Inspection`, with the column data_set in front.
    left_out : DataFrame
        What cannot be used and why: data_set, micrograph, what, where, why, fix.

    Raises
    ------
    InputError, InputErrors
        No folder is named, a selection is empty, or something in the folder cannot be used and
        is not to be left out.
    """
    import pandas as pd

    from hrtem_shift.micrographs.inspection import inspect_rows
    from hrtem_shift.micrographs.source import select_data_sets, split_into_data_sets
    from hrtem_shift.progress import JobProgress

    if not data_sets and ingestion.split_by is None:
        raise InputError(
            "no data set is named, and no column to split by",
            where="parameter ingestion.split_by",
            why="The study trains and tests on sets of your micrographs",
            fix="Add --params=ingestion.split_by=COLUMN, a column of the table such as session",
        )
    source = source_of(ingestion, raw)
    rows = source.rows()
    selected = (
        split_into_data_sets(rows, ingestion.split_by, data_sets)
        if ingestion.split_by is not None
        else select_data_sets(rows, data_sets, ingestion.data_sets)
    )
    source.fetch([row for rows in selected.values() for row in rows])
    inventories, faults = [], []
    with JobProgress("micrographs inspected", sum(map(len, selected.values()))) as progress:
        for name, rows in selected.items():
            inspected = inspect_rows(rows, source.root, lambda: progress.ended(0))
            inventories.append(_named(name, inspected.inventory))
            faults += [(name, *fault) for fault in inspected.faults]
    _refuse_faults(faults, inventories, ingestion, source.root)
    inventory = pd.concat(inventories, ignore_index=True)
    source.record_checksums(inventory)
    return inventory, _table_of_faults(faults)


def source_of(ingestion: Ingestion, raw: RawMicrographs) -> Source:
    """Source of a parameter block: a folder as it is, or one that is downloaded."""
    from hrtem_shift.micrographs.source import Source

    if ingestion.root is not None:
        return Source(Path(ingestion.root), ingestion.layout, ingestion.metadata)
    if ingestion.base_url is None:
        raise InputError(
            "no folder of micrographs is named",
            where="parameter ingestion.root",
            why="Ingestion reads images, masks and their metadata from a folder",
            fix="Add --params=ingestion.root=FOLDER to the command",
        )
    return Source(
        raw.folder(ingestion.source),
        ingestion.layout,
        ingestion.metadata,
        ingestion.base_url,
        ingestion.metadata_url,
        ingestion.metadata_sha256,
        ingestion.allowed_hosts,
    )


def _named(data_set: str, inventory: DataFrame) -> DataFrame:
    inventory = inventory.drop(columns="data_set", errors="ignore")
    inventory.insert(0, "data_set", data_set)
    logger.info("%s: %d micrographs can be used", data_set, len(inventory))
    return inventory


def _refuse_faults(
    faults: list[tuple[str, str, InputError]],
    inventories: list[DataFrame],
    ingestion: Ingestion,
    root: Path,
) -> None:
    """Raise the faults, unless they may be left out and something remains."""
    if not faults:
        return
    errors = [error for _, _, error in faults]
    done = "nothing was done" if ingestion.root is not None else "what was downloaded is kept"
    if ingestion.faulty == "refuse":
        raise InputErrors(f"micrograph folder {root}", errors, LEAVE_OUT, done)
    if any(inventory.empty for inventory in inventories):
        subject = f"micrograph folder {root}, of which a data set keeps nothing"
        raise InputErrors(subject, errors, done=done)
    for _, _, error in faults:
        logger.warning("Left out: %s", error)


def _table_of_faults(faults: list[tuple[str, str, InputError]]) -> DataFrame:
    import pandas as pd

    rows = [
        (data_set, name, error.what, error.where, error.why, error.fix)
        for data_set, name, error in faults
    ]
    columns = ["data_set", "micrograph", "what", "where", "why", "fix"]
    return pd.DataFrame(rows, columns=columns)
