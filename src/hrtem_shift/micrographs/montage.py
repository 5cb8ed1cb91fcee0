"""Micrographs as wide as a camera: scenes side by side, exposed as one image.

A real micrograph of 82 nm holds some ten particles, and what is done to it whole (flat field,
standardizing) sees all of it. Scenes of a quarter of that, each computed for itself, take
their place. They do not continue each other: patches must not lie on a seam.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def montage(tiles: Sequence[NDArray], across: int) -> NDArray:
    """Square of tiles, row by row from the top left.

    Parameters
    ----------
    tiles : sequence of ndarray, across² of shape (H, W)
        Images or masks.
    across : int
        Tiles along an edge.

    Returns
    -------
    ndarray, shape (across H, across W)
    """
    rows = [list(tiles[i : i + across]) for i in range(0, across * across, across)]
    return np.block(rows)
