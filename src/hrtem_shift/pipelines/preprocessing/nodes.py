"""Nodes of preprocessing: from an inventory to patch sets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.study import Study
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from hrtem_shift.preparation.patch_set import PatchSet
else:
    DataFrame = PatchSet = Any  # Kedro resolves annotations at start; these come with a run

logger = logging.getLogger(__name__)


def make_patch_sets(inventory: DataFrame, study: Study) -> dict[str, PatchSet]:
    """Cut the micrographs of each data set into patches with folds.

    Parameters
    ----------
    inventory : DataFrame
        As ingestion makes it, with the column data_set.
    study : Study
        Its preparation, folds and seed.

    Returns
    -------
    dict
        Name of the data set -> patch set.

    Raises
    ------
    InputError
        A micrograph has changed since the inventory, is too small, or folds stay empty.
    """
    from hrtem_shift.micrographs.folder import load_micrograph
    from hrtem_shift.preparation.patch_set import make_patch_set

    patch_sets = {}
    for name, rows in inventory.groupby("data_set", sort=False):
        records = rows_of(rows)
        micrographs = (load_micrograph(record) for record in records)
        groups = {str(record["micrograph"]): str(record["group"]) for record in records}
        patch_sets[str(name)] = make_patch_set(
            str(name), micrographs, groups, study.preparation, study.folds, study.seed
        )
        logger.info("%s: %d patches", name, len(patch_sets[str(name)].images))
    return patch_sets
