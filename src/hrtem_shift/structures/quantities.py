"""Quantities that a parameter file gives as a number or as a distribution.

``5.0`` is fixed, ``[normal, 5.0, 0.4]`` normal (cut at two standard deviations),
``[uniform, 2.0, 8.0]`` uniform; ``[Au, Ag]`` a choice, ``[[Au, 0.7], [Ag, 0.3]]`` a weighted one.
They are lists and not mappings, since an environment's mapping would be merged with the base's.
All are drawn by the inverse of their distribution function, so that points of a unit cube,
however they were chosen, become values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.seeds import generator_at, seed_at

if TYPE_CHECKING:
    import pandas as pd

CUT = 2.0
"""Normal quantities stay within this many standard deviations of their mean."""

Sampler = Literal["independent", "sobol", "latin_hypercube"]


class Normal(ParameterBlock):
    """Normal distribution, cut (and not heaped up) at `CUT` standard deviations."""

    mean: float
    std: float = Field(ge=0)


class Uniform(ParameterBlock):
    """Uniform distribution on [low, high]."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if self.high < self.low:
            raise ValueError(f"high = {self.high:g} is below low = {self.low:g}")
        return self


def _from_list(given: Any) -> Any:
    """``[normal, mean, std]`` or ``[uniform, low, high]`` as the block that it means."""
    if not isinstance(given, list | tuple):
        return given
    name, *numbers = given or [None]
    if len(numbers) != 2 or name not in ("normal", "uniform"):
        raise ValueError(
            f"{given} is no quantity; give a number, [normal, mean, std] or [uniform, low, high]"
        )
    if name == "normal":
        return Normal(mean=numbers[0], std=numbers[1])
    return Uniform(low=numbers[0], high=numbers[1])


Quantity = Annotated[float | Normal | Uniform, BeforeValidator(_from_list)]
Choice = list[str] | list[tuple[str, float]]


def limits(quantity: Quantity) -> tuple[float, float]:
    """Smallest and largest value that a quantity can take."""
    if isinstance(quantity, Normal):
        return quantity.mean - CUT * quantity.std, quantity.mean + CUT * quantity.std
    if isinstance(quantity, Uniform):
        return quantity.low, quantity.high
    return quantity, quantity


def value_at(quantity: Quantity, u: float) -> float:
    """Value whose distribution function is `u`, 0 <= u <= 1."""
    from scipy.special import ndtr, ndtri

    if isinstance(quantity, Normal):
        cut_off = float(ndtr(-CUT))
        return quantity.mean + quantity.std * float(ndtri(cut_off + u * (1 - 2 * cut_off)))
    if isinstance(quantity, Uniform):
        return quantity.low + u * (quantity.high - quantity.low)
    return quantity


def options(choice: Choice) -> list[str]:
    """Options of a choice."""
    return [option if isinstance(option, str) else option[0] for option in choice]


def weights(choice: Choice) -> list[float]:
    """Weight of each option; 1 where none is given."""
    return [1.0 if isinstance(option, str) else option[1] for option in choice]


def choice_at(choice: Choice, u: float) -> str:
    """Option whose share of [0, 1) holds `u`; options without weights have equal shares."""
    shares = weights(choice)
    edges = np.cumsum(shares) / np.sum(shares)
    position = int(np.searchsorted(edges, u, side="right"))
    return options(choice)[min(position, len(shares) - 1)]


def unit_points(
    sampler: Sampler, count: int, names: list[str], seed: int, *address: str | int
) -> pd.DataFrame:
    """Points of a unit cube, one row a draw.

    Parameters
    ----------
    sampler : str
        ``independent``: row i depends on its own address only. ``sobol``: a scrambled Sobol
        sequence; row i is the same however many follow. ``latin_hypercube``: every row
        depends on `count`.
    count : int
        Number of rows.
    names : list of str
        Columns, one a dimension.
    seed, *address
        Root seed and the address of these draws.

    Returns
    -------
    DataFrame
        (count, len(names)) values in [0, 1).
    """
    import pandas as pd

    if sampler == "independent":
        rows = [generator_at(seed, *address, i).random(len(names)) for i in range(count)]
        points = np.array(rows).reshape(count, len(names))
    else:
        from scipy.stats import qmc

        rng = np.random.default_rng(seed_at(seed, *address))
        if sampler == "sobol":
            sequence = qmc.Sobol(len(names), scramble=True, rng=rng)
            points = sequence.random_base2(max(count - 1, 0).bit_length())[:count]
        else:
            points = qmc.LatinHypercube(len(names), rng=rng).random(count)
    return pd.DataFrame(points, columns=names)
