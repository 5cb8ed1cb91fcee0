"""Published tables: every number says where it is from, and gives the values that are printed."""

import math

import pandas as pd
import pytest

from hrtem_shift.scorecard.papers import CLAIMS
from hrtem_shift.scorecard.published_tables import published_tables
from hrtem_shift.scorecard.verdicts import judge_claims


@pytest.fixture(scope="module")
def published():
    return judge_claims(CLAIMS, {}, seed=0).set_index("name")


@pytest.mark.parametrize("study", ["dose_study", "size_study", "hyperparameter_study"])
def test_every_number_says_how_it_is_known_and_where_it_is_from(study):
    scores = published_tables(study).scores
    expected = {"printed", "digitized", "printed soft Dice of validation"}
    assert set(scores["confidence"]) <= expected
    assert scores["source"].str.contains("arXiv 2306.11853").all()
    assert scores["hard_dice"].between(0, 1).all()


def test_a_study_without_printed_numbers_has_no_tables():
    assert published_tables("material_study") is None


def test_published_values_follow_from_the_printed_ones(published):
    """By hand, from the dashed lines of Fig. 5, fold 0 without noise, and Fig. S6."""
    by_hand = {
        "own_dose": (0.915 + 0.889 + 0.852) / 3,
        "low_dose_is_harder": 0.915 - 0.852,
        "high_dose_fails_at_low": 0.915 - 0.464409,
        "medium_dose_is_borne": 0.915 - 0.865177,
        "own_size": (0.8068 + 0.9066 + 0.9103) / 3,
        "larger_sizes_are_alike": (0.8923 + 0.8949) / 2 - (0.9066 + 0.9084 + 0.8825 + 0.9103) / 4,
        "noise_repairs_low_dose": (0.750 + 0.801 + 0.836 + 0.841 + 0.760) / 5 - 0.464409,
        "a_search_changes_little": (0.8068 + 0.8923 + 0.8949 - 0.8115 - 0.8927 - 0.9011) / 3,
        "a_search_lowers_the_loss": 1
        - (0.020546 / 0.024986 + 0.048096 / 0.057214 + 0.123530 / 0.136353) / 3,
        "mixed_noise_is_free": (0.933 + 0.933 + 0.930 + 0.930 + 0.923) / 5 - 0.9227,
    }
    for name, value in by_hand.items():
        assert published.loc[name, "published"] == pytest.approx(value), name


def test_printed_and_digitized_numbers_are_told_apart(published):
    assert published.loc["own_dose", "confidence"] == "printed"
    assert published.loc["noise_repairs_low_dose", "confidence"] == "digitized, printed"
    assert "soft Dice" in published.loc["collapse_is_lost_information", "confidence"]


def test_what_is_said_in_words_only_has_no_number(published):
    row = published.loc["flat_field_joins_sessions"]
    assert math.isnan(row["published"]) and row["confidence"] == ""


def test_the_papers_own_numbers_bear_out_the_claims_but_one(published):
    """Its printed Dice on noised images hardly falls: there the noise has destroyed little."""
    claims = {claim.name: claim for claim in CLAIMS}
    printed = published["published"].dropna()
    contradicted = [
        name
        for name, value in printed.items()
        if claims[name].holds.verdict(value, value) != "holds"
    ]
    assert contradicted == ["collapse_is_lost_information"]


def test_a_table_of_ours_needs_no_more_columns_than_theirs():
    scores = published_tables("size_study").scores
    assert {"train_set", "fold", "seed", "test_set", "patches", "hard_dice"} <= set(scores)
    assert isinstance(scores, pd.DataFrame)
