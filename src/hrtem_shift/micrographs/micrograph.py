"""One micrograph: image, label and calibration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError


@dataclass(frozen=True, eq=False)
class Micrograph:
    """A simulated or recorded micrograph.

    Parameters
    ----------
    name : str
        Unique within its data set.
    pixels : ndarray of float32, shape (H, W)
        Intensities as recorded, any unit; row 0 is the top.
    pixel_size_nm : float
        Edge of a pixel [nm].
    mask : ndarray of bool, shape (H, W)
        True on particles.
    metadata : dict
        Group, dose_e_per_A2 and free columns of the table.

    Raises
    ------
    InputError
        Pixels and mask are not two-dimensional and of the same shape.
    """

    name: str
    pixels: NDArray[np.float32]
    pixel_size_nm: float
    mask: NDArray[np.bool_]
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.shape != self.mask.shape:
            raise InputError(
                f"pixels have shape {self.pixels.shape} and the mask {self.mask.shape}",
                where=f"micrograph {self.name}",
                why="A mask labels each pixel of its image",
                fix="Give a two-dimensional image and a mask of the same shape",
            )
