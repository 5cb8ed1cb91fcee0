import numpy as np
import pytest
import torch
from test_particle_training import RECIPE, disc_sample

from hrtem_shift.networks.weights import network_from
from hrtem_shift.preparation.rescaling import standardize
from hrtem_shift.training.fine_tuning import crops, fine_tune
from hrtem_shift.training.particle_augmentations import Sample
from hrtem_shift.training.particle_recipe import FineTuningRecipe
from hrtem_shift.training.particle_training import train_particle_network

QUICK = FineTuningRecipe(
    steps=24, batch_size=4, patch_px=64, warmup_steps=2, learning_rate=2e-3, precision="float32"
)


def bright_sample(number, size=96):
    """Bright discs are particles here, and dark discs are none: the opposite of `disc_sample`."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:size, :size]
    bright, dark = (
        np.hypot(y - rng.uniform(20, 76), x - rng.uniform(*columns)) < rng.uniform(9, 15)
        for columns in ((18, 34), (62, 78))
    )
    pixels = 100 + 30.0 * bright - 30 * dark + rng.normal(0, 5, (size, size))
    return Sample(standardize(pixels), bright.astype(np.int32))


def dice_on(weights, samples):
    network, dices = network_from(weights), []
    for sample in samples:
        padded = np.pad(sample.pixels, (0, -sample.pixels.shape[0] % 64), mode="symmetric")
        with torch.inference_mode():
            logits = network(torch.from_numpy(padded)[None, None])[0, 0].numpy()
        mask, truth = logits[:96, :96] > 0, sample.labels > 0
        dices.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    return float(np.mean(dices))


@pytest.fixture(scope="module")
def trained():
    torch.set_num_threads(1)
    recipe = RECIPE.model_copy(update={"steps": 60, "steps_per_row": 60, "warmup_steps": 10})
    return train_particle_network(disc_sample, [], recipe, seed=1).weights


@pytest.mark.parametrize("drawn_share", [0, 0.25])
def test_a_network_learns_a_kind_that_it_had_wrong(trained, drawn_share):
    recipe = QUICK.model_copy(update={"drawn_share": drawn_share})
    others = [bright_sample(100 + k) for k in range(4)]
    adapted = fine_tune(trained, [bright_sample(k) for k in range(3)], recipe, seed=1)
    before, after = dice_on(trained, others), dice_on(adapted, others)
    assert before < 0.3
    assert after > before + 0.5 * (1 - before)


def test_equal_images_and_seeds_give_equal_weights(trained):
    recipe = QUICK.model_copy(update={"steps": 2})
    images = [bright_sample(0), bright_sample(1)]
    first, second, other = (fine_tune(trained, images, recipe, seed=seed) for seed in (1, 1, 2))
    assert first.keys() == trained.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not all(np.array_equal(first[name], other[name]) for name in first)


def test_fixed_norms_keep_their_statistics(trained):
    images, name = [bright_sample(0)], "downs.0.norm1.running_mean"
    for fixed in (True, False):
        recipe = QUICK.model_copy(update={"steps": 1, "fixed_norms": fixed})
        adapted = fine_tune(trained, images, recipe, seed=1)
        assert np.array_equal(adapted[name], trained[name]) == fixed


def test_steps_are_reported(trained):
    steps = []
    recipe = QUICK.model_copy(update={"steps": 3})
    fine_tune(trained, [bright_sample(0)], recipe, seed=1, on_step=steps.append)
    assert steps == [1, 2, 3]


def test_a_loss_that_is_not_finite_ends_it(trained):
    recipe = QUICK.model_copy(update={"dice_weight": np.inf})
    with pytest.raises(FloatingPointError, match="at step 1"):
        fine_tune(trained, [bright_sample(0)], recipe, seed=1)


def test_crops_have_the_levels_of_the_whole_image():
    half = np.zeros((96, 96), np.float32)
    half[:, 48:] = 1
    image = Sample(standardize(half), np.zeros((96, 96), np.int32))
    recipe = QUICK.model_copy(update={"altered_share": 0.0, "zooms": (1.9, 2.0)})
    source = crops([image], recipe, seed=1)
    levels = np.unique(np.round([source(k).pixels.mean() for k in range(40)], 3))
    assert {-1.0, 1.0} <= set(levels)
    altered = crops([image], recipe.model_copy(update={"altered_share": 1.0}), seed=1)
    for number in range(10):
        assert altered(number).pixels.mean() == pytest.approx(
            source(number).pixels.mean(), abs=1e-3
        )


def test_a_constant_crop_stays_finite():
    image = Sample(np.full((96, 96), 0.5, np.float32), np.zeros((96, 96), np.int32))
    source = crops([image], QUICK.model_copy(update={"altered_share": 1.0}), seed=1)
    assert all(np.isfinite(source(number).pixels).all() for number in range(20))
