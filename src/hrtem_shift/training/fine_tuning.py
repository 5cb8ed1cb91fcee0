"""Some more steps of training of a `ParticleUNet`, on a few labelled images of one kind.

Random crops of the images are mixed with drawn scenes, on which the network was trained, so that
it does not forget them. Each crop has an address, so that equal images give equal weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from hrtem_shift.execution.devices import resolve_precision
from hrtem_shift.mass_thickness.drawn_scenes import DrawnScenes
from hrtem_shift.networks.weights import Weights, network_from
from hrtem_shift.seeds import generator_at
from hrtem_shift.training.particle_augmentations import (
    Sample,
    recorded_otherwise,
    turned,
    zoomed_crop,
)
from hrtem_shift.training.particle_recipe import FineTuningRecipe
from hrtem_shift.training.particle_sources import drawn_scenes
from hrtem_shift.training.particle_training import Source, Training, batch_of, sample_of_levels

DRAWN_SCENES = 48
"""Different drawn scenes in a fine-tuning; each is shown several times."""


def fine_tune(
    weights: Weights,
    images: Sequence[Sample],
    recipe: FineTuningRecipe,
    *,
    seed: int,
    device: str = "cpu",
    on_step: Callable[[int], None] = lambda step: None,
) -> Weights:
    """Adapt a network to labelled images.

    Parameters
    ----------
    weights : dict
        Of a trained `ParticleUNet`.
    images : sequence of Sample
        Whole images as the network sees them: prepared, and at the scale at which it is used.
    recipe : FineTuningRecipe
    seed : int
        Of the crops and of the drawn scenes.
    device : str
        To train on.
    on_step : callable
        Receives the number of steps done.

    Returns
    -------
    dict
        Average of the weights over the last steps.

    Raises
    ------
    FloatingPointError
        The loss is NaN or infinite; a lower learning rate helps.
    """
    training = Training(recipe, network_from(weights), device, fixed_norms=recipe.fixed_norms)
    precision = resolve_precision(recipe.precision, torch.device(device).type)
    crop_of, scene_of = crops(images, recipe, seed), _drawn(recipe, seed)
    n_drawn = round(recipe.drawn_share * recipe.batch_size)
    for step in range(recipe.steps):
        first = step * recipe.batch_size
        numbers = range(first, first + recipe.batch_size)
        samples = [scene_of(number) for number in numbers[:n_drawn]]
        samples += [crop_of(number) for number in numbers[n_drawn:]]
        loss = float(training.learn(batch_of(samples, device), precision))
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} at step {step + 1}")
        on_step(step + 1)
    return training.weights


def crops(images: Sequence[Sample], recipe: FineTuningRecipe, seed: int) -> Source:
    """Crops of images, enlarged or reduced a little, in one of the eight orientations.

    A part of them is under other light, blur and noise. Mean and contrast are those of the crop
    in the whole image, since a network sees whole images standardized.
    """

    def sample(number: int) -> Sample:
        rng = generator_at(seed, "crop", number)
        image = images[int(rng.integers(len(images)))]
        crop = zoomed_crop(image, recipe.patch_px, recipe.zooms, rng)
        if rng.random() < recipe.altered_share:
            altered = recorded_otherwise(crop.pixels, rng)
            contrast = crop.pixels.std() / max(altered.std(), 1e-6)
            level = crop.pixels.mean() - contrast * altered.mean()
            crop = Sample((contrast * altered + level).astype(np.float32), crop.labels)
        return turned(crop, rng)

    return sample


def _drawn(recipe: FineTuningRecipe, seed: int) -> Source:
    """Scenes of the generator that the network was trained on."""
    scenes = drawn_scenes(DrawnScenes(), recipe.patch_px, seed, "drawn")

    def sample(number: int) -> Sample:
        rng = generator_at(seed, "shown", number)
        scene = turned(scenes(int(rng.integers(DRAWN_SCENES))), rng)
        return sample_of_levels(scene, rng)

    return sample
