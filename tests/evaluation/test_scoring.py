"""Which patches a network is tested on, and tables that never lose a cell."""

import numpy as np
import pandas as pd
import pytest
import torch
from disc_patches import disc_patch_set

from hrtem_shift.evaluation.dice import COUNTS
from hrtem_shift.evaluation.particle_matching import compare_particles
from hrtem_shift.evaluation.scoring import (
    PatchesOfTest,
    as_trained,
    mean_and_std,
    plain_scores,
    plan_tests,
    score_network,
    score_of,
    score_together,
    score_with_mixed_norms,
    spread_evenly,
    tabulate,
    with_noise,
)
from hrtem_shift.networks.mixed_norms import with_mixed_norms
from hrtem_shift.networks.residual_unet import ResidualUNet, initialize

PLAN = pd.DataFrame(
    {
        "run_id": ["a", "b"],
        "train_set": ["high", "low"],
        "fold": [0, 1],
        "seed": 0,
        "noise_mode": "fixed",
        "rho": 0.0,
    }
)
PRINTS = {"high": "h1", "low": "l1"}


GROUPS = {"high": ["scene 1", "scene 2"], "low": ["scene 3"]}


def planned(plan=PLAN, names=("high", "low"), prints=PRINTS, groups=GROUPS, **options):
    return plan_tests(plan, list(names), prints, groups=groups, **options)


def patches_of(tests):
    return {(r.run_id, r.test_set): r.patches for r in tests.itertuples()}


def test_own_set_is_tested_on_the_fold_and_others_whole():
    assert patches_of(planned()) == {
        ("a", "high"): "fold",
        ("a", "low"): "whole",
        ("b", "high"): "whole",
        ("b", "low"): "fold",
    }


def test_of_a_set_with_the_same_scenes_only_the_unseen_are_tested():
    shared = {"high": ["scene 1", "scene 2"], "low": ["scene 2"]}
    result = patches_of(planned(groups=shared))
    assert result["a", "low"] == result["b", "high"] == "unseen"


def test_variants_are_tested_among_themselves():
    plan = PLAN.assign(train_set=["high@flat", "low@flat"])
    tests = planned(plan, prints={"high@flat": "h1", "low@flat": "l1"})
    assert set(tests["variant"]) == {"flat"}
    assert set(tests["train_set"]) == set(tests["test_set"]) == {"high", "low"}
    assert all("@flat_" in name for name in tests["test_id"])


def test_networks_with_fixed_noise_are_tested_with_the_same_noise_too():
    tests = planned(PLAN.assign(rho=[0.5, 2.0], noise_mode=["fixed", "uniform"]))
    assert set(tests.loc[tests["run_id"] == "a", "test_rho"]) == {0.0, 0.5}
    assert set(tests.loc[tests["run_id"] == "b", "test_rho"]) == {0.0}
    assert not tests.duplicated(["run_id", "test_id"]).any()


def test_networks_without_noise_are_tested_with_mixed_norms_too():
    plan = PLAN.assign(rho=[0.5, 0.0])
    tests = planned(plan, mixed_norms=[0.3, 0.3], on_training=True)
    mixed = tests[tests["norm_share"] > 0]
    assert list(zip(mixed["run_id"], mixed["test_set"], strict=True)) == [
        ("b", "high"),
        ("b", "low"),
    ]
    assert (mixed["norm_share"] == 0.3).all() and (mixed["test_rho"] == 0).all()
    assert not tests.duplicated(["run_id", "test_id"]).any()
    before = planned(plan, on_training=True)
    pd.testing.assert_frame_equal(
        as_trained(tests).reset_index(drop=True), before
    )  # older scores are found again


def test_tables_of_older_runs_know_networks_as_trained():
    older = PLAN.drop(columns="rho")
    assert as_trained(older) is older


def test_norms_are_mixed_with_one_micrograph_at_a_time():
    patch_set = disc_patch_set("discs", n=12)
    network = initialize(ResidualUNet((4, 4, 8)), 0).eval()
    names = patch_set.index["micrograph"].to_numpy()
    patches = np.array([0, 5, 3, 11, 4])
    where = {"device": "cpu", "precision": torch.float32}
    counts = score_with_mixed_norms(network, patch_set, patches, 0.3, **where)
    assert sorted(counts["patch"]) == sorted(patches)
    for name in set(names[patches]):
        alike = patches[names[patches] == name]
        images = torch.from_numpy(patch_set.images[alike].astype(np.float32))[:, None]
        mixed = with_mixed_norms(network, images, 0.3)
        expected = score_network(mixed, patch_set, alike, **where)
        result = counts[counts["patch"].isin(alike)].reset_index(drop=True)
        pd.testing.assert_frame_equal(result, expected)
    nothing = score_with_mixed_norms(network, patch_set, patches[:0], 0.3, **where)
    assert list(nothing) == list(counts) and nothing.empty


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_counts_do_not_depend_on_which_tests_and_networks_are_done_together(precision):
    sets = [disc_patch_set(f"discs{k}", n=20, seed=k) for k in range(3)]
    networks = [initialize(ResidualUNet(), seed).eval() for seed in range(2)]
    patches = [np.arange(17), np.array([3, 1]), np.arange(20)]
    tests = [
        PatchesOfTest(*each, noise)
        for *each, noise in zip(sets, patches, (0.0, 0.5, 0.0), strict=True)
    ]
    where = {"device": "cpu", "precision": precision}
    together = score_together(networks, tests, **where)
    for network, tables in zip(networks, together, strict=True):
        for test, counts in zip(tests, tables, strict=True):
            alone = score_together([network], [test], **where)[0][0]
            pd.testing.assert_frame_equal(counts, alone)
            assert counts["patch"].tolist() == test.patches.tolist()
            assert (counts[COUNTS].sum(axis=1) == 32 * 32).all()


def test_training_patches_are_tested_where_asked_for():
    tests = planned(on_training=True)
    seen = tests[tests["patches"] == "train"]
    assert seen["train_set"].tolist() == seen["test_set"].tolist() == ["high", "low"]


def test_a_changed_test_set_has_another_test_id():
    before, after = (planned(prints=PRINTS | {"high": h})["test_id"] for h in ("h1", "h2"))
    assert len(set(before) & set(after)) == 2  # those on low


def test_a_missing_score_is_a_row_with_nan_and_its_reason():
    tests = planned(names=["high"])
    keys = list(zip(tests["run_id"], tests["test_id"], strict=True))
    empty = pd.DataFrame(columns=COUNTS, dtype=int)
    counts = (pd.DataFrame([[1, 0, 1, 2]], columns=COUNTS), empty)
    table = tabulate(tests, dict(zip(keys, map(score_of, counts), strict=True)))
    assert table["hard_dice"][0] == pytest.approx(2 / 3)
    assert np.isnan(table["hard_dice"][1])
    assert table["n_patches"].tolist() == [1, 0]
    assert table["reason"].tolist() == ["", "no patch to test on"]
    assert tabulate(tests, {})["reason"].tolist() == ["not tested"] * 2


def test_particles_are_summarised_beside_dice():
    tests = planned(names=["high"]).head(1)
    key = tests["run_id"][0], tests["test_id"][0]
    mask = np.zeros((32, 32), bool)
    mask[8:20, 8:20] = True
    seen = compare_particles(mask, mask, 0.1, min_area_nm2=0.1)
    table = tabulate(tests, {key: score_of(pd.DataFrame([[1, 0, 1, 2]], columns=COUNTS), seen)})
    assert table["f1_score"][0] == 1 and table["size_bias_percent"][0] == 0


def test_noise_at_the_test_is_standardized_and_depends_on_the_patch_alone():
    image = np.random.default_rng(1).standard_normal((64, 64)).astype(np.float16)
    noisy = with_noise(image, 1.5, 7)
    assert noisy.std() == pytest.approx(1, abs=0.05)
    assert np.array_equal(noisy, with_noise(image, 1.5, 7))
    assert not np.array_equal(noisy, with_noise(image, 1.5, 8))


def test_a_matrix_is_made_of_scores_without_noise_on_unseen_patches(tmp_path):
    tests = planned(PLAN.assign(rho=[0.5, 0.0]), on_training=True, mixed_norms=[0.3])
    scores = tabulate(tests, {})
    scores.to_csv(tmp_path / "scores.csv", index=False)
    plain = plain_scores(pd.read_csv(tmp_path / "scores.csv"), seeds=1)
    assert set(plain["norm_share"]) == {0}
    assert set(plain["run_id"]) == {"b"} and set(plain["patches"]) == {"fold", "whole"}
    assert set(plain["variant"]) == {""}
    seen = plain_scores(scores, seeds=1, on_training=True)
    assert set(seen["run_id"]) == {"b"} and set(seen["patches"]) == {"train"}


def test_spread_has_one_degree_of_freedom_less_and_nan_is_never_dropped():
    scores = pd.DataFrame(
        {"set": ["x", "x", "x", "y", "y"], "hard_dice": [0.1, 0.2, 0.6, 0.5, np.nan]}
    )
    table = mean_and_std(scores, ["set"]).set_index("set")
    assert table.loc["x", "hard_dice_mean"] == pytest.approx(0.3)
    assert table.loc["x", "hard_dice_std"] == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1))
    assert np.isnan(table.loc["y", "hard_dice_mean"])
    assert table["n_networks"].tolist() == [3, 1]


def test_fewer_patches_of_a_test_are_spread_over_all_of_them():
    patches = np.arange(100, 140)
    assert spread_evenly(patches, 4).tolist() == [105, 115, 125, 135]
    assert spread_evenly(patches, None) is patches and spread_evenly(patches, 41) is patches
    assert spread_evenly(patches, 40).tolist() == patches.tolist()
    assert len(set(spread_evenly(patches, 27))) == 27


def test_a_test_of_fewer_patches_is_another_test():
    whole, part = planned(), planned(most_patches=16)
    assert set(part["test_id"]).isdisjoint(whole["test_id"])
    assert part["test_id"].str.contains("_of16_").all()
