"""Proposals depend on the seed and earlier results; trials worse than the median are pruned."""

import math

import pytest
from pydantic import ValidationError

from hrtem_shift.training.search import Search, Trial, propose, pruning_limits

SPACE = {"learning_rate": ["log", 1e-4, 1e-1], "batch_size": [8, 16], "norm": ["batch", "group"]}
SEARCH = Search(trials=12, space=SPACE, pruned_from_epoch=1)


def trial(loss, pruned=False, **values):
    fields = {"learning_rate": 0.01, "batch_size": 8, "norm": "batch"} | values
    return Trial(fields, [2 * loss, loss, 1.5 * loss], pruned)


def test_the_same_search_proposes_the_same():
    trials = [trial(0.2), trial(0.4, learning_rate=0.05)]
    assert propose(SEARCH, trials, 3, seed=1) == propose(SEARCH, trials, 3, seed=1)
    assert propose(SEARCH, trials, 3, seed=1) != propose(SEARCH, trials, 3, seed=2)
    assert propose(SEARCH, trials, 3, seed=1) != propose(SEARCH, trials[:1], 3, seed=1)


def test_proposals_stay_in_the_space():
    for values in propose(SEARCH, [], 20, seed=3):
        assert 1e-4 <= values["learning_rate"] <= 1e-1
        assert values["batch_size"] in (8, 16) and values["norm"] in ("batch", "group")


def test_proposals_move_to_where_the_loss_is_low():
    """A loss with its minimum at a learning rate of 0.001."""

    def loss(values):
        return abs(math.log10(values["learning_rate"]) + 3)

    trials = []
    for _ in range(10):
        for values in propose(SEARCH, trials, 4, seed=5):
            trials.append(Trial(values, [loss(values)], False))
    first, last = ([loss(trial.values) for trial in part] for part in (trials[:12], trials[-12:]))
    assert sum(last) < 0.6 * sum(first)


def test_a_trial_is_held_against_the_median_of_complete_ones():
    trials = [trial(0.2), trial(0.4), trial(0.6), trial(9.0, pruned=True)]
    assert pruning_limits(SEARCH, trials, 3) == [math.inf, 0.4, math.inf]
    assert pruning_limits(SEARCH, trials[:1], 3) == [math.inf] * 3


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ({"learning_rat": [0.1, 0.2]}, "did you mean 'learning_rate'"),
        ({"epochs": [1, 2]}, "no 'epochs' to search"),
        ({"norm": ["batch"]}, "needs at least two options"),
        ({"learning_rate": ["log", 0, 1]}, "is no range of this scale"),
        ({"learning_rate": ["log", 1]}, "a range is"),
    ],
)
def test_an_impossible_space_is_named(space, says):
    with pytest.raises(ValidationError, match=says):
        Search(trials=4, space=space)
