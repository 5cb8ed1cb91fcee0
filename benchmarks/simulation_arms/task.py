"""What every arm computes: the same scene, grid and conditions."""

from __future__ import annotations

import numpy as np

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.structures.film_distribution import FilmDistribution
from hrtem_shift.structures.scene_building import draw_scene
from hrtem_shift.structures.scene_distribution import ParticleDistribution, SceneDistribution
from hrtem_shift.structures.scenes import Scene

FIELD_nm, CARBON_nm, DIAMETER_nm = 10.24, 5.0, 5.0
ENERGY_keV, SLICE_nm = 300.0, 0.2
PIXELS = 512
PIXEL_SIZE_nm = FIELD_nm / PIXELS
DOSE_e_per_A2 = 400.0
DISTRIBUTION = SceneDistribution(
    field_nm=FIELD_nm,
    particles=ParticleDistribution(diameter_nm=DIAMETER_nm, planar_defects=2),
    carbon=FilmDistribution(thickness_nm=CARBON_nm),
)


def scene(index: int) -> Scene:
    """A gold sphere on carbon, about 61,600 atoms in 49 slices of 0.2 nm."""
    return draw_scene(DISTRIBUTION, 0, "benchmark", index)


def joint_conditions(count: int, index: int) -> list[ImagingConditions]:
    """Defocus, Cs, twofold astigmatism and focal spread, all random, of each image."""
    rng = np.random.default_rng(index)
    return [
        ImagingConditions(
            defocus_nm=rng.normal(10, 3),
            cs_mm=rng.normal(0, 0.01),
            c12_nm=rng.uniform(0, 5),
            c12_azimuth_deg=rng.uniform(0, 180),
            focal_spread_std_nm=rng.uniform(0.7, 3),
            dose_e_per_A2=DOSE_e_per_A2,
        )
        for _ in range(count)
    ]
