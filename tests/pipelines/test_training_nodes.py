"""A pack of a plan: records of each network, and what happens when one of them diverges."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from disc_patches import RECIPE, disc_patch_set, one_thread

from hrtem_shift.pipelines.study import Study
from hrtem_shift.pipelines.training.network_jobs import train_pack
from hrtem_shift.pipelines.training.networks import plan_networks
from hrtem_shift.tables import rows_of
from hrtem_shift.training.loop import Diverged
from hrtem_shift.training.packs import pack_id

STUDY = Study.model_validate(
    {
        "data_sets": ["discs"],
        "seed": 1,
        "folds": 3,
        "seeds": 1,
        "validation_fraction": 0.2,
        "preparation": {
            "patch_px": 32,
            "min_particle_fraction": 0.0,
            "rescaling": "standardize",
        },
        "recipe": RECIPE.model_dump() | {"epochs": 2},
    }
)


def train(patch_set, folder):
    patch_sets = {"discs": patch_set}
    data_sets = pd.DataFrame({"data_set": ["discs"], "trained_on": [True]})
    rows = rows_of(plan_networks(STUDY, data_sets, patch_sets))
    events = []
    with one_thread():
        results = train_pack(rows, events.append, patch_sets, STUDY, "cpu", folder)
    return rows, results, events


def test_each_network_of_a_pack_has_its_record(tmp_path):
    rows, results, events = train(disc_patch_set(), tmp_path)
    assert [record["run_id"] for record, _ in results] == [row["run_id"] for row in rows]
    assert len({record["weights"] for record, _ in results}) == 3
    assert [place for place, _ in events] == [0, 1, 2] * 2
    assert len(list((tmp_path / pack_id(rows)).iterdir())) == 1  # its last checkpoint


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_network_that_diverges_takes_no_other_with_it(tmp_path):
    """A patch without numbers: the network that leaves out its fold never sees it."""
    patch_set = disc_patch_set()
    fold = patch_set.index["fold"].to_numpy()
    images = patch_set.images.copy()
    images[np.flatnonzero(fold == 1)] = np.nan
    _, results, _ = train(dataclasses.replace(patch_set, images=images), tmp_path)
    assert isinstance(results[0], Diverged)
    assert isinstance(results[2], Diverged)
    record, weights = results[1]
    assert record["fold"] == 1
    assert all(np.isfinite(value).all() for value in weights.values())
