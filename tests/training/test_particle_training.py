import math

import numpy as np
import pytest
import torch

from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.particle_unet import STRIDE_px
from hrtem_shift.training import particle_recipe
from hrtem_shift.training.checkpoints import Checkpoints
from hrtem_shift.training.particle_recipe import ParticleRecipe
from hrtem_shift.training.particle_training import (
    Sample,
    learning_rate_at,
    train_particle_network,
)

RECIPE = ParticleRecipe(
    steps=6, batch_size=2, patch_px=64, warmup_steps=2, steps_per_row=2, precision="float32"
)


def test_a_patch_fits_the_network():
    assert particle_recipe.STRIDE_px == STRIDE_px


def disc_sample(number, size=64):
    """A dark disc on a noisy background."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:size, :size]
    radius = rng.uniform(8, 16)
    inside = np.hypot(y - rng.uniform(16, 48), x - rng.uniform(16, 48)) < radius
    pixels = 100 - 30 * inside + rng.normal(0, 5, inside.shape)
    return Sample(pixels.astype(np.float32), inside.astype(np.int32))


HELD_OUT = [disc_sample(1000 + k) for k in range(4)]


@pytest.fixture(scope="module")
def trained():
    torch.set_num_threads(1)
    return train_particle_network(disc_sample, HELD_OUT, RECIPE, seed=1)


def test_a_network_learns_what_a_disc_is():
    recipe = RECIPE.model_copy(update={"steps": 60, "steps_per_row": 20, "warmup_steps": 10})
    curve = train_particle_network(disc_sample, HELD_OUT, recipe, seed=1).curve
    assert [row["step"] for row in curve] == [20, 40, 60]
    assert curve[-1]["validation_loss"] < 0.6 * curve[0]["validation_loss"]
    assert curve[-1]["validation_dice"] > 0.9


def test_training_goes_on_from_given_weights(trained):
    recipe = RECIPE.model_copy(update={"steps": 1, "learning_rate": 1e-9, "averaged_steps": 1})
    further = train_particle_network(disc_sample, [], recipe, seed=2, start=trained.weights)
    name = "head.0.weight"
    np.testing.assert_allclose(further.weights[name], trained.weights[name], atol=1e-6)
    afresh = train_particle_network(disc_sample, [], recipe, seed=2)
    assert not np.allclose(afresh.weights[name], trained.weights[name], atol=1e-3)


def test_each_sample_is_shown_once_and_in_order():
    numbers = []

    def source(number):
        numbers.append(number)
        return disc_sample(number)

    train_particle_network(source, [], RECIPE, seed=1)
    assert numbers == list(range(12))


@pytest.mark.parametrize("stopped_after", [2, 4])
def test_a_stopped_training_ends_with_the_same_bits(tmp_path, trained, stopped_after):
    class Killed(Exception):
        pass

    def kill(row):
        if row["step"] == stopped_after:
            raise Killed

    checkpoints = Checkpoints(tmp_path, "toy", 1)
    with pytest.raises(Killed):
        train_particle_network(
            disc_sample, HELD_OUT, RECIPE, seed=1, checkpoints=checkpoints, on_row=kill
        )
    resumed = train_particle_network(
        disc_sample, HELD_OUT, RECIPE, seed=1, checkpoints=Checkpoints(tmp_path, "toy", 1)
    )
    assert resumed.curve == trained.curve
    assert resumed.weights.keys() == trained.weights.keys()
    for name, value in trained.weights.items():
        assert np.array_equal(resumed.weights[name], value)


def test_the_seed_decides_the_weights(trained):
    other = train_particle_network(disc_sample, HELD_OUT, RECIPE, seed=2)
    name = "downs.0.conv1.weight"
    assert not np.array_equal(other.weights[name], trained.weights[name])


def test_weights_are_an_average_not_the_last(trained):
    """After six steps the average still holds some of the initial weights."""
    recipe = RECIPE.model_copy(update={"averaged_steps": 1})
    last = train_particle_network(disc_sample, HELD_OUT, recipe, seed=1)
    name = "downs.0.conv1.weight"
    assert not np.array_equal(last.weights[name], trained.weights[name])


def test_the_learning_rate_rises_and_falls_to_zero():
    recipe = RECIPE.model_copy(update={"steps": 100, "warmup_steps": 10})
    rates = np.array([learning_rate_at(recipe, step) for step in range(100)])
    assert np.argmax(rates) in (9, 10)
    assert rates.max() == recipe.learning_rate
    assert np.all(np.diff(rates[10:]) < 0)
    assert rates[-1] < 1e-3 * recipe.learning_rate


def test_a_loss_that_is_not_finite_stops_the_training():
    recipe = RECIPE.model_copy(update={"dice_weight": math.inf})
    with pytest.raises(FloatingPointError, match="loss is nan at step 2"):
        train_particle_network(disc_sample, HELD_OUT, recipe, seed=1)


def test_the_architecture_is_built_from_its_name():
    assert new_network(1, "particle_unet")(torch.zeros(2, 1, 64, 64)).shape == (2, 2, 64, 64)
