"""The referee: published Dice, folds as samples, and published values beside their cells."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.dice import COUNTS, count_pixels, hard_dice
from hrtem_shift.evaluation.referee import (
    compare_image_statistics,
    mean_absolute_difference,
    own_dose_e_per_A2,
    published_cells,
    published_hard_dice,
    referee_cells,
    referee_scores,
    score_published,
)
from hrtem_shift.execution.compute import Compute
from hrtem_shift.figures.published_numbers import published_dose_anchors, published_image_statistics
from hrtem_shift.micrographs.readers import read_image, read_mask
from hrtem_shift.networks.prediction import predict_masks
from hrtem_shift.networks.published import read_published_network
from hrtem_shift.networks.weights import network_from
from hrtem_shift.preparation.patch_set import INDEX_COLUMNS, PatchSet
from hrtem_shift.preparation.rescaling import standardize

SHARED_DATA = Path(__file__).parents[2].parent / "shared" / "data"
PUBLISHED, SEGTRACK = SHARED_DATA / "published_networks", SHARED_DATA / "segtrack"
HIGH, MIDDLE, LOW = (f"5nmAu330kX{dose}eUTC" for dose in (884, 423, 80))


def scores(values):
    """One row a fold of {(family, test set): Dice of its folds}."""
    rows = [
        {"family": family, "fold": fold, "test_set": name, "hard_dice": dice, "n_patches": 9}
        for (family, name), folds in values.items()
        for fold, dice in enumerate(folds)
    ]
    return pd.DataFrame(rows)


def test_published_dice_has_one_in_numerator_and_denominator():
    counts = pd.DataFrame([[2, 2, 2, 10], [0, 0, 0, 16], [0, 3, 0, 13]], columns=COUNTS)
    assert published_hard_dice(counts).tolist() == [5 / 9, 1.0, 1 / 4]


def test_published_dice_is_the_formula_on_masks():
    rng = np.random.default_rng(0)
    prediction, truth = rng.random((2, 4, 20, 20)) > 0.7
    both = (prediction & truth).sum((1, 2))
    expected = (2 * both + 1) / (prediction.sum((1, 2)) + truth.sum((1, 2)) + 1)
    result = published_hard_dice(count_pixels(prediction, truth))
    np.testing.assert_allclose(result, expected, rtol=1e-15)


def test_published_dice_nears_the_plain_one_on_large_masks():
    counts = pd.DataFrame([[20_000, 1_500, 2_500, 200_000]], columns=COUNTS)
    assert abs(published_hard_dice(counts) - hard_dice(counts))[0] < 1e-5


def test_scores_are_means_over_patches_not_over_pixels():
    counts = pd.DataFrame([[500, 0, 0, 0], [0, 1, 0, 9]], columns=COUNTS)
    table = referee_scores(counts.assign(family=LOW, fold=3, test_set="80"))
    assert table.to_dict("records") == [
        {"family": LOW, "fold": 3, "test_set": "80", "hard_dice": 0.75, "n_patches": 2}
    ]


@pytest.mark.parametrize(
    ("family", "dose"),
    [("5nmAu330kX423eUTC", 423), ("2p2nmAu330kX80eUTC", 80), ("5nmCdSe330kX421eUTC", 421)],
)
def test_own_dose_is_read_from_the_name(family, dose):
    assert own_dose_e_per_A2(family) == dose
    assert own_dose_e_per_A2("mixed") is None


def test_five_cells_are_published():
    cells = published_cells(published_dose_anchors())
    values = {(r.family, r.test_set): (r.published, r.published_folds) for r in cells.itertuples()}
    assert values == {
        (HIGH, "884"): (0.915, 5),
        (MIDDLE, "423"): (0.889, 5),
        (LOW, "80"): (0.852, 5),
        (HIGH, "423"): (pytest.approx(0.865, abs=5e-4), 1),
        (HIGH, "80"): (pytest.approx(0.464, abs=5e-4), 1),
    }
    assert (cells["confidence"] == "printed").all()


def test_cells_hold_mean_spread_interval_and_difference():
    table = scores({(HIGH, "884"): [0.90, 0.92, 0.94], (LOW, "884"): [0.5]})
    cells = referee_cells(table, published_cells(published_dose_anchors())).set_index("family")
    high = cells.loc[HIGH]
    assert high["hard_dice_mean"] == pytest.approx(0.92)
    assert high["hard_dice_std"] == pytest.approx(0.02)
    # Student's t of two degrees of freedom, 97.5 %: 4.3027 (any table).
    assert high["hard_dice_high"] - 0.92 == pytest.approx(4.3027 * 0.02 / 3**0.5, rel=1e-4)
    assert high["hard_dice_low"] + high["hard_dice_high"] == pytest.approx(2 * 0.92)
    assert high["difference"] == pytest.approx(0.005)
    assert cells.loc[LOW, ["hard_dice_std", "hard_dice_low", "published"]].isna().all()


def test_mean_difference_is_over_published_cells_only_and_counts_them():
    table = scores({(HIGH, "884"): [0.815], (HIGH, "80"): [0.664409], (LOW, "884"): [0.1]})
    cells = referee_cells(table, published_cells(published_dose_anchors()))
    assert mean_absolute_difference(cells) == (pytest.approx(0.15), 2)


def test_doses_read_back_as_numbers_find_their_cells():
    table = scores({(MIDDLE, 423): [0.889]})
    cells = referee_cells(table, published_cells(published_dose_anchors()))
    assert cells["difference"].tolist() == [pytest.approx(0)]


def patch_set(name, seed):
    rng = np.random.default_rng(seed)
    masks = np.zeros((3, 64, 64), np.uint8)
    masks[:, 20:45, 15:50] = 1
    images = (rng.normal(size=masks.shape) - 1.5 * masks).astype(np.float16)
    index = pd.DataFrame(0, index=range(3), columns=list(INDEX_COLUMNS))
    return PatchSet(name, images, masks, np.zeros(3, np.float32), index)


SETS = {"80": patch_set("80", 1), "884": patch_set("884", 2)}


def test_every_network_meets_every_set_whatever_the_workers(tmp_path):
    if not PUBLISHED.is_dir():
        pytest.skip("no published networks beside this checkout (shared/data)")
    for path in sorted(PUBLISHED.glob("*80eUTC_fold[01]*")):
        (tmp_path / path.name).symlink_to(path)
    alone = score_published(tmp_path, SETS, Compute(executor="serial", device="cpu"))
    many = score_published(tmp_path, SETS, Compute(workers=2, device="cpu"))
    pd.testing.assert_frame_equal(alone, many)
    table = referee_scores(alone)
    assert list(zip(table["family"], table["fold"], table["test_set"], strict=True)) == [
        (LOW, fold, name) for fold in (0, 1) for name in SETS
    ]
    assert (table["n_patches"] == 3).all()
    network = read_published_network(next(tmp_path.glob("*fold1*")))
    masks = predict_masks(network_from(network.weights), SETS["884"].images)
    expected = published_hard_dice(count_pixels(masks, SETS["884"].masks == 1)).mean()
    assert table["hard_dice"].iloc[3] == pytest.approx(expected)


def test_real_micrographs_score_what_another_implementation_measured():
    """Network of 423 e/Å², fold 0, on msa-em/microscopy-seg-track: mean 0.927, least 0.910."""
    if not (PUBLISHED.is_dir() and SEGTRACK.is_dir()):
        pytest.skip("no published networks or no segtrack beside this checkout (shared/data)")
    path = PUBLISHED / "UNet_5nmAu330kX423eUTC_fold0_seed962_model.h5"
    network = network_from(read_published_network(path).weights)
    dice = []
    for image in (SEGTRACK / "images").glob("*.png"):
        pixels = standardize(read_image(image))
        label = SEGTRACK / "labels" / image.name.replace("image", "label")
        counts = count_pixels(predict_masks(network, pixels[None]), read_mask(label)[None])
        dice.append(published_hard_dice(counts)[0])
    assert (len(dice), round(np.mean(dice), 3), round(min(dice), 3)) == (20, 0.927, 0.910)


def test_a_broken_network_is_named_before_any_work(tmp_path):
    (tmp_path / "UNet_5nmAu330kX80eUTC_fold0_seed962_model.h5").write_bytes(b"none")
    with pytest.raises(InputError, match="fold0_seed962"):
        score_published(tmp_path, SETS, Compute(executor="serial", device="cpu"))


def test_image_statistics_stand_beside_the_printed_ones():
    table = compare_image_statistics(SETS, published_image_statistics())
    result = table.set_index(["test_set", "statistic"])
    # Noise of standard deviation 1, and particles that are 1.5 darker.
    assert result.loc[("80", "contrast"), "simulated"] == pytest.approx(1.5, abs=0.05)
    assert result["published"].to_dict() == {
        ("80", "contrast"): 0.2386,
        ("80", "roughness"): 0.050,
        ("884", "contrast"): 0.5758,
        ("884", "roughness"): 0.027,
    }
    other = compare_image_statistics({"423": SETS["80"]}, published_image_statistics())
    assert other["published"].isna().all()
