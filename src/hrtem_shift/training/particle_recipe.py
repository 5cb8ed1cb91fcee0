"""How a network for particles is trained; parameters, so torch is not imported here."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hrtem_shift.parameters import ParameterBlock

STRIDE_px = 64
"""That of `hrtem_shift.networks.particle_unet`."""


class ParticleRecipe(ParameterBlock):
    """How a network for particles is trained."""

    steps: int = Field(ge=1)
    batch_size: int = Field(default=12, ge=1)
    patch_px: int = Field(default=192, ge=STRIDE_px, multiple_of=STRIDE_px)
    """Edge of a scene [px]."""
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    """Peak of a cosine, after a linear rise."""
    warmup_steps: int = Field(default=100, ge=1)
    weight_decay: float = Field(default=1e-3, ge=0)
    """Of AdamW."""
    largest_gradient: float = Field(default=1.0, gt=0)
    """Norm to which gradients are clipped."""
    averaged_steps: int = Field(default=500, ge=1)
    """Decay time of the exponential average of the weights."""
    dice_weight: float = Field(default=0.5, ge=0)
    """Of the soft Dice loss, against the cross-entropy."""
    core_weight: float = Field(default=0.7, ge=0)
    """Of the loss of cores, against that of particles."""
    touching_weight: float = Field(default=3.0, ge=0)
    """Added to the weight of pixels near which two particles touch."""
    steps_per_row: int = Field(default=100, ge=1)
    """Steps between two rows of the learning curve, each with a checkpoint."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of convolutions; auto = bfloat16 where the processor has it in hardware."""


class FineTuningRecipe(ParticleRecipe):
    """How a trained network for particles is adapted to a few labelled images."""

    steps: int = Field(default=64, ge=1)
    batch_size: int = Field(default=8, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    warmup_steps: int = Field(default=10, ge=1)
    drawn_share: float = Field(default=0.25, ge=0, lt=1)
    """Share of drawn scenes among the samples, so that what was learned is kept."""
    altered_share: float = Field(default=0.5, ge=0, le=1)
    """Share of crops under other light, blur and noise."""
    zooms: tuple[float, float] = (0.7, 1.4)
    """By which crops of the labelled images are enlarged."""
    fixed_norms: bool = True
    """Whether batch norms keep the means and variances of the trained network."""
