"""Mosaic of scenes that are exposed as one image, as wide as a camera.

A real micrograph of 82 nm shows some ten particles, and flat field and standardization see all of
it. Scenes of a quarter of its width are computed one by one. They do not continue each other:
patches must not cross a seam.
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
