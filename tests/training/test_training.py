"""Training: it learns, it is reproducible, and the test patches are never looked at."""

import dataclasses

import numpy as np
import pytest
import torch
from disc_patches import RECIPE, pack, parts, weights_of_all

from hrtem_shift.evaluation.dice import hard_dice
from hrtem_shift.evaluation.scoring import score_network
from hrtem_shift.networks.weights import network_from, weights_fingerprint
from hrtem_shift.training.device_patches import to_device
from hrtem_shift.training.loop import Diverged, NetworkSpec, train_networks
from hrtem_shift.training.recipe import NAMED, Recipe, TrainingNoise, learning_rate_at

pytestmark = pytest.mark.usefixtures("single_thread")
RECIPE = RECIPE.model_copy(update={"epochs": 8, "learning_rate": 0.02})


def train(patch_set, recipe=RECIPE, seed=1, noise=None, **more):
    split = parts(patch_set)
    spec = NetworkSpec(split.train, split.validation, noise or TrainingNoise(), seed)
    (trained,) = train_networks(to_device(patch_set, "cpu"), [spec], recipe, **more)
    return trained


def test_it_learns_discs(discs):
    trained = train(discs, RECIPE.model_copy(update={"epochs": 40}))
    counts = score_network(
        network_from(trained.weights),
        discs,
        np.flatnonzero(discs.index["fold"].to_numpy() == 0),
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
    trained = train(
        discs, RECIPE.model_copy(update={"epochs": 2}), on_epoch=lambda _, row: rows.append(row)
    )
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


def test_each_member_of_a_pack_learns_what_it_learns_alone():
    """To rounding, which is the more visible the longer it is trained: two epochs here."""
    patches, specs = pack(members=3)
    recipe = RECIPE.model_copy(update={"epochs": 2, "learning_rate": 1e-4})
    shorter = specs[1].validation[:1]
    specs[1] = dataclasses.replace(specs[1], validation=shorter)  # is filled up
    together = train_networks(patches, specs, recipe)
    for member, trained in zip(specs, together, strict=True):
        (alone,) = train_networks(patches, [member], recipe)
        for row, other in zip(trained.curve, alone.curve, strict=True):
            assert row["train_loss"] == pytest.approx(other["train_loss"], abs=1e-5)
            assert row["validation_loss"] == pytest.approx(other["validation_loss"], abs=1e-3)
            assert row["validation_dice"] == pytest.approx(other["validation_dice"], abs=0.01)


def test_the_same_pack_gives_the_same_bits():
    patches, specs = pack(members=3)
    recipe = RECIPE.model_copy(update={"epochs": 2, "precision": "auto"})
    first, second = (train_networks(patches, specs, recipe) for _ in range(2))
    assert weights_of_all(first) == weights_of_all(second)
    assert len(set(weights_of_all(first))) == 3


def test_each_member_has_its_own_learning_rate():
    patches, (member, _) = pack()
    recipe = RECIPE.model_copy(update={"epochs": 1, "schedule": "constant"})
    still = NetworkSpec(member.train, member.validation, member.noise, member.seed, 1e-12)
    moving, standing = train_networks(patches, [member, still], recipe)
    name = "final_conv.weight"
    (start,) = train_networks(patches, [still], recipe)
    assert np.allclose(standing.weights[name], start.weights[name], atol=1e-9)
    assert not np.allclose(moving.weights[name], start.weights[name], atol=1e-3)


def test_a_batch_may_be_larger_than_the_data_set():
    patches, specs = pack()
    recipe = RECIPE.model_copy(update={"epochs": 1, "batch_size": 64})
    assert all(len(spec.train) < 64 for spec in specs)
    assert len(train_networks(patches, specs, recipe)) == 2


def test_a_loss_that_is_no_number_ends_the_training(discs):
    spoilt = dataclasses.replace(discs, images=np.full_like(discs.images, np.nan))
    with pytest.raises(Diverged, match="epoch 0"):
        train(spoilt)


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_other_norms_learn_too(discs, norm):
    trained = train(discs, RECIPE.model_copy(update={"norm": norm, "epochs": 10}))
    assert trained.curve[-1]["train_loss"] < 0.6 * trained.curve[0]["train_loss"]


def test_the_large_network_trains_alone(discs):
    recipe = RECIPE.model_copy(
        update={"architecture": "preactivation_unet", "epochs": 1, "batch_size": 2}
    )
    assert np.isfinite(train(discs, recipe).curve[0]["validation_loss"])


@pytest.mark.parametrize("name", NAMED)
def test_a_recipe_by_name_is_its_fields(name):
    assert Recipe.model_validate({"name": name}) == Recipe(**NAMED[name])
    assert Recipe.model_validate({"name": name, "epochs": 3}).epochs == 3


def test_the_published_recipe_is_the_published_one():
    """arXiv 2306.11853: Adam at 1e-4, 250 epochs of each patch in eight orientations, batch 32."""
    recipe = Recipe.model_validate({"name": "published"})
    assert (recipe.epochs, recipe.passes_per_epoch, recipe.batch_size) == (250, 8, 32)
    assert {learning_rate_at(recipe, step, 10) for step in range(10)} == {1e-4}


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"name": "publishd"}, "did you mean 'published'"),
        ({"name": "fast", "epoch": 3}, "did you mean 'epochs'"),
        ({"name": "fast", "architecture": "unet"}, "unknown architecture"),
        ({"name": "fast", "architecture": "preactivation_unet", "norm": "group"}, "residual_unet"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(block, message):
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate(block)
