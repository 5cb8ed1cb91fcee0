"""Examples that a rule picks from whole micrographs, and the pair of sets that they are from."""

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from hrtem_shift.evaluation.whole_micrographs import hardest_pair, worst_median_best
from hrtem_shift.micrographs.folder import inspect_folder
from hrtem_shift.networks.inference import Predictor
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.tables import rows_of

AS_RECORDED = Preparation(patch_px=32, rescaling=None)
SIDE_PX = 48
LABELLED_PX = (10, 18, 12, 15, 13)
"""Edges of the labelled squares of five micrographs; all show a particle of 12 px."""
DICE = [2 * min(side, 12) ** 2 / (side**2 + 12**2) for side in LABELLED_PX]


class DarkIsParticle(torch.nn.Module):
    """Images (B, 1, H, W) -> logits of background and particle, (B, 2, H, W)."""

    def forward(self, images):
        return torch.cat([images - 50, 50 - images], dim=1)


def square(edge_px, inside, outside):
    picture = np.full((SIDE_PX, SIDE_PX), outside, np.uint8)
    picture[:edge_px, :edge_px] = inside
    return picture


@pytest.fixture
def rows(tmp_path):
    table = []
    for k, side in enumerate(LABELLED_PX):
        row = {"image": f"image{k}.tif", "mask": f"mask{k}.tif", "pixel_size_nm": 0.02}
        tifffile.imwrite(tmp_path / row["image"], square(12, inside=10, outside=90))
        tifffile.imwrite(tmp_path / row["mask"], square(side, inside=255, outside=0))
        table.append(row)
    pd.DataFrame(table).to_csv(tmp_path / "metadata.csv", index=False)
    return rows_of(inspect_folder(tmp_path, tmp_path / "metadata.csv"))


def test_worst_median_and_best_go_by_hard_dice_of_the_whole_micrograph(rows):
    network = DarkIsParticle().eval()
    chosen = worst_median_best(Predictor(network), rows, AS_RECORDED)
    assert list(chosen) == ["worst", "median", "best"]
    assert [each.micrograph.name for each in chosen.values()] == ["image1", "image0", "image2"]
    assert [each.hard_dice for each in chosen.values()] == pytest.approx(
        [min(DICE), np.median(DICE), 1.0]
    )


def cells(*rows):
    return pd.DataFrame(rows, columns=["variant", "train_set", "test_set", "hard_dice"])


def test_the_hardest_pair_is_of_two_sets_of_the_variant():
    matrix = cells(
        ("plain", "a", "a", 0.2),
        ("plain", "a", "b", 0.6),
        ("plain", "b", "a", 0.5),
        ("plain", "b", "b", np.nan),
        ("other", "a", "b", 0.1),
    )
    assert hardest_pair(matrix, "plain") == ("b", "a")


def test_of_a_single_set_the_hardest_pair_is_that_set_as_a_file_tells_it():
    matrix = cells(("", "a", "a", 0.9)).assign(variant=np.nan)  # a file holds nothing for ""
    assert hardest_pair(matrix, "") == ("a", "a")
