"""Typed parameters of a search."""

from __future__ import annotations

from pydantic import model_validator

from hrtem_shift.pipelines.study import Study
from hrtem_shift.training.recipe import Recipe
from hrtem_shift.training.search import Search


class HyperparameterStudy(Study):
    """A study with one data set to train on, and the recipes that are tried there."""

    search: Search

    @model_validator(mode="after")
    def _one_set(self) -> HyperparameterStudy:
        if len(self.data_sets) != 1 or self.variants or self.noise:
            raise ValueError("a search has one data set, and neither variants nor noise")
        for name, dimension in self.search.space.items():
            for value in dimension.options or (dimension.low, dimension.high):
                Recipe.model_validate(self.recipe.model_dump() | {name: value})
            value = getattr(self.recipe, name)
            inside = (
                value in dimension.options
                if dimension.options
                else dimension.low <= value <= dimension.high
            )
            if not inside:
                raise ValueError(
                    f"search.space.{name} does not hold the recipe's own value {value}, which is "
                    "the first trial"
                )
        return self

    @property
    def recipes_compared(self) -> int:
        """The study's own, and the best."""
        return 2

    @property
    def trials(self) -> int:
        """Of the search; some are stopped early."""
        return self.search.trials
