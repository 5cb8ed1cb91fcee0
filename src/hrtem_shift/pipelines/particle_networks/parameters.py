"""Typed parameters of the networks for particles."""

from __future__ import annotations

from pydantic import Field

from hrtem_shift.mass_thickness.drawn_scenes import DrawnScenes
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.training.particle_recipe import ParticleRecipe


class ParticleNetworks(ParameterBlock):
    """What networks for particles are trained on, and how."""

    seed: int = Field(ge=0)
    networks: int = Field(default=5, ge=1)
    """How many are trained; each sees scenes and weights of its own."""
    start_from: str | None = None
    """Package of networks for particles, whose weights training begins with: its folder, or the
    name of a shipped one; null = weights at random."""
    drawn: DrawnScenes = Field(default_factory=DrawnScenes)
    """Scenes drawn by mass-thickness contrast."""
    drawn_weight: float = Field(default=1.0, gt=0)
    """Weight of drawn scenes among the samples."""
    lattice: dict[str, float] = Field(default_factory=dict)
    """Data sets of ``simulation.data_sets`` whose exit waves are imaged anew for each sample, and
    their weights among the samples."""
    validation_samples: int = Field(default=64, ge=0)
    """Samples of the same mixture that no network is trained on; they choose nothing."""
    recipe: ParticleRecipe
