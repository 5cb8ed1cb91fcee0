"""A particle network that knows dark discs, a package of it, and a kind of image it has wrong."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.networks.weights import Weights, network_from, weights_fingerprint
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.rescaling import standardize
from hrtem_shift.reliability.estimator import fit_estimator
from hrtem_shift.reliability.held_out_tests import Measurement, TestMicrograph, gather_evidence
from hrtem_shift.reliability.training_domain import TrainingDomain
from hrtem_shift.segmentation.card import card_of
from hrtem_shift.segmentation.description import Description, PackageMember
from hrtem_shift.segmentation.package import write_package
from hrtem_shift.training.particle_augmentations import Sample
from hrtem_shift.training.particle_recipe import FineTuningRecipe, ParticleRecipe
from hrtem_shift.training.particle_training import train_particle_network

RECIPE = ParticleRecipe(
    steps=60, batch_size=2, patch_px=64, warmup_steps=10, steps_per_row=60, precision="float32"
)
QUICK = FineTuningRecipe(
    steps=64, batch_size=4, patch_px=64, warmup_steps=4, learning_rate=4e-3, precision="float32"
)
"""Enough to learn `bright_sample`."""

PREPARATION = Preparation(patch_px=32, min_particle_fraction=None)


def dark_sample(number: int, size: int = 64) -> Sample:
    """A dark disc on a noisy background."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:size, :size]
    radius = rng.uniform(8, 16)
    inside = np.hypot(y - rng.uniform(16, 48), x - rng.uniform(16, 48)) < radius
    pixels = 100 - 30 * inside + rng.normal(0, 5, inside.shape)
    return Sample(pixels.astype(np.float32), inside.astype(np.int32))


def bright_sample(number: int, size: int = 96) -> Sample:
    """Bright discs are particles here, and dark discs are none: the opposite of `dark_sample`."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:size, :size]
    bright, dark = (
        np.hypot(y - rng.uniform(20, 76), x - rng.uniform(*columns)) < rng.uniform(9, 15)
        for columns in ((18, 34), (62, 78))
    )
    pixels = 100 + 30.0 * bright - 30 * dark + rng.normal(0, 5, (size, size))
    return Sample(standardize(pixels), bright.astype(np.int32))


@cache
def trained_weights() -> Weights:
    """Of a network that was trained on `dark_sample` for some seconds."""
    torch.set_num_threads(1)
    return train_particle_network(dark_sample, [], RECIPE, seed=1).weights


def mean_dice(network: nn.Module, samples: list[Sample]) -> float:
    """Mean hard Dice on samples with sides of less than 128 px."""
    dices = []
    for sample in samples:
        height, width = sample.pixels.shape
        padded = np.pad(sample.pixels, ((0, 128 - height), (0, 128 - width)), mode="symmetric")
        with torch.inference_mode():
            logits = network(torch.from_numpy(padded)[None, None])[0, 0].numpy()
        mask, truth = logits[:height, :width] > 0, sample.labels > 0
        dices.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    return float(np.mean(dices))


def _dark_micrograph(number: int) -> Micrograph:
    sample = dark_sample(number)
    return Micrograph(f"m{number}", sample.pixels, 1.0, sample.labels > 0)


def make_particle_package(folder: Path, n_networks: int = 1) -> Path:
    """Write a package of equal networks for `dark_sample`, with evidence."""
    weights = [trained_weights()] * n_networks
    tests = [
        TestMicrograph("dark", f"m{k}", True, partial(_dark_micrograph, k), (0,), 0)
        for k in range(500, 520)
    ]
    description = Description(
        name="dark discs",
        made_by="tests",
        architecture="particle_unet",
        norm="batch",
        preparation=PREPARATION,
        domain=TrainingDomain(pixel_size_nm=None, dose_e_per_A2=None),
        scales=[1.0, 0.5],
        members=[
            PackageMember(
                file=f"network_{k}.safetensors",
                run_id=f"dark_{k}",
                train_set="dark",
                fold=0,
                seed=k,
                weights=weights_fingerprint(each),
            )
            for k, each in enumerate(weights)
        ],
        reliability=[],
    )
    networks = tuple(map(network_from, weights))
    measurement = Measurement(networks, PREPARATION, description.scaling)
    kernel, evidence = fit_estimator(gather_evidence(measurement, tests))
    description = description.model_copy(update={"kernel": kernel})
    write_package(folder, description, weights, evidence, card_of(description, evidence))
    return folder
