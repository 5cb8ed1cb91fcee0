"""The generalization matrix: means, what is missing, difficulty, asymmetry and the gap."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ttest_ind

from hrtem_shift.errors import InputError
from hrtem_shift.evaluation.generalization import (
    asymmetry,
    diagonal_gap,
    difficulty,
    matrix,
    normalised_for_difficulty,
)

SETS = ["large", "middle", "small"]
# Hard Dice of the tuned networks of the published study, by size of the particles trained
# on (rows) and tested on (columns): 10, 5 and 2.2 nm (hyperparameter_search_notebook).
PUBLISHED = [[0.9103, 0.8825, 0.7308], [0.9084, 0.9066, 0.7746], [0.8949, 0.8923, 0.8068]]
cubes = arrays(float, (3, 3, 4, 2), elements=st.floats(0, 1).map(lambda v: round(v, 3)))


def table(cube):
    """Scores of an array (train, test, fold, seed)."""
    return pd.DataFrame(
        [
            (SETS[train], SETS[test], fold, seed, value)
            for (train, test, fold, seed), value in np.ndenumerate(cube)
        ],
        columns=["train_set", "test_set", "fold", "seed", "hard_dice"],
    )


def published(spread=0.02, folds=4, seeds=1):
    """Scores whose cells have the published means, scattered evenly around them."""
    steps = spread * np.linspace(-1, 1, folds * seeds).reshape(folds, seeds)
    return table(np.array(PUBLISHED)[:, :, None, None] + steps)


def cell(cells, train, test):
    (row,) = cells[(cells["train_set"] == train) & (cells["test_set"] == test)].to_dict("records")
    return row


def at(scores, train, test):
    return (scores["train_set"] == train) & (scores["test_set"] == test)


def test_a_cell_is_mean_and_sample_deviation_over_networks():
    cells = matrix(published(folds=2))
    assert len(cells) == 9
    result = cell(cells, "large", "small")
    assert result["mean"] == pytest.approx(0.7308)
    assert result["std"] == pytest.approx(0.02 * math.sqrt(2))
    assert (result["n"], result["missing"], result["reason"]) == (2, 0, "")


def test_any_value_makes_a_matrix():
    scores = published().assign(false_positive_rate=0.25)
    assert matrix(scores, "false_positive_rate")["mean"].unique().tolist() == [0.25]


def test_a_failed_network_lowers_n_and_leaves_its_reason():
    scores = published().assign(reason="")
    failed = at(scores, "large", "small") & (scores["fold"] == 3)
    scores.loc[failed, "hard_dice"] = math.nan
    scores.loc[failed, "reason"] = "loss diverged"
    result = cell(matrix(scores), "large", "small")
    assert (result["n"], result["missing"], result["reason"]) == (3, 1, "loss diverged")
    assert result["mean"] == pytest.approx(0.7308 - 0.02 / 3)


def test_a_score_without_a_reason_and_a_row_that_is_not_there_are_told_apart():
    scores = published()
    scores.loc[at(scores, "large", "small"), "hard_dice"] = math.nan
    scores = scores[~at(scores, "small", "large")]
    cells = matrix(scores)
    assert len(cells) == 9
    for pair, reason in [(("large", "small"), "missing"), (("small", "large"), "not tested")]:
        result = cell(cells, *pair)
        assert math.isnan(result["mean"])
        assert (result["n"], result["missing"], result["reason"]) == (0, 4, reason)


def test_one_network_that_was_not_tested_somewhere_is_counted():
    scores = published()
    scores = scores[~(at(scores, "large", "small") & (scores["fold"] == 0))]
    result = cell(matrix(scores), "large", "small")
    assert (result["n"], result["missing"], result["reason"]) == (3, 1, "not tested")


def test_different_reasons_are_all_said():
    scores = published().assign(reason=None)
    scores.loc[at(scores, "large", "small"), "hard_dice"] = math.nan
    scores.loc[at(scores, "large", "small"), "reason"] = ["a", "b", "a", None]
    assert cell(matrix(scores), "large", "small")["reason"] == "a; b; missing"


def test_a_matrix_need_not_be_square():
    scores = published()
    cells = matrix(scores[scores["train_set"] == "middle"])
    assert cells["test_set"].tolist() == SETS
    assert asymmetry(cells).empty


def test_networks_that_stand_twice_are_refused():
    scores = pd.concat([published(), published()])
    with pytest.raises(InputError, match="first train_set large, fold 0"):
        matrix(scores)


def test_small_particles_are_the_hardest_of_the_published_sets():
    ranked = difficulty(published())
    assert ranked["test_set"].tolist() == SETS
    expected = [(0.9084 + 0.8949) / 2, (0.8825 + 0.8923) / 2, (0.7308 + 0.7746) / 2]
    assert ranked["hard_dice"].tolist() == pytest.approx(expected)
    assert ranked["n_train_sets"].tolist() == [2, 2, 2]


def test_the_diagonal_does_not_decide_difficulty():
    scores = published()
    scores.loc[at(scores, "small", "small"), "hard_dice"] = 1.0
    assert difficulty(scores).equals(difficulty(published()))


def test_a_set_with_a_missing_cell_has_no_difficulty_and_comes_last():
    scores = published()
    scores.loc[at(scores, "middle", "large"), "hard_dice"] = math.nan
    ranked = difficulty(scores)
    assert ranked["test_set"].tolist() == ["middle", "small", "large"]
    assert math.isnan(ranked["hard_dice"].iloc[-1])


def test_normalised_columns_have_one_on_the_diagonal():
    cells = normalised_for_difficulty(matrix(published()))
    for name in SETS:
        assert cell(cells, name, name)["mean"] == 1
    assert cell(cells, "large", "small")["mean"] == pytest.approx(0.7308 / 0.8068)
    plain = cell(matrix(published()), "large", "small")
    assert cell(cells, "large", "small")["std"] == pytest.approx(plain["std"] / 0.8068)


def test_a_column_without_its_diagonal_says_so():
    scores = published()
    scores = scores[scores["train_set"] != "small"]
    result = cell(normalised_for_difficulty(matrix(scores)), "large", "small")
    assert math.isnan(result["mean"])
    assert result["reason"] == "no diagonal to divide by"


def test_networks_that_find_nothing_at_home_are_no_measure():
    scores = published()
    scores.loc[at(scores, "small", "small"), "hard_dice"] = 0.0
    assert math.isnan(cell(normalised_for_difficulty(matrix(scores)), "large", "small")["mean"])


def test_asymmetry_is_the_difference_with_the_interval_of_welch():
    rng = np.random.default_rng(0)
    scores = table(rng.normal(0.8, 0.05, size=(3, 3, 4, 1)))
    scores = scores[~(at(scores, "large", "small") & (scores["fold"] == 0))]
    there = scores.loc[at(scores, "large", "small"), "hard_dice"]
    back = scores.loc[at(scores, "small", "large"), "hard_dice"]
    expected = ttest_ind(there, back, equal_var=False).confidence_interval(0.95)
    result = asymmetry(matrix(scores)).set_index(["set_a", "set_b"])
    assert list(result.index) == [("large", "middle"), ("large", "small"), ("middle", "small")]
    row = result.loc[("large", "small")]
    assert row["difference"] == pytest.approx(there.mean() - back.mean())
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected))


def test_asymmetry_of_a_missing_cell_is_nan_and_stays():
    scores = published()
    scores.loc[at(scores, "large", "small"), "hard_dice"] = math.nan
    result = asymmetry(matrix(scores))
    assert len(result) == 3
    assert result["difference"].isna().tolist() == [False, True, False]


def test_one_network_a_cell_has_an_asymmetry_without_an_interval():
    result = asymmetry(matrix(published(folds=1, seeds=1)))
    assert result["difference"].notna().all()
    assert result[["low", "high"]].isna().all(axis=None)


def test_the_gap_of_the_published_sizes():
    result = diagonal_gap(published(), seed=0)
    diagonal = (0.9103 + 0.9066 + 0.8068) / 3
    others = (0.8825 + 0.7308 + 0.9084 + 0.7746 + 0.8949 + 0.8923) / 6
    assert result.gap == pytest.approx(diagonal - others)
    # A step that all cells of a fold share cancels in every draw.
    assert (result.low, result.high) == pytest.approx((result.gap, result.gap))
    assert (result.n_folds, result.missing) == (4, 0)


@settings(max_examples=15, deadline=None)
@given(cubes)
def test_the_gap_is_in_its_interval_and_the_mean_of_the_gaps_of_folds(cube):
    result = diagonal_gap(table(cube), seed=1)
    means = cube.mean(axis=3)
    same_set = np.eye(3, dtype=bool)
    by_fold = means[same_set].mean(axis=0) - means[~same_set].mean(axis=0)
    assert result.gap == pytest.approx(by_fold.mean(), abs=1e-12)
    assert by_fold.min() - 1e-9 <= result.low <= result.gap + 1e-9
    assert result.gap - 1e-9 <= result.high <= by_fold.max() + 1e-9


def test_the_gap_is_decided_by_the_seed_and_not_by_the_order_of_rows():
    scores = table(np.random.default_rng(0).random((3, 3, 4, 2)))
    shuffled = scores.sample(frac=1, random_state=1)
    assert diagonal_gap(scores, seed=5) == pytest.approx(diagonal_gap(shuffled, seed=5))


def test_cells_weigh_the_same_whatever_their_networks():
    scores = published(spread=0)
    few = scores[~(at(scores, "large", "small") & (scores["fold"] > 0))]
    result = diagonal_gap(few, seed=0)
    assert result.gap == pytest.approx(diagonal_gap(scores, seed=0).gap)
    assert result.missing == 3
    assert result.low == pytest.approx(result.gap)


def test_a_gap_over_a_missing_cell_is_not_known():
    scores = published()
    scores.loc[at(scores, "large", "small"), "hard_dice"] = math.nan
    result = diagonal_gap(scores, seed=0)
    assert math.isnan(result.gap) and math.isnan(result.low) and math.isnan(result.high)
    assert result.missing == 4


def test_one_set_alone_has_no_gap():
    scores = published()
    assert math.isnan(diagonal_gap(scores[at(scores, "large", "large")], seed=0).gap)
