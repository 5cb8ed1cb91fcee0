"""Distributions of scenes: a parameter block says what may come out, an index what does."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, field_validator, model_validator

from hrtem_shift.errors import InputError
from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.seeds import generator_at
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.film_distribution import FilmDistribution
from hrtem_shift.structures.particle_shapes import SHAPES, layers_of, make_particle, shapes_of
from hrtem_shift.structures.planar_defects import MIN_GAP_LAYERS
from hrtem_shift.structures.quantities import (
    Choice,
    Quantity,
    Sampler,
    Uniform,
    choice_at,
    limits,
    options,
    unit_points,
    value_at,
    weights,
)
from hrtem_shift.structures.scenes import Scene, SceneObject, assemble
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    import pandas as pd

CARBON = 6
DENSEST_COVER = 0.4
"""Share of the field that particles and their gaps may cover; random placement jams at 0.55."""
TRIES = 20_000


class ParticleDistribution(ParameterBlock):
    """What particles a scene may have."""

    count: Quantity = 1
    """Number of particles; rounded to a whole number."""
    material: Choice = Field(default=["Au"], min_length=1)
    shape: Choice = Field(default=["sphere"], min_length=1)
    diameter_nm: Quantity
    """Of the sphere, or of the sphere of the same volume."""
    planar_defects: int = Field(default=0, ge=0)
    """At most so many twins and stacking faults a particle, 0 included with equal chance."""
    gap_nm: float = Field(default=1.0, ge=0)
    """Least distance between particles, seen along the beam."""
    embedding_nm: float = Field(default=0.2, ge=0)
    """How deep a particle dips into the film."""

    @field_validator("material", "shape")
    @classmethod
    def _known(cls, choice: Choice, info: Any) -> Choice:
        known: Any = CRYSTALS if info.field_name == "material" else SHAPES
        for option in options(choice):
            if option not in known:
                raise ValueError(f"no {info.field_name} '{option}'{nearest(option, known)}")
        if min(weights(choice)) < 0 or sum(weights(choice)) <= 0:
            raise ValueError("weights are not negative, and one of them is above zero")
        return choice

    @model_validator(mode="after")
    def _shapes_are_possible(self) -> ParticleDistribution:
        for material in options(self.material):
            possible = shapes_of(material)
            impossible = [name for name in options(self.shape) if name not in possible]
            if impossible:
                raise ValueError(
                    f"shape: there is no {' and no '.join(impossible)} of {material}; any shape "
                    f"may be drawn with any material, so ask for {' or '.join(possible)}, or for "
                    f"other materials"
                )
        return self


class SceneDistribution(ParameterBlock):
    """Particles of random kind, size, place and orientation on an amorphous carbon film."""

    field_nm: float = Field(default=10.24, gt=0)
    sampler: Sampler = "independent"
    particles: ParticleDistribution
    carbon: FilmDistribution
    contact_distance_nm: float = Field(default=0.2, ge=0)
    """Least distance between particle and carbon; nearer carbon gives way."""

    @model_validator(mode="after")
    def _fits(self) -> SceneDistribution:
        particles = self.particles
        smallest, largest = limits(particles.diameter_nm)
        fewest, most = (round(number) for number in limits(particles.count))
        thinnest, _ = limits(self.carbon.thickness_nm)
        if smallest < 1:
            raise ValueError(
                f"particles of down to {smallest:g} nm are smaller than 1 nm, which is not a "
                "crystal; raise particles.diameter_nm"
            )
        if fewest < 0:
            raise ValueError(f"particles.count goes down to {fewest}")
        width_nm = largest * max(SHAPES[name].widest for name in options(particles.shape))
        if width_nm > self.field_nm:
            raise ValueError(
                f"particles of up to {width_nm:g} nm do not fit into a field_nm of "
                f"{self.field_nm:g}; give a larger field or smaller particles"
            )
        cover = most * pi / 4 * ((width_nm + particles.gap_nm) / self.field_nm) ** 2
        if most > 1 and cover > DENSEST_COVER:
            raise ValueError(
                f"{most} particles of up to {width_nm:g} nm with gaps of {particles.gap_nm:g} nm "
                f"cover {cover:.0%} of the field; above {DENSEST_COVER:.0%} they cannot be "
                "placed at random; give a larger field, fewer or smaller particles"
            )
        self._hold_their_defects(smallest)
        try:
            self.carbon.check_field(self.field_nm)
        except InputError as error:
            raise ValueError(str(error)) from error
        if particles.embedding_nm > min(smallest, thinnest):
            raise ValueError(
                f"embedding_nm of {particles.embedding_nm:g} is deeper than the thinnest film "
                f"({thinnest:g} nm) or the smallest particle ({smallest:g} nm)"
            )
        return self

    def _hold_their_defects(self, smallest_nm: float) -> None:
        defects = self.particles.planar_defects
        for material in options(self.particles.material) if defects else []:
            try:
                layers = layers_of(material, smallest_nm)
            except InputError as error:
                raise ValueError(f"planar_defects: {error}") from error
            if layers < 4 + MIN_GAP_LAYERS * (defects - 1) + 1:
                raise ValueError(
                    f"{defects} planar defects do not fit into the {layers} close-packed layers "
                    f"of a {material} particle of {smallest_nm:g} nm; ask for fewer defects or "
                    "larger particles"
                )


def draw_table(
    distribution: SceneDistribution, count: int, seed: int, *address: str | int
) -> pd.DataFrame:
    """What `count` scenes are made of: one row a scene.

    Columns: ``particles``, ``carbon_thickness_nm``, and for each particle k from 1
    ``material_k``, ``shape_k``, ``diameter_nm_k`` and a uniform orientation as quaternion
    ``qx_k, qy_k, qz_k, qw_k``. Places, defects and atoms are drawn when a scene is built.
    """
    import pandas as pd

    most = round(limits(distribution.particles.count)[1])
    own = ["material", "shape", "diameter", "u1", "u2", "u3"]
    names = ["count", "carbon"] + [f"{name}_{k}" for k in range(1, most + 1) for name in own]
    points = unit_points(distribution.sampler, count, names, seed, *address)
    return pd.DataFrame([_drawn(distribution, dict(row), most) for _, row in points.iterrows()])


def _drawn(distribution: SceneDistribution, u: dict[str, float], most: int) -> dict[str, Any]:
    particles = distribution.particles
    row: dict[str, Any] = {
        "particles": _whole(particles.count, u["count"]),
        "carbon_thickness_nm": value_at(distribution.carbon.thickness_nm, u["carbon"]),
    }
    for k in range(1, most + 1):
        row[f"material_{k}"] = choice_at(particles.material, u[f"material_{k}"])
        row[f"shape_{k}"] = choice_at(particles.shape, u[f"shape_{k}"])
        row[f"diameter_nm_{k}"] = value_at(particles.diameter_nm, u[f"diameter_{k}"])
        quaternion = uniform_quaternion(u[f"u1_{k}"], u[f"u2_{k}"], u[f"u3_{k}"])
        row |= {f"q{axis}_{k}": part for axis, part in zip("xyzw", quaternion, strict=True)}
    return row


def _whole(count: Quantity, u: float) -> int:
    """A whole number; between the limits of a uniform count each has the same chance."""
    if isinstance(count, Uniform):
        low, high = round(count.low), round(count.high)
        return min(low + int(u * (high - low + 1)), high)
    return round(value_at(count, u))


def uniform_quaternion(u1: float, u2: float, u3: float) -> tuple[float, float, float, float]:
    """Quaternion (x, y, z, w), uniform on SO(3) for uniform u (Shoemake, Graphics Gems III)."""
    a, b = np.sqrt(1 - u1), np.sqrt(u1)
    s, t = 2 * pi * u2, 2 * pi * u3
    x, y, z, w = a * np.sin(s), a * np.cos(s), b * np.sin(t), b * np.cos(t)
    return float(x), float(y), float(z), float(w)


def draw_scene(distribution: SceneDistribution, seed: int, *address: str | int) -> Scene:
    """One scene of a distribution; the same seed and address give the same atoms."""
    (row,) = rows_of(draw_table(distribution, 1, seed, *address))
    return build_scene(distribution, row, seed, *address)


def build_scene(
    distribution: SceneDistribution, row: dict[str, Any], seed: int, *address: str | int
) -> Scene:
    """Build the scene of one row of `draw_table`.

    Parameters
    ----------
    distribution : SceneDistribution
        What the row was drawn from.
    row : dict
        One row.
    seed, *address
        Root seed and the scene's address: places, defects and the film come from them.

    Returns
    -------
    Scene
        Film atoms first, then those of each particle.

    Raises
    ------
    InputError
        The particles found no place; a rare event near the densest cover.
    """
    rng = generator_at(seed, *address, "build")
    film = distribution.carbon.film(row["carbon_thickness_nm"])
    made = [_particle(distribution, row, k, rng) for k in range(1, row["particles"] + 1)]
    radii_nm = [
        row[f"diameter_nm_{k}"] * SHAPES[row[f"shape_{k}"]].widest / 2
        for k in range(1, row["particles"] + 1)
    ]
    places = _places(radii_nm, distribution, rng)
    particles = []
    for one, (x_nm, y_nm) in zip(made, places, strict=True):
        lowest = one.volume.bounds_nm()[0][2] if one.volume else 0.0
        z_nm = film.exit_surface_nm - distribution.particles.embedding_nm - lowest
        at_nm = np.array([x_nm, y_nm, z_nm])
        assert one.volume is not None
        particles.append(
            SceneObject(one.name, one.atoms.moved(at_nm), one.volume.moved(at_nm), precedence=1)
        )
    field_nm = distribution.field_nm
    carbon = Atoms.of(film.make(field_nm, rng), CARBON)
    tops = [float(one.volume.bounds_nm()[1][2]) for one in particles if one.volume]
    heights = [*tops, film.exit_surface_nm, float(carbon.positions_nm[:, 2].max(initial=0.0))]
    return assemble(
        SceneObject("carbon", carbon, None, precedence=2),
        particles,
        (field_nm, field_nm, max(heights)),
        distribution.contact_distance_nm,
    )


def _particle(
    distribution: SceneDistribution, row: dict[str, Any], k: int, rng: np.random.Generator
) -> SceneObject:
    from scipy.spatial.transform import Rotation

    return make_particle(
        row[f"material_{k}"],
        row[f"shape_{k}"],
        row[f"diameter_nm_{k}"],
        Rotation.from_quat([row[f"q{axis}_{k}"] for axis in "xyzw"]),
        distribution.particles.planar_defects,
        rng,
    )


def _places(
    radii: list[float], distribution: SceneDistribution, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Random (x, y) of each particle's centre: inside the field, apart from each other."""
    field_nm, gap_nm = distribution.field_nm, distribution.particles.gap_nm
    places: list[tuple[float, float]] = []
    for _ in range(TRIES):
        if len(places) == len(radii):
            return places
        radius = radii[len(places)]
        x, y = rng.uniform(radius, field_nm - radius, size=2)
        away = [np.hypot(x - a, y - b) - r for (a, b), r in zip(places, radii, strict=False)]
        if all(distance >= radius + gap_nm for distance in away):
            places.append((float(x), float(y)))
        elif rng.random() < 0.01:
            places.clear()  # an early particle may stand in the middle of the only room
    raise InputError(
        f"{len(radii)} particles found no place in {field_nm:g} nm",
        where="simulation.scene.particles",
        why=f"After {TRIES} tries each arrangement left one of them without room",
        fix="Give a larger field, fewer or smaller particles, or a smaller gap_nm",
    )
