import numpy as np
import pytest
from particle_packages import QUICK, bright_sample, mean_dice, trained_weights

from hrtem_shift.networks.weights import network_from
from hrtem_shift.preparation.rescaling import standardize
from hrtem_shift.training.fine_tuning import crops, fine_tune
from hrtem_shift.training.particle_augmentations import Sample


@pytest.fixture(scope="module")
def trained():
    return trained_weights()


@pytest.mark.parametrize("drawn_share", [0, 0.25])
def test_a_network_learns_a_kind_that_it_had_wrong(trained, drawn_share):
    recipe = QUICK.model_copy(update={"drawn_share": drawn_share})
    others = [bright_sample(100 + k) for k in range(4)]
    adapted = fine_tune(trained, [bright_sample(k) for k in range(3)], recipe, seed=1)
    before, after = (mean_dice(network_from(each), others) for each in (trained, adapted))
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
