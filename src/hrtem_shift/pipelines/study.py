"""Typed parameters of a study: a YAML block with these fields is all that a study is."""

from __future__ import annotations

from pydantic import Field, model_validator

from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.preparation.folds import FoldRule
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.training.recipe import Recipe, TrainingNoise


class NoiseAxis(ParameterBlock):
    """Noise augmentation study: one data set, trained with more and more added noise."""

    train_set: str
    """Data set whose networks are trained with noise."""
    fold: int = Field(ge=0)
    """Fold that these networks leave out for testing."""
    seeds: int = Field(ge=2)
    """Networks a point; a band needs two."""
    rho: list[float] = Field(min_length=1)
    """Fixed standard deviations of the added noise; 0 = none."""
    rho_max: list[float]
    """Upper bounds of a standard deviation drawn from U(0, rho_max) for each sample."""

    def noises(self) -> list[TrainingNoise]:
        """All points of both axes."""
        fixed = [TrainingNoise(mode="fixed", rho=rho) for rho in self.rho]
        return fixed + [TrainingNoise(mode="uniform", rho=rho) for rho in self.rho_max]


class Study(ParameterBlock):
    """A selection of data sets, how they are prepared, and the networks trained on them."""

    data_sets: list[str] = Field(min_length=1)
    """Sets to train on and to test on, in the order in which tables and figures show them."""
    seed: int = Field(ge=0)
    """Root of every random draw of this study."""
    folds: int = Field(ge=2)
    """Parts of a data set; each is the test set of one network."""
    fold_rule: FoldRule = "micrograph"
    """What never straddles a fold: a ``micrograph`` (or its group), a ``session``; or only a
    patch, as published (``published_patchwise``) or in the order of ready patches
    (``patchwise``): neighbours in one image are then trained and tested on."""
    seeds: int = Field(ge=1)
    """Networks a fold."""
    validation_fraction: float = Field(gt=0, lt=1)
    """Share of the micrographs (by patchwise rules, of the patches) outside the test fold that
    choose the best epoch."""
    preparation: Preparation
    recipe: Recipe
    noise: NoiseAxis | None = None
    """Noise augmentation, for studies that have it."""

    @model_validator(mode="after")
    def _noise_fits(self) -> Study:
        if self.noise and self.noise.train_set not in self.data_sets:
            raise ValueError(
                f"noise.train_set '{self.noise.train_set}' is none of data_sets"
                f"{nearest(self.noise.train_set, self.data_sets)}"
            )
        if self.noise and self.noise.fold >= self.folds:
            raise ValueError(
                f"noise.fold = {self.noise.fold}, but folds count from 0 to {self.folds - 1}"
            )
        return self
