"""What a study says in numbers, on scores whose answer is known."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from study_scores import DATA_SETS, SETS, by_distance, nothing, scores

from hrtem_shift.evaluation.study_summary import (
    asymmetries,
    comparisons,
    difficulties,
    distance_correlation,
    distances,
    gaps,
    matrices,
    recipes,
    spearman,
)


def value(table, quantity, variant=""):
    chosen = (table["quantity"] == quantity) & (table["variant"] == variant)
    return table[chosen].iloc[0]


def test_a_matrix_has_a_row_a_variant_and_pair_with_all_values():
    table = matrices(scores(("plain", "flat")))
    assert len(table) == 18 and (table["n"] == 5).all()
    same_set = table["train_set"] == table["test_set"]
    assert table.loc[same_set, "relative_hard_dice"].eq(1).all()
    assert table["size_bias_percent"].eq(-2).all() and table["size_bias_percent_std"].eq(0).all()


def test_gaps_tell_home_from_away():
    table = gaps(scores(dice=by_distance), nothing(), seed=1)
    assert list(table["quantity"]) == ["own", "away", "gap"]
    gap = value(table, "gap")
    expected = 0.2 * np.mean([abs(np.log2(a / b)) for a in SETS.values() for b in SETS.values()])
    assert gap["value"] == pytest.approx(expected * 9 / 6, abs=0.01)
    assert 0 < gap["low"] < gap["value"] < gap["high"]
    assert gap["n_folds"] == 5 and gap["n_networks"] == 15


def test_no_gap_is_found_where_there_is_none():
    gap = value(gaps(scores(), nothing(), seed=1), "gap")
    assert gap["low"] < 0 < gap["high"]


def test_training_patches_tell_overfitting():
    same_set = scores()
    seen = same_set[same_set["train_set"] == same_set["test_set"]].assign(hard_dice=0.95)
    table = gaps(same_set, seen, seed=1)
    assert value(table, "training")["value"] == pytest.approx(0.95)
    assert value(table, "overfitting")["value"] == pytest.approx(0.05, abs=0.01)


def test_a_loss_that_grows_with_distance_is_found_and_chance_is_not():
    result = distance_correlation(scores(dice=by_distance), DATA_SETS, "pixel_size_nm", seed=1)
    assert result["value"].iloc[0] > 0.8 and result["low"].iloc[0] > 0.5
    chance = distance_correlation(scores(noise=0.05), DATA_SETS, "pixel_size_nm", seed=1)
    assert chance["low"].iloc[0] < 0 < chance["high"].iloc[0]


def test_distances_are_octaves_and_have_a_sign():
    far = distances(scores(dice=by_distance, noise=0), DATA_SETS, "pixel_size_nm")
    one = far[(far["train_set"] == "small") & (far["test_set"] == "large")].iloc[0]
    assert one["octaves"] == pytest.approx(1) and one["loss"] == pytest.approx(0.2)
    assert len(far) == 6


def test_a_missing_cell_makes_no_number_of_distance():
    table = scores(dice=by_distance)
    table.loc[(table["train_set"] == "small") & (table["test_set"] == "large"), "hard_dice"] = (
        np.nan
    )
    result = distance_correlation(table, DATA_SETS, "pixel_size_nm", seed=1)
    assert result[["value", "low", "high"]].isna().all(axis=None)


def test_variants_are_compared_by_fold():
    def better(variant, train, test):
        return 0.9 if variant == "flat" or train == test else 0.7

    table = comparisons(scores(("plain", "flat"), dice=better), folds=5, seed=1)
    variants = table[table["compared"] == "variants"].set_index("tested")
    assert variants.loc["away", "difference"] == pytest.approx(0.2, abs=0.02)
    assert variants.loc["away", "low"] > 0.1
    assert variants.loc["own", "low"] < 0 < variants.loc["own", "high"]
    sets = table[table["compared"] == "training sets"]
    assert len(sets) == 2 * 3 * 3  # variants, test sets, pairs of training sets


def test_difficulty_and_asymmetry_are_told_for_each_variant():
    def hard(variant, train, test):
        return 0.5 if test == "small" and train != "small" else 0.9

    table = scores(("plain", "flat"), dice=hard)
    hardest = difficulties(table).groupby("variant").last()["test_set"]
    assert set(hardest) == {"small"}
    pairs = asymmetries(table).groupby("variant").first()
    assert (pairs["difference"] > 0.3).all()  # from small to another set is easier than back


def test_recipes_are_compared_on_each_test_set_and_paired_by_fold():
    table = scores(("own", "best"), noise=0.001, dice=by_recipe).rename(
        columns={"variant": "recipe"}
    )
    result = recipes(table[table["train_set"] == "small"], folds=5, seed=0).set_index("test_set")
    assert list(result.index) == list(SETS) and (result["n_folds"] == 5).all()
    assert result["difference"].to_numpy() == pytest.approx(
        (result["best"] - result["own"]).to_numpy()
    )
    assert result["own"].to_numpy() == pytest.approx(0.8, abs=0.002)
    better = result.loc["small"]
    assert better["low"] < 0.05 < better["high"] and better["p_corrected"] < 0.05
    others = result.drop(index="small")
    assert ((others["low"] < 0) & (others["high"] > 0)).all()


def by_recipe(recipe, train, test):
    return 0.85 if recipe == "best" and test == "small" else 0.8


def test_rank_correlation_is_that_of_scipy_row_by_row():
    rng = np.random.default_rng(2)
    one, many = rng.integers(5, size=9).astype(float), rng.integers(6, size=(4, 9)).astype(float)
    expected = [spearmanr(one, row).statistic for row in many]
    assert spearman(one, many) == pytest.approx(expected)
    assert np.isnan(spearman(one, np.ones((1, 9)))).all()
    assert np.isnan(spearman(one[:2], many[:, :2])).all()
