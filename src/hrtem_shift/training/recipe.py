"""The recipe: every setting that decides the result of a training, besides data and seed."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, model_validator

from hrtem_shift.networks.architectures import PARTICLES, check_architecture
from hrtem_shift.networks.norms import Norm
from hrtem_shift.parameters import ParameterBlock, nearest

LabelRotation = Literal["nearest", "published"]

NAMED: dict[str, dict[str, Any]] = {
    # arXiv 2306.11853, where an epoch has the eight dihedral images of each patch.
    "published": {
        "epochs": 250,
        "passes_per_epoch": 8,
        "batch_size": 32,
        "learning_rate": 1e-4,
        "schedule": "constant",
        "rotation_probability": 0.5,
        "label_rotation": "published",
        "precision": "auto",
    },
    # An eighth of the published steps with half the batch size;
    # compared in docs/evidence/training-speed.md.
    "fast": {
        "epochs": 30,
        "passes_per_epoch": 4,
        "batch_size": 16,
        "learning_rate": 1e-2,
        "schedule": "one_cycle",
        "rotation_probability": 0.5,
        "label_rotation": "nearest",
        "precision": "auto",
    },
    # Minutes for a study on a laptop; equally many steps for every data set.
    "quick": {
        "epochs": 10,
        "patches_per_epoch": 160,
        "batch_size": 16,
        "learning_rate": 1e-2,
        "schedule": "one_cycle",
        "rotation_probability": 0.5,
        "label_rotation": "nearest",
        "precision": "auto",
    },
}
"""Recipes by name; fields beside the name override their values."""


class Recipe(ParameterBlock):
    """How a network is trained; part of its identity."""

    epochs: int = Field(ge=1)
    """Rows of the learning curve; the weights of the best epoch are kept."""
    passes_per_epoch: int = Field(default=1, ge=1)
    """Passes over the training patches in an epoch; eight have each dihedral image once."""
    patches_per_epoch: int | None = Field(default=None, ge=1)
    """Patches of an epoch, whatever the size of the set, so that networks of all sets make
    equally many steps; null: `passes_per_epoch` decides."""
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0, le=1)
    """Constant rate of Adam, or the peak of the one-cycle schedule."""
    schedule: Literal["constant", "one_cycle"]
    rotation_probability: float = Field(ge=0, le=1)
    """Fraction of training patches that are rotated by an angle of U(0, 360) degrees."""
    label_rotation: LabelRotation = "nearest"
    """How masks are rotated; published = bilinear and floored: particles lose their rim."""
    precision: Literal["auto", "float32", "bfloat16"]
    """Arithmetic of convolutions; auto = bfloat16 if the hardware supports it."""
    architecture: str = "residual_unet"
    """residual_unet, preactivation_unet, or smp:NAME of segmentation-models-pytorch."""
    norm: Norm = "batch"
    """Normalization of the residual U-Net."""

    @model_validator(mode="before")
    @classmethod
    def _fields_of_the_name(cls, block: Any) -> Any:
        if not isinstance(block, dict) or "name" not in block:
            return block
        fields = dict(block)
        name = fields.pop("name")
        if name not in NAMED:
            raise ValueError(f"unknown recipe '{name}'{nearest(name, NAMED)}")
        return NAMED[name] | fields

    @model_validator(mode="after")
    def _architecture_is_known(self) -> Recipe:
        check_architecture(self.architecture, self.norm)
        if self.architecture == PARTICLES:
            raise ValueError(f"{PARTICLES} is trained by the pipeline particle_networks alone")
        return self


class TrainingNoise(ParameterBlock):
    """Noise augmentation on training and validation patches.

    Gaussian: x <- (x + N(0, s)) / sqrt(1 + s^2), s = rho, or s ~ U(0, rho) per sample (arXiv
    2306.11853). Thinning: only a share of the electrons arrives (`hrtem_shift.training.thinning`),
    rho, or log-uniform from rho to 1.
    """

    mode: Literal["fixed", "uniform", "thinning", "mixed_thinning"] = "fixed"
    rho: float = Field(default=0.0, ge=0)
    """Standard deviation of the added noise (fixed), or its upper bound (uniform); share of the
    electrons that is kept (thinning), or its lower bound (mixed_thinning)."""

    @property
    def thins(self) -> bool:
        """Whether electrons are taken away, and not noise added."""
        return self.mode in ("thinning", "mixed_thinning")

    @model_validator(mode="after")
    def _a_share_is_below_1(self) -> TrainingNoise:
        if self.thins and not 0 < self.rho < 1:
            raise ValueError("a share of electrons is above 0 and below 1")
        return self


def steps_per_epoch(recipe: Recipe, n_train: int) -> int:
    """Steps of an epoch with `n_train` patches, rounded up."""
    shown = recipe.patches_per_epoch or n_train * recipe.passes_per_epoch
    return -(-shown // recipe.batch_size)


def learning_rate_at(recipe: Recipe, step: int, steps: int) -> float:
    """Learning rate of step 0 <= `step` < `steps`.

    One cycle: a cosine rise from 4 % to the peak over the first 30 % of the steps, then a
    cosine fall to zero (Smith & Topin, arXiv 1708.07120, in the cosine form).
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    peak, start, rise = recipe.learning_rate, 0.04 * recipe.learning_rate, 0.3 * steps
    if step < rise:
        return peak + (start - peak) * (1 + math.cos(math.pi * step / rise)) / 2
    return peak * (1 + math.cos(math.pi * (step - rise) / (steps - rise))) / 2
