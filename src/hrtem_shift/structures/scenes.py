"""Scenes: particles on an amorphous film, and the distribution they are drawn from.

Coordinates are (x, y, z) in nm with the beam along +z. The film lies at the entrance side,
0 <= z < carbon_thickness_nm, and the particle at the exit side, so that the last plane of a
scene touches the top of its particle. Scenes repeat in x and y.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.structures.crystals import CRYSTALS, fill_sphere, random_rotation

CARBON = 6
STD_LIMIT = 2.0
"""Particle diameters stay within this many standard deviations of their mean."""


@dataclass(frozen=True)
class Sphere:
    """A round particle: centre (x, y, z) and diameter, nm."""

    centre_nm: tuple[float, float, float]
    diameter_nm: float


@dataclass(frozen=True, eq=False)
class Scene:
    """Atoms in a box, and which object each belongs to.

    Attributes
    ----------
    size_nm : tuple of float
        Edges (x, y, z) of the box, nm.
    positions_nm : array, shape (N, 3)
        Atoms (x, y, z), nm.
    atomic_numbers : array, shape (N,)
        Their elements.
    object_id : array, shape (N,)
        0 is the film, k >= 1 is ``particles[k - 1]``.
    particles : tuple of Sphere
        The ideal particles: what masks and thickness maps are made from.
    """

    size_nm: tuple[float, float, float]
    positions_nm: NDArray[np.float64]
    atomic_numbers: NDArray[np.int64]
    object_id: NDArray[np.int64]
    particles: tuple[Sphere, ...]


class SceneDistribution(ParameterBlock):
    """One sphere of random size, place and orientation on a carbon film."""

    material: str = "Au"
    field_nm: float = Field(default=10.24, gt=0)
    particle_diameter_nm_mean: float = Field(default=5.0, gt=0)
    particle_diameter_nm_std: float = Field(default=0.4, ge=0)  # clipped at 2 SD
    carbon_thickness_nm: float = Field(default=3.0, gt=0)
    carbon_density_per_nm3: float = Field(default=110.3, gt=0)  # 2.2 g/cm³
    carbon_min_distance_nm: float = Field(default=0.14, gt=0)
    contact_distance_nm: float = Field(default=0.2, ge=0)  # carbon nearer to a particle is removed
    embedding_nm: float = Field(default=0.2, ge=0)  # how deep the sphere dips into the film

    @field_validator("material")
    @classmethod
    def _known(cls, material: str) -> str:
        if material not in CRYSTALS:
            raise ValueError(f"no crystal '{material}'{nearest(material, CRYSTALS)}")
        return material

    @model_validator(mode="after")
    def _fits(self) -> SceneDistribution:
        smallest, largest = self.diameter_limits_nm
        if largest > self.field_nm:
            raise ValueError(
                f"particles of up to {largest:g} nm (mean + {STD_LIMIT:g} standard deviations) "
                f"do not fit into a field_nm of {self.field_nm:g}; give a larger field or "
                "smaller particles"
            )
        if smallest < 1:
            raise ValueError(
                f"particles of down to {smallest:g} nm (mean - {STD_LIMIT:g} standard "
                "deviations) are smaller than 1 nm, which is not a crystal; "
                "raise the mean or lower particle_diameter_nm_std"
            )
        if self.embedding_nm > min(smallest, self.carbon_thickness_nm):
            raise ValueError(
                f"embedding_nm of {self.embedding_nm:g} is deeper than the film "
                f"({self.carbon_thickness_nm:g} nm) or the smallest particle ({smallest:g} nm)"
            )
        return self

    @property
    def diameter_limits_nm(self) -> tuple[float, float]:
        """Smallest and largest diameter that can be drawn, nm."""
        spread = STD_LIMIT * self.particle_diameter_nm_std
        return self.particle_diameter_nm_mean - spread, self.particle_diameter_nm_mean + spread


def draw_scene(distribution: SceneDistribution, rng: np.random.Generator) -> Scene:
    """Draw one scene.

    Parameters
    ----------
    distribution : SceneDistribution
        What may come out.
    rng : numpy.random.Generator
        Source of every random number; the same state gives the same atoms.

    Returns
    -------
    Scene
        Film atoms first, then the particle's.
    """
    from hrtem_shift.structures.carbon import amorphous_carbon

    sphere = _draw_sphere(distribution, rng)
    crystal = CRYSTALS[distribution.material]
    particle_nm, elements = fill_sphere(
        crystal, sphere.diameter_nm, random_rotation(rng), rng.random(3)
    )
    particle_nm = particle_nm + np.array(sphere.centre_nm)
    field_nm = distribution.field_nm
    film_nm = amorphous_carbon(
        (field_nm, field_nm, distribution.carbon_thickness_nm),
        density_per_nm3=distribution.carbon_density_per_nm3,
        min_distance_nm=distribution.carbon_min_distance_nm,
        rng=rng,
    )
    film_nm = film_nm[_clear_of(film_nm, particle_nm, distribution.contact_distance_nm, field_nm)]
    top_nm = sphere.centre_nm[2] + sphere.diameter_nm / 2
    return Scene(
        size_nm=(field_nm, field_nm, max(top_nm, distribution.carbon_thickness_nm)),
        positions_nm=np.concatenate([film_nm, particle_nm]),
        atomic_numbers=np.concatenate([np.full(len(film_nm), CARBON), elements]),
        object_id=np.repeat([0, 1], [len(film_nm), len(particle_nm)]),
        particles=(sphere,),
    )


def projected_thickness_nm(scene: Scene, pixels: int) -> NDArray[np.float32]:
    """Length of the beam's path inside the ideal particles.

    Parameters
    ----------
    scene : Scene
        Only its size and its particles are used: no atom, no image.
    pixels : int
        Samples along each edge. Sample i stands at i times the pixel size, like those of
        the exit wave.

    Returns
    -------
    array of float32, shape (H, W)
        Sum of the chords over the particles, nm; zero outside.
    """
    x_nm = np.arange(pixels) * (scene.size_nm[0] / pixels)
    y_nm = np.arange(pixels) * (scene.size_nm[1] / pixels)
    thickness_nm = np.zeros((pixels, pixels))
    for sphere in scene.particles:
        x0, y0, _ = sphere.centre_nm
        distance2 = (x_nm[None, :] - x0) ** 2 + (y_nm[:, None] - y0) ** 2
        thickness_nm += 2 * np.sqrt(np.maximum(sphere.diameter_nm**2 / 4 - distance2, 0))
    return thickness_nm.astype(np.float32)


def _draw_sphere(distribution: SceneDistribution, rng: np.random.Generator) -> Sphere:
    """Draw a diameter, and a place where the sphere lies wholly inside the field."""
    diameter_nm = float(
        distribution.particle_diameter_nm_mean
        + distribution.particle_diameter_nm_std
        * np.clip(rng.standard_normal(), -STD_LIMIT, STD_LIMIT)
    )
    radius_nm = diameter_nm / 2
    x_nm, y_nm = rng.uniform(radius_nm, distribution.field_nm - radius_nm, size=2)
    z_nm = distribution.carbon_thickness_nm - distribution.embedding_nm + radius_nm
    return Sphere((float(x_nm), float(y_nm), z_nm), diameter_nm)


def _clear_of(
    film_nm: NDArray[np.float64],
    particle_nm: NDArray[np.float64],
    distance_nm: float,
    field_nm: float,
) -> NDArray[np.bool_]:
    """Which film atoms keep their distance from the particle, periodic in x and y."""
    from scipy.spatial import cKDTree

    clear = np.ones(len(film_nm), dtype=bool)
    near = np.flatnonzero(film_nm[:, 2] > particle_nm[:, 2].min() - distance_nm)
    wrapped = particle_nm.copy()
    wrapped[:, :2] %= field_nm
    tree = cKDTree(wrapped, boxsize=(field_nm, field_nm, 0))
    gap_nm, _ = tree.query(film_nm[near], distance_upper_bound=distance_nm)
    clear[near] = np.isinf(gap_nm)  # the tree says inf where nothing is nearer
    return clear
