"""The camera: electrons that arrive one by one, and its point spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.imaging import ImagingConditions

ANGSTROM_PER_NM = 10.0


def record(
    intensity: NDArray[np.floating],
    conditions: ImagingConditions,
    pixel_size_nm: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Expose the camera.

    Counts are Poisson with the mean dose x pixel area x intensity; each is then spread over
    its neighbours by a sampled Gaussian of SD `mtf_std_px` (cut at 4 SD, periodic at the
    borders), which keeps the number of electrons and correlates the noise. The spread comes
    after the noise, as in a camera whose every electron makes a blurred spot.

    Parameters
    ----------
    intensity : array, shape (H, W)
        Image where vacuum is 1.
    conditions : ImagingConditions
        `dose_e_per_A2` and `mtf_std_px` are used.
    pixel_size_nm : float
        Edge of a pixel, nm.
    rng : numpy.random.Generator
        Source of every random number.

    Returns
    -------
    array of float32, shape (H, W)
        Electrons per pixel.
    """
    from scipy.ndimage import gaussian_filter

    electrons_per_pixel = conditions.dose_e_per_A2 * (pixel_size_nm * ANGSTROM_PER_NM) ** 2
    counts = rng.poisson(electrons_per_pixel * np.asarray(intensity, dtype=np.float64))
    spread: NDArray[np.float32] = gaussian_filter(
        counts.astype(np.float32), conditions.mtf_std_px, mode="wrap"
    )
    return spread
