"""Nodes of preprocessing: from an inventory to patch sets, and what was done on the way."""

from __future__ import annotations

from hrtem_shift.pipelines.annotations import DataFrame, Figure, PatchSet
from hrtem_shift.pipelines.study import Study
from hrtem_shift.preparation.variants import patch_set_name, set_and_variant
from hrtem_shift.tables import rows_of


def tabulate_preparation(patch_sets: dict[str, PatchSet], data_sets: DataFrame) -> DataFrame:
    """One row a micrograph and variant: x-rays, illumination, patches kept."""
    import pandas as pd

    place = {name: k for k, name in enumerate(data_sets["data_set"])}
    tables = [
        patch_sets[name].micrographs.assign(data_set=name)
        for name in sorted(patch_sets, key=lambda name: place[set_and_variant(name)[0]])
    ]
    table = pd.concat(tables, ignore_index=True)
    return table[["data_set", *table.columns.drop("data_set")]]


def describe_data_sets(
    inventory: DataFrame, patch_sets: dict[str, PatchSet], study: Study
) -> DataFrame:
    """One row a data set, in the order of the study: how much there is of it, and of what kind.

    Returns
    -------
    DataFrame
        See `hrtem_shift.evaluation.data_set_summary.summarise_data_sets`.
    """
    from hrtem_shift.evaluation.data_set_summary import summarise_data_sets

    variant = next(iter(study.preparations()))
    names = [*study.data_sets, *study.test_sets] or inventory["data_set"].unique()
    prepared = {str(name): patch_sets[patch_set_name(str(name), variant)] for name in names}
    return summarise_data_sets(inventory, prepared, tested_only=study.test_sets)


def draw_preparation(preparation: DataFrame) -> Figure:
    """All micrographs: how many x-rays, how uneven the light, how many patches."""
    from hrtem_shift.figures.preparation_overview import preparation_overview_figure

    return preparation_overview_figure(preparation)


def draw_preparation_steps(inventory: DataFrame, data_sets: DataFrame, study: Study) -> Figure:
    """Each step on the first micrograph of each data set: before, after, histograms.

    Where a study has variants, the steps are those of the last.
    """
    from hrtem_shift.figures.preparation_steps import preparation_figure
    from hrtem_shift.micrographs.folder import load_micrograph
    from hrtem_shift.preparation.resampling import resampling_factor

    preparation = list(study.preparations().values())[-1]
    first = inventory.groupby("data_set", sort=False).head(1).set_index("data_set", drop=False)
    rows = rows_of(first.loc[data_sets["data_set"]])
    shown = {f"{row['data_set']}: {row['micrograph']}": load_micrograph(row) for row in rows}
    factors = {
        name: resampling_factor(micrograph.pixel_size_nm, preparation.pixel_size_nm)
        for name, micrograph in shown.items()
    }
    return preparation_figure(
        {name: micrograph.pixels for name, micrograph in shown.items()}, preparation, factors
    )
