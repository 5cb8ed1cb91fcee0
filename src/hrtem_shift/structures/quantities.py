"""Quantities that a parameter file gives as a number or as a distribution.

``5.0`` is fixed, ``{mean: 5.0, std: 0.4}`` normal (cut at two standard deviations),
``{low: 2.0, high: 8.0}`` uniform; ``[Au, Ag]`` a choice, ``{Au: 0.7, Ag: 0.3}`` a weighted one.
All are drawn by the inverse of their distribution function, so that points of a unit cube,
however they were chosen, become values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

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


Quantity = float | Normal | Uniform
Choice = list[str] | dict[str, float]


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
    """What a choice may come out as."""
    return list(choice)


def choice_at(choice: Choice, u: float) -> str:
    """Option whose share of [0, 1) holds `u`; a list has equal shares."""
    weights = list(choice.values()) if isinstance(choice, dict) else [1.0] * len(choice)
    edges = np.cumsum(weights) / np.sum(weights)
    position = int(np.searchsorted(edges, u, side="right"))
    return options(choice)[min(position, len(weights) - 1)]


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
    from scipy.stats import qmc

    if sampler == "independent":
        rows = [generator_at(seed, *address, i).random(len(names)) for i in range(count)]
        points = np.array(rows).reshape(count, len(names))
    else:
        rng = np.random.default_rng(seed_at(seed, *address))
        if sampler == "sobol":
            sequence = qmc.Sobol(len(names), scramble=True, rng=rng)
            points = sequence.random_base2(max(count - 1, 0).bit_length())[:count]
        else:
            points = qmc.LatinHypercube(len(names), rng=rng).random(count)
    return pd.DataFrame(points, columns=names)
