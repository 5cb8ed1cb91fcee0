"""Training: it learns, it is reproducible, and the test patches are never looked at."""

import dataclasses

import numpy as np
import pytest
import torch

from hrtem_shift.evaluation.dice import hard_dice
from hrtem_shift.evaluation.scoring import patches_to_test, score_network
from hrtem_shift.networks.weights import weights_fingerprint
from hrtem_shift.preparation.folds import split
from hrtem_shift.training.loop import train_network
from hrtem_shift.training.recipe import Recipe, TrainingNoise, learning_rate_at

RECIPE = Recipe(
    epochs=8,
    batch_size=8,
    learning_rate=0.02,
    schedule="one_cycle",
    rotation_probability=0.5,
    precision="float32",
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def parts(patch_set, fold=0):
    index = patch_set.index
    return split(index["fold"].to_numpy(), index["group"].to_numpy(), fold, seed=0)


def train(patch_set, recipe=RECIPE, seed=1, noise=None, **more):
    return train_network(
        patch_set, parts(patch_set), recipe, noise or TrainingNoise(), seed=seed, **more
    )


def test_it_learns_discs(discs):
    trained = train(discs, RECIPE.model_copy(update={"epochs": 40}))
    counts = score_network(
        trained.weights,
        discs,
        patches_to_test(discs, 0, "fold"),
        device="cpu",
        precision=torch.float32,
    )
    assert hard_dice(counts).mean() > 0.8
    assert trained.curve[-1]["train_loss"] < 0.5 * trained.curve[0]["train_loss"]


def test_the_same_arguments_give_the_same_bits(discs):
    recipe = RECIPE.model_copy(update={"epochs": 2, "precision": "auto"})
    noise = TrainingNoise(mode="uniform", rho=1)
    first, second = (train(discs, recipe, noise=noise) for _ in range(2))
    assert weights_fingerprint(first.weights) == weights_fingerprint(second.weights)
    assert first.curve == second.curve
    other = train(discs, recipe, seed=2, noise=noise)
    assert weights_fingerprint(other.weights) != weights_fingerprint(first.weights)


def test_the_test_patches_decide_nothing(discs):
    recipe = RECIPE.model_copy(update={"epochs": 2})
    images = discs.images.copy()
    images[parts(discs).test] = 7
    spoilt = dataclasses.replace(discs, images=images)
    first, second = train(discs, recipe), train(spoilt, recipe)
    assert weights_fingerprint(first.weights) == weights_fingerprint(second.weights)


def test_the_best_validation_epoch_is_kept(discs):
    trained = train(discs, RECIPE.model_copy(update={"learning_rate": 0.3}))
    losses = [row["validation_loss"] for row in trained.curve]
    assert trained.best_epoch == int(np.argmin(losses))
    shorter = RECIPE.model_copy(update={"epochs": 1, "schedule": "constant"})
    assert train(discs, shorter).best_epoch == 0


def test_each_epoch_is_reported(discs):
    rows = []
    trained = train(discs, RECIPE.model_copy(update={"epochs": 2}), on_epoch=rows.append)
    assert rows == trained.curve
    assert [row["epoch"] for row in rows] == [0, 1]


def test_one_cycle_rises_to_its_peak_and_falls_to_nothing():
    rates = [learning_rate_at(RECIPE, step, 200) for step in range(200)]
    assert rates[0] == pytest.approx(0.04 * RECIPE.learning_rate)
    assert max(rates) == pytest.approx(RECIPE.learning_rate)
    assert int(np.argmax(rates)) == 60
    assert rates[-1] < 1e-3 * RECIPE.learning_rate
    assert (np.diff(rates[:60]) > 0).all() and (np.diff(rates[60:]) < 0).all()


def test_a_constant_rate_stays():
    recipe = RECIPE.model_copy(update={"schedule": "constant"})
    assert {learning_rate_at(recipe, step, 10) for step in range(10)} == {0.02}
