"""Nodes of ingestion: from recorded and simulated micrographs to an inventory."""

from __future__ import annotations

from hrtem_shift.errors import RunEnds
from hrtem_shift.pipelines.annotations import DataFrame, RawMicrographs
from hrtem_shift.pipelines.ingestion.inventory import recorded_inventory, simulated_inventory
from hrtem_shift.pipelines.ingestion.parameters import Ingestion
from hrtem_shift.pipelines.simulation.cost import cost_of
from hrtem_shift.pipelines.study import Study


def take_inventory(
    study: Study, ingestion: Ingestion, raw: RawMicrographs
) -> tuple[DataFrame, DataFrame]:
    """Inventory of a study's recorded micrographs, and those left out: `recorded_inventory`."""
    if study.dry_run:
        raise RunEnds(cost_of(study, {}))
    return recorded_inventory([*study.data_sets, *study.test_sets], ingestion, raw)


def take_inventory_with_simulated(
    simulated: DataFrame, study: Study, ingestion: Ingestion, raw: RawMicrographs
) -> tuple[DataFrame, DataFrame]:
    """As `take_inventory`, for simulated data sets and, where a study names others, recorded ones.

    Parameters
    ----------
    simulated : DataFrame
        Columns data_set and folder; each folder holds its metadata.csv.
    """
    import pandas as pd

    inventory, left_out = simulated_inventory(simulated)
    named = [*study.data_sets, *study.test_sets]
    recorded = [name for name in named if name not in set(simulated["data_set"])]
    if named and not recorded:
        return inventory, left_out
    of_files, left_out = recorded_inventory(recorded, ingestion, raw)
    both = [table for table in (inventory, of_files) if len(table)]
    return pd.concat(both, ignore_index=True), left_out
