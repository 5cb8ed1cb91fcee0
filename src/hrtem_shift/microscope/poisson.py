"""Electrons that arrive at random: Poisson numbers of many means, exactly and fast.

A mean is a multiple of 1/4 and a rest. Numbers of the multiple come from a table of
cumulative probabilities, by inversion with a guide (Devroye, Non-Uniform Random Variate
Generation (1986), chapter III.2.4); numbers of the rest, mostly zero, are added: sums of
Poisson numbers are Poisson. One uniform number makes both, since what is left of it within
its entry of the table is uniform again.

This module imports numba; import it where images are made, not where parameters are read.
"""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.compiled import compiled

LARGEST_MEAN = 256.0
"""Beyond it numpy's sampler is as fast: tables are long, and few pixels share one."""
STEPS = 4
"""Tables between a mean and the next integer."""
GUIDES = 256
"""Entrances to a table, evenly spaced in probability."""
NEVER = 2.0**-54
"""Half the spacing of uniform numbers."""


def poisson_counts(expected: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a Poisson number for each mean.

    Parameters
    ----------
    expected : array
        Mean of each pixel, 0 or more. If one is above `LARGEST_MEAN`, numpy draws them all.
    rng : numpy.random.Generator
        Source of the random numbers, one a pixel.

    Returns
    -------
    array of float32, shape of `expected`
        Whole numbers, their probabilities within 1e-14.

    Raises
    ------
    ValueError
        A mean is negative or not a number.
    """
    least, most = expected.min(), expected.max()
    if not (least >= 0 and most <= LARGEST_MEAN):
        return rng.poisson(expected).astype(np.float32)
    tables, longest = int(STEPS * most) + 1, int(2 * _reach(float(most))) + 2
    cumulative = np.empty((tables, longest))
    guide = np.empty((tables, GUIDES), dtype=np.uint16)
    counts = np.empty(expected.shape, dtype=np.float32)
    uniform = rng.random(expected.size)
    _invert(expected.reshape(-1), uniform, cumulative, guide, counts.reshape(-1))
    return counts


@compiled
def _reach(mean):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Numbers further from the mean have a chance below `NEVER`."""
    return 9 * sqrt(mean) + 20


@compiled
def _tabulate(mean, least, cumulative, guide):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Chances of at most least + k, and the first k whose chance is above g / GUIDES."""
    chance = total = 1.0
    for k in range(len(cumulative)):
        cumulative[k] = total
        chance *= mean / (least + k + 1)
        total += chance
    cumulative /= cumulative[-1]
    k = 0
    for g in range(GUIDES):
        while cumulative[k] <= g / GUIDES:
            k += 1
        guide[g] = k


@compiled
def _invert(expected, uniform, cumulative, guide, counts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Fill `counts`; tables are made when a mean first needs them."""
    least = np.full(len(cumulative), -1)
    for pixel in range(len(expected)):
        table = int(STEPS * expected[pixel])
        mean = table / STEPS
        rest = expected[pixel] - mean
        if least[table] < 0:
            least[table] = max(0, int(mean - _reach(mean)))
            _tabulate(mean, least[table], cumulative[table], guide[table])
        k = int(guide[table, int(GUIDES * uniform[pixel])])
        while cumulative[table, k] <= uniform[pixel]:
            k += 1
        below = cumulative[table, k - 1] if k > 0 else 0.0
        left = (uniform[pixel] - below) / (cumulative[table, k] - below)
        more = 0
        if left >= 1 - rest:  # 1 - rest <= exp(-rest) spares most exponentials
            chance = exp(-rest)
            while left >= chance > NEVER:
                left -= chance
                more += 1
                chance *= rest / more
        counts[pixel] = least[table] + k + more
