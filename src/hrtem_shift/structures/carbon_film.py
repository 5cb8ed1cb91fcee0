"""An amorphous carbon film as a parameter block: atoms inside two rough surfaces, with a hole.

The film is cut out of a block of amorphous carbon. Coordinates are (x, y, z) in nm with the
beam along +z; the film repeats in x and y. This module does not load numba; `make` does.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hrtem_shift.errors import InputError
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.structures.carbon_limits import (
    DENSEST_PACKING,
    DIAMOND_PER_NM3,
    LONGEST_MINIMUM_NM,
)

HIGHEST = 4.0
"""Surfaces are clipped at this many rms heights above and below their mean plane."""


class CarbonFilm(ParameterBlock):
    """Amorphous carbon between two surfaces, as hard spheres or as a bond network."""

    generator: Literal["hard_spheres", "network"] = "hard_spheres"  # 2 or 3.1 neighbours
    thickness_nm: float = Field(default=5.0, gt=0)  # between the mean planes of the surfaces
    density_per_nm3: float = Field(default=110.3, gt=0)  # 2.2 g/cm³
    min_distance_nm: float = Field(default=0.14, gt=0)
    roughness_rms_nm: float = Field(default=0.0, ge=0)  # each surface has its own heights
    roughness_correlation_nm: float = Field(default=1.0, ge=0.2)  # where exp(-1) is left
    hole_diameter_nm: float | None = Field(default=None, gt=0)
    hole_centre_nm: tuple[float, float] | None = None  # (x, y); None is the field's middle

    @model_validator(mode="after")
    def _possible(self) -> CarbonFilm:
        packing = self.density_per_nm3 * np.pi / 6 * self.min_distance_nm**3
        if self.generator == "hard_spheres" and packing > DENSEST_PACKING:
            raise ValueError(
                f"{self.density_per_nm3:g} atoms per nm³ at least {self.min_distance_nm:g} nm "
                f"apart fill {packing:.0%}, and inserted spheres jam above "
                f"{DENSEST_PACKING:.0%}; lower density_per_nm3 or min_distance_nm"
            )
        if self.generator == "network" and self.density_per_nm3 > DIAMOND_PER_NM3:
            raise ValueError(
                f"{self.density_per_nm3:g} atoms per nm³ are more than diamond's "
                f"{DIAMOND_PER_NM3:g}; lower density_per_nm3"
            )
        if self.generator == "network" and self.min_distance_nm > LONGEST_MINIMUM_NM:
            raise ValueError(
                f"carbon bonds are as short as {LONGEST_MINIMUM_NM:g} nm, and "
                f"min_distance_nm is {self.min_distance_nm:g}; lower it or make hard_spheres"
            )
        if 6 * self.roughness_rms_nm > self.thickness_nm:
            raise ValueError(
                f"roughness_rms_nm of {self.roughness_rms_nm:g} on a film of "
                f"{self.thickness_nm:g} nm would tear it: the surfaces meet above a sixth of "
                "the thickness; give a thicker or a smoother film"
            )
        return self

    @property
    def exit_surface_nm(self) -> float:
        """Height of the exit surface's mean plane, where particles are put, nm.

        The thickness, and where the film is rough the room for the entrance surface's
        valleys below it, so that no atom has z < 0.
        """
        return self.thickness_nm + HIGHEST * self.roughness_rms_nm

    def make(self, field_nm: float, rng: np.random.Generator) -> NDArray[np.float64]:
        """Fill the film with atoms.

        Parameters
        ----------
        field_nm : float
            Edge of the square field, along which the film repeats, nm.
        rng : numpy.random.Generator
            Source of every random number.

        Returns
        -------
        array, shape (N, 3)
            Positions (x, y, z), nm; z >= 0, and the exit surface's mean plane is
            ``exit_surface_nm``. A smooth film without a hole has density times volume atoms,
            rounded; a cut one has as many as fall inside.

        Raises
        ------
        InputError
            The hole or the roughness does not fit into the field, or the generator refuses.
        """
        self.check_field(field_nm)
        if not self.roughness_rms_nm:
            block_nm = self._block(field_nm, self.thickness_nm, rng)
            return self._outside_the_hole(block_nm, field_nm)
        low, high = (
            rough_surface(field_nm, self.roughness_rms_nm, self.roughness_correlation_nm, rng)
            for _ in range(2)
        )
        low += self.exit_surface_nm - self.thickness_nm
        high += self.exit_surface_nm
        block_nm = self._block(field_nm, float(high.max() - low.min()), rng)
        block_nm[:, 2] += low.min()
        z_nm = block_nm[:, 2]
        inside = (z_nm >= height_at(low, block_nm, field_nm)) & (
            z_nm < height_at(high, block_nm, field_nm)
        )
        return self._outside_the_hole(block_nm[inside], field_nm)

    def _block(
        self, field_nm: float, height_nm: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        size_nm = (field_nm, field_nm, height_nm)
        if self.generator == "network":
            from hrtem_shift.structures.carbon_network import carbon_network

            return carbon_network(
                size_nm,
                density_per_nm3=self.density_per_nm3,
                min_distance_nm=self.min_distance_nm,
                rng=rng,
            )
        from hrtem_shift.structures.carbon import amorphous_carbon

        return amorphous_carbon(
            size_nm,
            density_per_nm3=self.density_per_nm3,
            min_distance_nm=self.min_distance_nm,
            rng=rng,
        )

    def _outside_the_hole(
        self, positions_nm: NDArray[np.float64], field_nm: float
    ) -> NDArray[np.float64]:
        if self.hole_diameter_nm is None:
            return positions_nm
        from_centre = positions_nm[:, :2] - (self.hole_centre_nm or (field_nm / 2, field_nm / 2))
        from_centre -= field_nm * np.round(from_centre / field_nm)  # the nearest copy of the hole
        return positions_nm[np.hypot(*from_centre.T) >= self.hole_diameter_nm / 2]

    def check_field(self, field_nm: float) -> None:
        """Raise `InputError` when the hole or the roughness does not fit into the field."""
        if self.hole_diameter_nm is not None and self.hole_diameter_nm >= field_nm:
            raise InputError(
                f"a hole of {self.hole_diameter_nm:g} nm in a film of {field_nm:g} nm",
                where="carbon.hole_diameter_nm",
                why="The film repeats, and its holes would join",
                fix="Give a smaller hole or a larger field_nm",
            )
        if self.roughness_rms_nm and 2 * self.roughness_correlation_nm > field_nm:
            raise InputError(
                f"a correlation length of {self.roughness_correlation_nm:g} nm in a field of "
                f"{field_nm:g} nm",
                where="carbon.roughness_correlation_nm",
                why="A surface that repeats holds no hills wider than half of its field",
                fix="Give a shorter correlation length or a larger field_nm",
            )


def rough_surface(
    field_nm: float, rms_nm: float, correlation_nm: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Random heights with a Gaussian autocorrelation, periodic.

    Parameters
    ----------
    field_nm : float
        Edge of the square field, nm.
    rms_nm : float
        Root mean square of the heights, met by every surface, nm.
    correlation_nm : float
        Distance at which the autocorrelation has fallen to exp(-1), nm.
    rng : numpy.random.Generator
        Source of every random number.

    Returns
    -------
    array, shape (n, n)
        Heights at (i, j) * field_nm / n along x and y, nm, of mean zero; eight samples or
        more a correlation length.

    Notes
    -----
    White noise times exp(-(k c)² / 8) in Fourier space: its square is the transform of the
    autocorrelation exp(-r² / c²).
    """
    samples = int(np.clip(np.ceil(8 * field_nm / correlation_nm), 16, 1024))
    k = 2 * np.pi * np.fft.fftfreq(samples, d=field_nm / samples)
    damping = np.exp(-((k * correlation_nm) ** 2) / 8)
    waves = np.fft.fft2(rng.standard_normal((samples, samples))) * damping[:, None] * damping
    waves[0, 0] = 0
    heights = np.fft.ifft2(waves).real
    heights *= rms_nm / heights.std()
    return np.asarray(np.clip(heights, -HIGHEST * rms_nm, HIGHEST * rms_nm))


def height_at(
    surface_nm: NDArray[np.float64], positions_nm: NDArray[np.float64], field_nm: float
) -> NDArray[np.float64]:
    """Height of a periodic surface above the (x, y) of each atom, bilinear, shape (N,), nm."""
    samples = len(surface_nm)
    at = positions_nm[:, :2] * (samples / field_nm)
    i, j = np.floor(at).astype(np.int64).T
    u, v = (at - np.floor(at)).T
    i, j, i1, j1 = i % samples, j % samples, (i + 1) % samples, (j + 1) % samples
    near = surface_nm[i, j] * (1 - v) + surface_nm[i, j1] * v
    far = surface_nm[i1, j] * (1 - v) + surface_nm[i1, j1] * v
    return np.asarray(near * (1 - u) + far * u)
