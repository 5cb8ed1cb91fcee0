"""Hyperparameter search: proposals of recipes, and pruning of trials.

Proposals come from Optuna's tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), in
generations whose size is a parameter: they depend on the seed and on the results of earlier
generations, not on how many trials run at once. A search that is resumed proposes the same
recipes and reuses what is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.seeds import seed_at
from hrtem_shift.training.recipe import Recipe

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Option = int | float | str


class Dimension(ParameterBlock):
    """Values that a field of the recipe may take."""

    scale: Literal["linear", "log", "options"]
    low: float = 0.0
    high: float = 0.0
    options: tuple[Option, ...] = ()

    @model_validator(mode="after")
    def _has_room(self) -> Dimension:
        lowest = 0.0 if self.scale == "log" else -math.inf
        if self.scale == "options" and len(self.options) < 2:
            raise ValueError("a search needs at least two options")
        if self.scale != "options" and not lowest < self.low < self.high:
            raise ValueError(f"from {self.low:g} to {self.high:g} is no range of this scale")
        return self

    def distribution(self) -> BaseDistribution:
        """This dimension in Optuna."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        if self.scale == "options":
            return CategoricalDistribution(self.options)
        return FloatDistribution(self.low, self.high, log=self.scale == "log")

    def as_given(self, value: Any) -> Option:
        """A value in the type of its option, which a table may have changed."""
        matches = [
            option for option in self.options if option == value or str(option) == str(value)
        ]
        return matches[0] if matches else float(value)


def _from_list(given: Any) -> Any:
    """``[log, 1e-4, 1e-2]``, ``[linear, 0, 1]`` or a list of options."""
    if not isinstance(given, list):
        return given
    if given and given[0] in ("log", "linear"):
        if len(given) != 3:
            raise ValueError(f"a range is [{given[0]}, low, high]")
        return {"scale": given[0], "low": given[1], "high": given[2]}
    return {"scale": "options", "options": given}


class Search(ParameterBlock):
    """Settings of a search."""

    trials: int = Field(ge=2)
    """Recipes to try; the first is that of the study."""
    generation: int = Field(default=4, ge=1)
    """Trials that are proposed together."""
    pruned_from_epoch: int = Field(default=3, ge=1)
    """First epoch at which a trial is pruned if its validation loss is above the median."""
    space: dict[str, Annotated[Dimension, BeforeValidator(_from_list)]] = Field(min_length=1)
    """Field of the recipe -> ``[log, low, high]``, ``[linear, low, high]`` or its options."""

    @model_validator(mode="after")
    def _fields_of_a_recipe(self) -> Search:
        for name in self.space:
            if name not in Recipe.model_fields or name == "epochs":
                fields = set(Recipe.model_fields) - {"epochs"}
                raise ValueError(f"a recipe has no '{name}' to search{nearest(name, fields)}")
        return self


class Trial(NamedTuple):
    """Result of one recipe."""

    values: dict[str, Option]
    """Field of the recipe -> value, for all fields of the space."""
    losses: list[float]
    """Validation loss of each epoch."""
    pruned: bool

    @property
    def best_loss(self) -> float:
        """Lowest validation loss."""
        return min(self.losses, default=math.inf)


def propose(search: Search, trials: Sequence[Trial], count: int, seed: int) -> list[dict[str, Any]]:
    """Propose `count` recipes after these trials, each as field -> value."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {name: dimension.distribution() for name, dimension in search.space.items()}
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=search.generation, seed=seed_at(seed, "search", len(trials)) % 2**32
    )
    study = optuna.create_study(sampler=sampler)
    for trial in trials:
        state = "PRUNED" if trial.pruned else "COMPLETE"
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[state],
                value=trial.best_loss,
                params=trial.values,
                distributions=space,
                intermediate_values=dict(enumerate(trial.losses)),
            )
        )
    return [study.ask(space).params for _ in range(count)]


def pruning_limits(search: Search, trials: Sequence[Trial], epochs: int) -> list[float]:
    """Validation loss of each epoch above which a trial is pruned.

    It is the median over complete trials of their lowest loss so far; infinite for the first
    epochs, for the last, and with fewer than two complete trials.
    """
    complete = [np.minimum.accumulate(trial.losses) for trial in trials if not trial.pruned]
    if len(complete) < 2:
        return [math.inf] * epochs
    medians = np.median(complete, axis=0).tolist()
    free = range(search.pruned_from_epoch)
    return [
        math.inf if epoch in free or epoch == epochs - 1 else medians[epoch]
        for epoch in range(epochs)
    ]


class Pruned(Exception):
    """Raised to stop a trial that is worse than others at this epoch."""
