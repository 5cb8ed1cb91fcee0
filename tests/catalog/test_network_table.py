"""The table of a study's networks: all of the plan, with what is known of each."""

import math

import numpy as np
import pandas as pd

from hrtem_shift.catalog.network_store import NetworkStore
from hrtem_shift.catalog.network_table import network_table
from hrtem_shift.catalog.results import StudyResults


def test_every_planned_network_has_a_row_with_what_is_known_of_it(tmp_path):
    names = {"train_set": "dose_80", "fold": 0, "noise_mode": "fixed", "rho": 0.0}
    plan = pd.DataFrame(
        [
            {"run_id": f"net_{seed}", **names, "seed": seed, "made_of": f"m{seed}"}
            for seed in range(4)
        ]
    )
    elsewhere = plan.iloc[3:].assign(run_id="other", validation_dice=0.7, seconds=3.5)
    results = StudyResults(tmp_path, {"networks": elsewhere})
    store = NetworkStore(tmp_path)
    for seed in (0, 1):
        curve = [{"epoch": epoch, "validation_dice": 0.5 + seed / 10} for epoch in range(2)]
        record = {"run_id": f"net_{seed}", "curve": curve, "best_epoch": 1, "seconds": 2.5}
        store.put(record, {"weight": np.zeros(1, np.float32)})
    scores = pd.DataFrame(
        [
            ("net_0", "dose_80", 0.9, "fold", 0.0, 0.0),
            ("net_0", "dose_80", 0.7, "fold", 0.5, 0.0),  # noise at the test
            ("net_0", "dose_80", 0.6, "fold", 0.0, 0.3),  # mixed batch norms
            ("net_0", "dose_80", 1.0, "train", 0.0, 0.0),
            ("net_0", "dose_884", 0.6, "whole", 0.0, 0.0),
            ("net_1", "dose_80", 0.8, "fold", 0.0, 0.0),
        ],
        columns=["run_id", "test_set", "hard_dice", "patches", "test_rho", "norm_share"],
    )
    table = network_table(plan, store, results, scores).set_index("run_id")
    assert list(table["status"]) == ["FINISHED", "FINISHED", "to train", "in results"]
    assert list(table["seed"]) == [0, 1, 2, 3]
    assert table.loc["net_3", ["validation_dice", "seconds"]].tolist() == [0.7, 3.5]
    assert table.loc["net_1", ["validation_dice", "seconds", "dice/dose_80"]].tolist() == [
        0.6,
        2.5,
        0.8,
    ]
    assert table.loc["net_0", ["dice/dose_80", "dice/dose_884"]].tolist() == [0.9, 0.6]
    assert math.isnan(table.loc["net_1", "dice/dose_884"])
    assert math.isnan(table.loc["net_2", "seconds"])
    untested = network_table(plan, store, results, None)
    assert not [column for column in untested if column.startswith("dice/")]
