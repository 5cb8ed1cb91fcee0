"""Search for a recipe: what to try next, and when to give a trial up.

Proposals come from Optuna's tree of Parzen estimators (Bergstra et al., NeurIPS 2011), in
generations whose size is a parameter: they depend on the seed and on what earlier generations
found, never on how many trials ran at once. A search that is stopped and run again proposes the
same, and finds what it trained.
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
            raise ValueError("a single option leaves nothing to search")
        if self.scale != "options" and not lowest < self.low < self.high:
            raise ValueError(f"from {self.low:g} to {self.high:g} is no range of this scale")
        return self

    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        if self.scale == "options":
            return CategoricalDistribution(self.options)
        return FloatDistribution(self.low, self.high, log=self.scale == "log")

    def as_given(self, value: Any) -> Option:
        """A value of this dimension in its own type, which a table may have changed."""
        same = [one for one in self.options if one == value or str(one) == str(value)]
        return same[0] if same else float(value)


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
    """Which recipes are tried."""

    trials: int = Field(ge=2)
    """Recipes to try; the first is the study's own."""
    generation: int = Field(default=4, ge=1)
    """Trials that are proposed together."""
    pruned_from_epoch: int = Field(default=3, ge=1)
    """A trial whose validation loss is above the median of earlier ones is given up, not before
    this epoch."""
    space: dict[str, Annotated[Dimension, BeforeValidator(_from_list)]] = Field(min_length=1)
    """Field of the recipe -> ``[log, low, high]``, ``[linear, low, high]`` or its options."""

    @model_validator(mode="after")
    def _fields_of_a_recipe(self) -> Search:
        for name in self.space:
            if name not in Recipe.model_fields or name == "epochs":
                known = set(Recipe.model_fields) - {"epochs"}
                raise ValueError(f"a recipe has no '{name}' to search{nearest(name, known)}")
        return self


class Trial(NamedTuple):
    """What became of one recipe.

    Attributes
    ----------
    values : dict
        Field of the recipe -> value, for all fields of the space.
    losses : list of float
        Validation loss of each epoch.
    pruned : bool
        Whether it was given up.
    """

    values: dict[str, Option]
    losses: list[float]
    pruned: bool

    @property
    def best_loss(self) -> float:
        """Lowest validation loss."""
        return min(self.losses, default=math.inf)


def propose(search: Search, told: Sequence[Trial], count: int, seed: int) -> list[dict[str, Any]]:
    """Values to try next.

    Parameters
    ----------
    search : Search
        Its space.
    told : sequence of Trial
        All trials so far, in order.
    count : int
        Proposals wanted.
    seed : int
        Root seed.

    Returns
    -------
    list of dict
        Field of the recipe -> value.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {name: one.distribution() for name, one in search.space.items()}
    sampler = optuna.samplers.TPESampler(
        n_startup_trials=search.generation, seed=seed_at(seed, "search", len(told)) % 2**32
    )
    study = optuna.create_study(sampler=sampler)
    for trial in told:
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


def pruning_limits(search: Search, told: Sequence[Trial], epochs: int) -> list[float]:
    """Validation loss above which a trial is given up, epoch by epoch.

    Returns
    -------
    list of float
        Median over completed trials of their lowest loss so far; infinite for the first epochs,
        for the last, and while fewer than two trials are complete.
    """
    complete = [np.minimum.accumulate(one.losses) for one in told if not one.pruned]
    if len(complete) < 2:
        return [math.inf] * epochs
    medians = np.median(complete, axis=0).tolist()
    free = range(search.pruned_from_epoch)
    return [
        math.inf if epoch in free or epoch == epochs - 1 else medians[epoch]
        for epoch in range(epochs)
    ]


class Pruned(Exception):
    """A trial is given up: others were better at this epoch."""
