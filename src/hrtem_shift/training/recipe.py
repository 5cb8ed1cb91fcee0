"""The recipe of a training: every choice that decides its result, besides data and seed."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from hrtem_shift.parameters import ParameterBlock


class Recipe(ParameterBlock):
    """How a network is trained; part of its identity."""

    epochs: int = Field(ge=1)
    """Passes over the training patches."""
    batch_size: int = Field(ge=1)
    learning_rate: float = Field(gt=0, le=1)
    """Constant rate, or the peak of the one-cycle schedule."""
    schedule: Literal["constant", "one_cycle"]
    rotation_probability: float = Field(ge=0, le=1)
    """Share of training patches that are turned by an angle of U(0, 360) degrees."""
    precision: Literal["auto", "float32", "bfloat16"]
    """Arithmetic of convolutions; auto = bfloat16 where the processor has it in hardware."""


class TrainingNoise(ParameterBlock):
    """Noise augmentation: x <- (x + N(0, s)) / sqrt(1 + s^2) on training and validation.

    Source: arXiv 2306.11853, noise augmentation; s = rho, or s ~ U(0, rho) per sample.
    """

    mode: Literal["fixed", "uniform"] = "fixed"
    rho: float = Field(default=0.0, ge=0)
    """Standard deviation of the added noise (fixed), or its upper bound (uniform)."""


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
