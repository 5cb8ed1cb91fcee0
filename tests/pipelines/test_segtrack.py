"""Twenty real micrographs, read, checked, and segmented in five folds as a user runs it."""

import io
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
SEGTRACK = ROOT.parent / "shared" / "data" / "segtrack"


@pytest.mark.skipif(not SEGTRACK.is_dir(), reason="the segtrack micrographs are not beside us")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_real_micrographs_reach_a_mean_hard_dice_of_095(project):
    done = project.run(
        "--pipeline=cross_validation", f"--params=ingestion.root={SEGTRACK}", env="segtrack"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folds = pd.read_csv(io.BytesIO(project.tables("cross_validation")["folds.csv"]))
    assert list(folds) == ["fold", "seed", "hard_dice", "n_micrographs", "n_patches"]
    assert folds["n_micrographs"].sum() == 20
    assert len(folds) == 5
    assert folds["hard_dice"].mean() >= 0.95
    inventory = pd.read_parquet(
        project.folder / "data/02_intermediate/cross_validation/inventory.parquet"
    ).set_index("micrograph")
    overlapping = inventory["group"][
        [name for name in inventory.index if name.endswith(("_2", "_13"))]
    ]
    assert overlapping.nunique() == 1  # images 2 and 13 show the same place
