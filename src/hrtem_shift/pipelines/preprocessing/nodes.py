"""Nodes of preprocessing: from an inventory to patch sets, and what was done on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hrtem_shift.pipelines.study import Study
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from hrtem_shift.preparation.patch_set import PatchSet, UncutPatchSet
else:
    DataFrame = Figure = PatchSet = UncutPatchSet = (
        Any  # Kedro resolves annotations at start; these come with a run
    )


def deal_into_folds(inventory: DataFrame, study: Study) -> dict[str, UncutPatchSet]:
    """Folds of the micrographs of each data set; patches are cut when they are saved.

    Raises
    ------
    InputError
        Fewer groups than folds; or, on saving, a micrograph has changed since the inventory,
        is too small, or cannot be prepared.
    """
    from hrtem_shift.preparation.patch_set import uncut_patch_set

    return {
        str(name): uncut_patch_set(
            str(name), rows, study.preparation, study.folds, study.seed, study.fold_rule
        )
        for name, rows in inventory.groupby("data_set", sort=False)
    }


def tabulate_preparation(patch_sets: dict[str, PatchSet], study: Study) -> DataFrame:
    """One row a micrograph: x-rays, illumination, patches kept."""
    import pandas as pd

    tables = [patch_sets[name].micrographs.assign(data_set=name) for name in study.data_sets]
    table = pd.concat(tables, ignore_index=True)
    return table[["data_set", *table.columns.drop("data_set")]]


def draw_preparation(preparation: DataFrame) -> Figure:
    """All micrographs: how many x-rays, how uneven the light, how many patches."""
    from hrtem_shift.figures.preparation_overview import preparation_overview_figure

    return preparation_overview_figure(preparation)


def draw_preparation_steps(inventory: DataFrame, study: Study) -> Figure:
    """Each step on the first micrograph of each data set: before, after, histograms."""
    from hrtem_shift.figures.preparation_steps import preparation_figure
    from hrtem_shift.micrographs.folder import load_micrograph

    first = inventory.groupby("data_set", sort=False).head(1).set_index("data_set", drop=False)
    rows = rows_of(first.loc[study.data_sets])
    shown = {f"{row['data_set']}: {row['micrograph']}": load_micrograph(row).pixels for row in rows}
    return preparation_figure(shown, study.preparation)
