"""Baselines for the overlap of transfers: similarities that need no or little optics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.conditions import Lens

DEFOCUS_DISTANCE = "abs(delta C1)"
"""The baseline of the criteria."""


def baselines(
    lenses: Sequence[Lens],
    power: NDArray[np.float64],
    image_distance: ArrayLike | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Similarities of all conditions with all conditions, larger is more alike.

    Parameters
    ----------
    lenses : sequence of Lens, N of them
        The conditions.
    power : array, shape (N,)
        Their transfer power.
    image_distance : array_like, shape (N, N), optional
        Distance of statistics of the images.

    Returns
    -------
    dict
        Name -> array, shape (N, N), rows train and columns test: minus the difference of
        defocus, minus the difference of its magnitude, the transfer power of the test
        condition alone, and minus `image_distance`.

    Raises
    ------
    InputError
        The distances have another shape.
    """
    c1_nm = np.array([lens.defocus_nm for lens in lenses])
    similarities = {
        DEFOCUS_DISTANCE: -np.abs(np.subtract.outer(c1_nm, c1_nm)),
        "abs(abs C1 - abs C1')": -np.abs(np.subtract.outer(np.abs(c1_nm), np.abs(c1_nm))),
        "transfer power of the test": np.tile(power, (len(lenses), 1)),
    }
    if image_distance is not None:
        distance = np.asarray(image_distance, dtype=np.float64)
        if distance.shape != (len(lenses), len(lenses)):
            raise InputError(
                f"shape {distance.shape}",
                where="image_distance",
                why=f"There are {len(lenses)} conditions",
                fix="Give the distance of the images of all conditions from each other",
            )
        similarities["image statistics"] = -distance
    return similarities


def image_distance(statistics: ArrayLike) -> NDArray[np.float64]:
    """Distance of conditions by statistics of their images, each in its standard deviations.

    Parameters
    ----------
    statistics : array_like, shape (N, K)
        K statistics of the images of each condition.

    Returns
    -------
    array of float64, shape (N, N)
    """
    table = np.asarray(statistics, dtype=np.float64)
    spread = table.std(axis=0, ddof=1)
    scaled = table[:, spread > 0] / spread[spread > 0]
    return np.linalg.norm(scaled[:, None] - scaled[None], axis=-1)
