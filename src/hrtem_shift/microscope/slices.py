"""A specimen cut into slices across the beam."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stack:
    """Slices of one specimen that have atoms, in the order of the beam.

    Attributes
    ----------
    positions_nm : array, shape (N, 3)
        Atoms.
    atomic_numbers : array, shape (N,)
        Their elements.
    index : array, shape (N,)
        Slice of each atom, counted among those that have some.
    propagation_distances_nm : array, shape (slices,)
        From the middle of each slice to that of the next, and from the last to the exit
        plane: a wave passes empty slices in one step.
    """

    positions_nm: NDArray[np.float64]
    atomic_numbers: NDArray[np.int64]
    index: NDArray[np.int64]
    propagation_distances_nm: NDArray[np.float64]


def cut(
    positions_nm: NDArray[np.float64],
    atomic_numbers: NDArray[np.int64],
    height_nm: float,
    thickness_nm: float,
) -> Stack:
    """Cut a box into slices of equal thickness.

    Parameters
    ----------
    positions_nm : array, shape (N, 3)
        Atoms; what lies above or below the box belongs to its first or last slice.
    atomic_numbers : array, shape (N,)
        Their elements.
    height_nm : float
        Edge of the box along the beam, nm.
    thickness_nm : float
        No slice is thicker, nm.

    Returns
    -------
    Stack
    """
    number = ceil(round(height_nm / thickness_nm, 9))
    step_nm = height_nm / number
    slice_of = np.clip((positions_nm[:, 2] / step_nm).astype(np.int64), 0, number - 1)
    occupied = np.bincount(slice_of, minlength=number) > 0
    # In whole and half slices, so that equal distances are equal numbers.
    distances = np.diff(np.flatnonzero(occupied) + 0.5, append=float(number))
    return Stack(
        positions_nm,
        atomic_numbers,
        index=np.cumsum(occupied)[slice_of] - 1,
        propagation_distances_nm=distances * step_nm,
    )
