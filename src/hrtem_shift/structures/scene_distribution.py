"""Distributions of scenes: a parameter block says what may be drawn, an index what is."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, field_validator, model_serializer, model_validator

from hrtem_shift.errors import InputError
from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.elements import atomic_number
from hrtem_shift.structures.film_distribution import FilmDistribution
from hrtem_shift.structures.molecules import molecule
from hrtem_shift.structures.particle_shapes import (
    SHAPES,
    SupportedFacets,
    layers_of,
    shapes_of,
)
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
from hrtem_shift.structures.scene_options import (
    Adsorbates,
    Core,
    CrystalSupport,
    Grains,
    Orientation,
    Substitution,
    share,
    without_defaults,
)
from hrtem_shift.structures.stacks import CUBIC_STACK_AXES
from hrtem_shift.tables import rows_of

if TYPE_CHECKING:
    import pandas as pd
    from scipy.spatial.transform import Rotation

Quaternion = tuple[float, float, float, float]

CARBON = 6
LARGEST_STRAIN = 0.2
SMALLEST_GRAIN_NM3 = 1.0
SMALLEST_CORE_NM, THINNEST_NM = 0.8, 0.6
OPTIONS = {
    "supported",
    "orientation",
    "grains",
    "core",
    "strain",
    "substitution",
    "vacancies",
    "adsorbates",
}
"""Fields that the dump of a block leaves out while they are off."""
DENSEST_COVER = 0.4
"""Share of the field that particles and their gaps may cover; random placement jams at 0.55."""


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
    supported: SupportedFacets = SupportedFacets()
    """Proportions of the shapes ``island`` and ``winterbottom``."""
    orientation: Orientation | None = None
    """Preferred orientation; null: uniform over all."""
    grains: Grains | None = None
    core: Core | None = None
    strain: tuple[Quantity, Quantity, Quantity] = (0.0, 0.0, 0.0)
    """Elongation of a particle along x, y and the beam, dimensionless."""
    substitution: Substitution | None = None
    vacancies: Quantity = 0.0
    """Share of the atoms that is missing."""
    adsorbates: Adsorbates | None = None

    _is_a_share = field_validator("vacancies")(share)

    @field_validator("strain")
    @classmethod
    def _is_small(cls, strain: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
        if max(abs(limit) for quantity in strain for limit in limits(quantity)) > LARGEST_STRAIN:
            raise ValueError(f"above {LARGEST_STRAIN:g} a lattice is another one")
        return strain

    @model_serializer(mode="wrap")
    def _without_options_that_are_off(self, dump: Any) -> dict[str, Any]:
        return without_defaults(self, dump(self), OPTIONS)

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

    @model_validator(mode="after")
    def _grains_are_possible(self) -> ParticleDistribution:
        special = [
            name
            for name in options(self.shape)
            if SHAPES[name].multiply_twinned or SHAPES[name].on_support
        ]
        if self.grains and self.core:
            raise ValueError("core: a particle has grains or a core; leave one of them out")
        if (self.grains or self.core) and (special or self.planar_defects):
            raise ValueError(
                f"{'grains' if self.grains else 'core'}: "
                f"{special[0] if special else 'a particle with planar_defects'} is built in one "
                "way only; ask for other shapes and no planar_defects, or leave it out"
            )
        on_support = [name for name in special if SHAPES[name].on_support]
        if on_support and (self.planar_defects or self.orientation):
            raise ValueError(
                f"shape: {on_support[0]} lies with {{111}} on its support; leave out "
                f"{'planar_defects' if self.planar_defects else 'orientation'}"
            )
        return self


class SceneDistribution(ParameterBlock):
    """Particles of random kind, size, place and orientation on a support."""

    field_nm: float = Field(default=10.24, gt=0)
    sampler: Sampler = "independent"
    particles: ParticleDistribution
    carbon: FilmDistribution
    support: CrystalSupport | None = None
    """In place of the carbon film."""
    contact_distance_nm: float = Field(default=0.2, ge=0)
    """Least distance between particle and support; nearer atoms of the support give way."""

    @model_serializer(mode="wrap")
    def _without_options_that_are_off(self, dump: Any) -> dict[str, Any]:
        return without_defaults(self, dump(self), {"support"})

    @property
    def elements(self) -> list[int]:
        """Atomic numbers of all elements that a scene may hold."""
        particles = self.particles
        materials = [CRYSTALS[name] for name in options(particles.material)]
        numbers = [number for crystal in materials for number in crystal.atomic_numbers]
        if particles.core:
            numbers.extend(CRYSTALS[particles.core.material].atomic_numbers)
        if particles.substitution:
            numbers.append(atomic_number(particles.substitution.element))
        if particles.adsorbates:
            numbers.extend(molecule(particles.adsorbates.molecule).atomic_numbers)
        support = CRYSTALS[self.support.material].atomic_numbers if self.support else [CARBON]
        return sorted({int(number) for number in [*support, *numbers]})

    def least_height_nm(self) -> float:
        """A height that every scene has: the support, and a particle on it."""
        particles = self.particles
        if self.support:
            surface_nm = self.support.least_height_nm()
            sunk_nm = -self.contact_distance_nm
        else:
            surface_nm = self.carbon.film(limits(self.carbon.thickness_nm)[0]).exit_surface_nm
            sunk_nm = particles.embedding_nm
        if round(limits(particles.count)[0]) < 1:
            return surface_nm
        lowest = min(SHAPES[name].lowest for name in options(particles.shape))
        lowest *= 1 + min(limits(particles.strain[2])[0], 0.0)
        return surface_nm + max(lowest * limits(particles.diameter_nm)[0] - sunk_nm, 0.0)

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
        width_nm *= 1 + most_strained(particles)
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
        self._hold_their_grains(smallest)
        if self.support:
            return self
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

    def _hold_their_grains(self, smallest_nm: float) -> None:
        grains = self.particles.grains
        most = round(limits(grains.count)[1]) if grains else 1
        if most > 1 and pi / 6 * smallest_nm**3 / most < SMALLEST_GRAIN_NM3:
            raise ValueError(
                f"grains: {most} in a particle of {smallest_nm:g} nm are smaller than "
                f"{SMALLEST_GRAIN_NM3:g} nm³; ask for fewer grains or larger particles"
            )
        smallest, largest = limits(self.particles.core.diameter) if self.particles.core else (1, 0)
        if smallest * smallest_nm < SMALLEST_CORE_NM or (1 - largest) * smallest_nm < THINNEST_NM:
            raise ValueError(
                f"core: in a particle of {smallest_nm:g} nm a core is at least "
                f"{SMALLEST_CORE_NM:g} nm wide, and {THINNEST_NM:g} nm narrower than the particle; "
                "change its diameter, or ask for larger particles"
            )


def draw_table(
    distribution: SceneDistribution, count: int, seed: int, *address: str | int
) -> pd.DataFrame:
    """What `count` scenes are made of: one row a scene.

    Columns: ``particles``, ``carbon_thickness_nm``, and for each particle k from 1
    ``material_k``, ``shape_k``, ``diameter_nm_k`` and a uniform orientation as quaternion
    ``qx_k, qy_k, qz_k, qw_k`` (uniform, or as the shape or ``orientation`` wants it). A column
    follows for each quantity of an option that is on, such as ``vacancies_k``. Places, defects
    and atoms are drawn when a scene is built.
    """
    import pandas as pd

    most = round(limits(distribution.particles.count)[1])
    each = ["material", "shape", "diameter", "u1", "u2", "u3"]
    names = ["count", "carbon"] + [f"{name}_{k}" for k in range(1, most + 1) for name in each]
    points = unit_points(distribution.sampler, count, names, seed, *address)
    chosen: list[dict[str, float]] = [{} for _ in range(count)]
    for name, quantity in _quantities_of_options(distribution, most).items():
        draw = _whole if name.startswith("grains_") else value_at
        column = unit_points(distribution.sampler, count, [name], seed, *address, name)[name]
        for values, u in zip(chosen, column, strict=True):
            values[name] = draw(quantity, u)
    rows = zip(rows_of(points), chosen, strict=True)
    return pd.DataFrame([_drawn(distribution, u, values, most) for u, values in rows])


def _quantities_of_options(distribution: SceneDistribution, most: int) -> dict[str, Quantity]:
    """Column -> quantity, of the options that are on."""
    particles, support = distribution.particles, distribution.support
    each: dict[str, Quantity] = {}
    if any(particles.strain):
        each |= {f"strain_{axis}": e for axis, e in zip("xyz", particles.strain, strict=True)}
    if particles.grains:
        each["grains"] = particles.grains.count
    if particles.core:
        each["core_diameter"] = particles.core.diameter
    if particles.substitution:
        each["substituted"] = particles.substitution.fraction
    if particles.vacancies:
        each["vacancies"] = particles.vacancies
    if particles.adsorbates:
        each["coverage"] = particles.adsorbates.coverage
    quantities = {f"{name}_{k}": each[name] for k in range(1, most + 1) for name in each}
    if support:
        quantities["support_thickness_nm"] = support.thickness_nm
        quantities["support_angle_degrees"] = support.angle_degrees
    return quantities


def _drawn(
    distribution: SceneDistribution, u: dict[str, float], chosen: dict[str, float], most: int
) -> dict[str, Any]:
    particles = distribution.particles
    carbon_nm = value_at(distribution.carbon.thickness_nm, u["carbon"])
    row: dict[str, Any] = {
        "particles": _whole(particles.count, u["count"]),
        "carbon_thickness_nm": 0.0 if distribution.support else carbon_nm,
    }
    for k in range(1, most + 1):
        row[f"material_{k}"] = choice_at(particles.material, u[f"material_{k}"])
        row[f"shape_{k}"] = choice_at(particles.shape, u[f"shape_{k}"])
        row[f"diameter_nm_{k}"] = value_at(particles.diameter_nm, u[f"diameter_{k}"])
        material, shape = row[f"material_{k}"], row[f"shape_{k}"]
        three = u[f"u1_{k}"], u[f"u2_{k}"], u[f"u3_{k}"]
        quaternion = uniform_quaternion(*three)
        if SHAPES[shape].on_support:
            quaternion = _quaternion_on_support(three[0], chosen.get("support_angle_degrees"))
        elif particles.orientation:
            quaternion = quaternion_of(particles.orientation.rotation(CRYSTALS[material], *three))
        row |= {f"q{axis}_{k}": part for axis, part in zip("xyzw", quaternion, strict=True)}
    return {**row, **chosen}


def _quaternion_on_support(u: float, support_degrees: float | None) -> Quaternion:
    """(111) across the beam; [1-10] along the support's direction, either way, or anywhere."""
    from scipy.spatial.transform import Rotation

    angle = 360 * u if support_degrees is None else support_degrees + 180 * (u < 0.5)
    about_beam = Rotation.from_euler("z", angle, degrees=True)
    return quaternion_of(about_beam * Rotation.from_matrix(CUBIC_STACK_AXES))


def quaternion_of(rotation: Rotation) -> Quaternion:
    """(x, y, z, w) of a rotation."""
    x, y, z, w = rotation.as_quat()
    return float(x), float(y), float(z), float(w)


def _whole(count: Quantity, u: float) -> int:
    """A whole number; between the limits of a uniform count each has the same chance."""
    if isinstance(count, Uniform):
        low, high = round(count.low), round(count.high)
        return min(low + int(u * (high - low + 1)), high)
    return round(value_at(count, u))


def uniform_quaternion(u1: float, u2: float, u3: float) -> Quaternion:
    """Quaternion (x, y, z, w), uniform on SO(3) for uniform u (Shoemake, Graphics Gems III)."""
    a, b = np.sqrt(1 - u1), np.sqrt(u1)
    s, t = 2 * pi * u2, 2 * pi * u3
    x, y, z, w = a * np.sin(s), a * np.cos(s), b * np.sin(t), b * np.cos(t)
    return float(x), float(y), float(z), float(w)


def most_strained(particles: ParticleDistribution) -> float:
    """How much wider strain can make a particle, as a share of its width."""
    return max(0.0, *(limits(quantity)[1] for quantity in particles.strain[:2]))
