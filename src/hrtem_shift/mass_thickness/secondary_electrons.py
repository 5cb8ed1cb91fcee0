"""A plain look of secondary electrons: steep is bright, the uppermost hides what is below.

Not a simulation of electron trajectories. The yield of a surface rises with 1 / cos of its tilt
(L. Reimer, *Scanning Electron Microscopy*, 2nd ed. (1998), section 4.2); a detector at one side
adds light from there; particles darken what lies beside them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.mass_thickness.films import substrate

Map = NDArray[np.float32]

HIGHEST_YIELD = 2.5
"""Above that of a flat surface, which the yield of a steep one does not exceed."""


class Surface:
    """A bulk substrate on which particles are painted, one over the other.

    Parameters
    ----------
    shape : tuple of int
        (H, W) [px].
    rng : Generator
        Draws the substrate and what all particles of an image share.
    """

    def __init__(self, shape: tuple[int, int], rng: np.random.Generator) -> None:
        self.bare = substrate(shape, rng)
        self.brightness = self.bare.copy()
        self._flat = max(float(self.bare.mean()) + rng.uniform(0.08, 0.8), 0.05)
        if rng.random() < 0.12:
            self._flat *= 0.35  # only rims are bright
        self._edge = 0.35 * rng.uniform(0.05, 1.2)
        angle = rng.uniform(0, 2 * np.pi)
        self._light = 0.5 * rng.uniform(0, 0.3) * np.array([np.sin(angle), np.cos(angle)])
        self._shadow, self._shadow_width = rng.uniform(0, 0.8), rng.uniform(0.06, 0.35)

    def paint(
        self,
        window: tuple[slice, slice],
        part: tuple[slice, slice],
        height: Map,
        radius_px: float,
        texture: Map | float = 1.0,
        strength: float = 1.0,
    ) -> None:
        """Paint a particle over what is there.

        Parameters
        ----------
        window : tuple of slice
            Where it lies on the image.
        part : tuple of slice
            The part of its map that does.
        height : ndarray of float32, shape (2 n + 1, 2 n + 1)
            How high the particle is [px]; 0 beside it.
        radius_px : float
            Of a disc of about its area [px].
        texture : ndarray or float
            Multiplies the thickness of the part; about 1.
        strength : float
            How bright the particle is against others.
        """
        from scipy.ndimage import gaussian_filter

        inside = height[part] > 0
        slope_y, slope_x = np.gradient(gaussian_filter(height, max(0.8, 0.03 * radius_px)))
        slope_y, slope_x = slope_y[part], slope_x[part]
        tilt = np.minimum(np.sqrt(1 + slope_y**2 + slope_x**2) - 1, HIGHEST_YIELD)
        grain = 1 + 0.35 * (np.asarray(texture) - 1)
        shade = self._flat * np.sqrt(strength) * grain + self._edge * tilt
        shade = shade + self._light[0] * slope_y + self._light[1] * slope_x
        width_px = max(1.0, self._shadow_width * radius_px)
        near = gaussian_filter((height > 0).astype(np.float32), width_px)[part]
        behind = self.brightness[window] * (1 - self._shadow * np.minimum(1.6 * near, 1))
        self.brightness[window] = np.where(inside, np.maximum(shade, 0.02), behind)
