"""Micrographs as large as the published ones, with what preparation takes away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.detector import record

EDGE_px = 4096
PIXEL_SIZE_nm = 0.02
XRAY_THRESHOLD_counts = 1500.0
_DIAMETER_nm, _SIGNAL = 5.0, 0.15


def micrograph(index: int) -> NDArray[np.float32]:
    """Whole counts (4096, 4096), about 3,200: 20 dark particles, grain, an uneven beam, x-rays.

    884 electrons per Å², the camera's own scatter and gain, x-rays at the border too.
    """
    rng = np.random.default_rng(index)
    intensity = np.ones((EDGE_px, EDGE_px), dtype=np.float32)
    radius_px = _DIAMETER_nm / 2 / PIXEL_SIZE_nm
    for row, column in rng.uniform(radius_px, EDGE_px - radius_px, (20, 2)):
        box = tuple(slice(int(c - radius_px), int(c + radius_px) + 1) for c in (row, column))
        y, x = np.ogrid[box]
        away = np.hypot(y - row, x - column) / radius_px
        intensity[box] -= _SIGNAL * np.sqrt(np.maximum(1 - away**2, 0)).astype(np.float32)
    conditions = ImagingConditions(
        dose_e_per_A2=884,
        counts_per_electron=90,
        scatter_std_px=0.5,
        spot_std_px=0.7,
        gain_error_std=0.01,
        illumination_drop=0.15,
        illumination_centre_x=0.35,
        illumination_centre_y=0.6,
    )
    counts = np.round(record(intensity, conditions, PIXEL_SIZE_nm, rng))
    struck = rng.integers(1, EDGE_px - 1, (6, 2))
    struck[0, 0], struck[1] = 0, struck[2] + (0, 1)  # one at the border, two side by side
    counts[struck[:, 0], struck[:, 1]] += rng.integers(30_000, 60_000, len(struck))
    return counts
