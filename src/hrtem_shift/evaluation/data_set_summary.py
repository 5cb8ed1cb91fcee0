"""Size and medians of each data set of a study."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.evaluation.particle_matching import compare_particles
from hrtem_shift.micrographs.folder import load_micrograph
from hrtem_shift.preparation.image_statistics import statistics_of
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.tables import rows_of

MEASURED_MICROGRAPHS = 12
"""Number of micrographs whose labels are measured, the first of a set."""
SAMPLED_PATCHES = 400
"""Number of patches for the image statistics, evenly spaced in a set."""


def summarise_data_sets(
    inventory: pd.DataFrame, patch_sets: Mapping[str, PatchSet], *, tested_only: Collection[str]
) -> pd.DataFrame:
    """One row a data set.

    Parameters
    ----------
    inventory : DataFrame
        One row a micrograph, as `hrtem_shift.micrographs.folder` makes it, with data_set.
    patch_sets : mapping of str to PatchSet
        Data set -> its patches, in the order of the rows.
    tested_only : collection of str
        Sets that no network is trained on.

    Returns
    -------
    DataFrame
        data_set, trained_on, n_micrographs, n_patches; medians pixel_size_nm, dose_e_per_A2,
        particle_fraction of the patches, diameter_nm (of the table, else of the labels, of
        circles of equal area); contrast and roughness of the prepared patches. NaN where
        unknown.
    """
    rows = [
        _row(name, inventory[inventory["data_set"] == name], patches, name not in tested_only)
        for name, patches in patch_sets.items()
    ]
    return pd.DataFrame(rows)


def sample_patches(patches: PatchSet) -> NDArray[np.int64]:
    """Indices of the patches for the image statistics of a set."""
    even = np.linspace(0, len(patches.images) - 1, SAMPLED_PATCHES)
    return np.unique(even.astype(np.int64))


def _row(
    name: str, micrographs: pd.DataFrame, patches: PatchSet, trained_on: bool
) -> dict[str, Any]:
    some = sample_patches(patches)
    images, masks = patches.images[some].astype(np.float32), patches.masks[some]
    stated = _median(micrographs, "diameter_nm")
    return {
        "data_set": name,
        "trained_on": trained_on,
        "n_micrographs": len(micrographs),
        "n_patches": len(patches.images),
        "pixel_size_nm": _median(micrographs, "pixel_size_nm"),
        "dose_e_per_A2": _median(micrographs, "dose_e_per_A2"),
        "particle_fraction": float(masks.mean()),
        "diameter_nm": _labelled_diameter_nm(micrographs) if math.isnan(stated) else stated,
        **statistics_of(images, masks),
    }


def _median(table: pd.DataFrame, column: str) -> float:
    return float(table[column].median()) if column in table else math.nan


def _labelled_diameter_nm(micrographs: pd.DataFrame) -> float:
    """Median over the particles that no border cuts."""
    tables = []
    for row in rows_of(micrographs.head(MEASURED_MICROGRAPHS)):
        micrograph = load_micrograph(row)
        mask, pixel_size_nm = micrograph.mask, micrograph.pixel_size_nm
        tables.append(compare_particles(mask, mask, pixel_size_nm, min_area_nm2=0))
    particles = pd.concat(tables)
    return float(particles.loc[~particles["touches_border"], "truth_diameter_nm"].median())
