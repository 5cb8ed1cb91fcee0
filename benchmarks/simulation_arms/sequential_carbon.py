"""Random sequential insertion of carbon as it has been published: a loop of Python over numpy.

The algorithm of Construction Zone (Rakowski et al., npj Comput. Mater. 10 (2024) 165) in its
plain form: draw a place, measure its distances to the atoms in the cells around it, keep it if
none is nearer than the minimum, until the density is reached; periodic in x and y.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray


def sequential_carbon(
    size_A: tuple[float, float, float],
    rng: np.random.Generator,
    min_distance_A: float = 1.4,
    density_per_A3: float = 0.1103,
) -> NDArray[np.float64]:
    """Positions (N, 3) in Å of hard spheres in a box."""
    size = np.array(size_A)
    positions = np.empty((round(density_per_A3 * float(size.prod())), 3))
    across, along, up = shape = tuple(int(cells) for cells in np.floor(size / min_distance_A))
    edge = size / shape  # not below the minimum: only the 27 cells around can hold a neighbour
    atoms_in: dict[tuple[int, int, int], list[int]] = {}
    around = {
        (i, j, k): [((i + a) % across, (j + b) % along, k + c) for a, b, c in OFFSETS]
        for i, j, k in product(range(across), range(along), range(up))
    }
    count = 0
    while count < len(positions):
        place = rng.random(3) * size
        i, j, k = (place / edge).astype(int)
        near = [atom for cell in around[i, j, k] for atom in atoms_in.get(cell, ())]
        away = np.abs(positions[near] - place)
        away[:, :2] = np.minimum(away[:, :2], size[:2] - away[:, :2])
        if near and (away**2).sum(axis=1).min() < min_distance_A**2:
            continue
        positions[count] = place
        atoms_in.setdefault((int(i), int(j), int(k)), []).append(count)
        count += 1
    return positions


OFFSETS = list(product((-1, 0, 1), repeat=3))
