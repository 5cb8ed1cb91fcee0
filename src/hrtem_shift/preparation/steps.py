"""Steps on a whole micrograph before it is cut: x-rays, resampling, flat field, rescaling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.preparation.flat_field import PUBLISHED_SCALE, flatten
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.resampling import resampled
from hrtem_shift.preparation.rescaling import RESCALINGS
from hrtem_shift.preparation.xrays import remove_xrays


@dataclass(frozen=True, eq=False)
class Prepared:
    """A micrograph that is ready to be cut, and measurements of the steps.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Rescaled intensities, resampled where a factor was given.
    xrays_px : int or None
        Number of x-ray pixels; None without that step.
    background_range_counts : tuple of float, or None
        Lowest and highest fitted background, counts; None without a flat field.
    """

    pixels: NDArray[np.float32]
    xrays_px: int | None = None
    background_range_counts: tuple[float, float] | None = None


def prepare(pixels: NDArray, preparation: Preparation, factor: float = 1.0) -> Prepared:
    """Remove x-rays, resample, divide by the flat field, rescale: in this order, as asked for.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Counts as recorded; left unchanged.
    preparation : Preparation
        Which steps, and how.
    factor : float
        How many times as fine the grid becomes, after x-rays are removed:
        `hrtem_shift.preparation.resampling.resampling_factor`.

    Returns
    -------
    Prepared

    Raises
    ------
    InputError
        As `flatten` and the rescalings do.
    """
    result: NDArray[np.float32] | None = None  # no step needs memory beside the first result
    xrays_px, background_range = None, None
    if preparation.xray_threshold_counts is not None:
        pixels, xrays_px = remove_xrays(pixels, preparation.xray_threshold_counts)
        result = pixels
    if factor != 1:
        result = resampled(np.asarray(pixels, np.float32), factor)
        pixels = result
    if preparation.flat_field is not None:
        scale = preparation.flat_field_scale or PUBLISHED_SCALE
        result, background_range = flatten(pixels, scale, preparation.flat_field, out=result)
        pixels = result
    if preparation.rescaling is None:
        return Prepared(
            np.array(pixels, np.float32) if result is None else result, xrays_px, background_range
        )
    return Prepared(
        RESCALINGS[preparation.rescaling](pixels, out=result), xrays_px, background_range
    )
