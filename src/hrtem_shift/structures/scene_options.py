"""Options of a scene that are off unless its parameters name them.

Each option draws from an address of its own: switching one on changes no other draw of a scene.
"""

from __future__ import annotations

from itertools import product
from math import cos, log, pi, sin, sqrt
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from hrtem_shift.errors import InputError
from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.elements import atomic_number
from hrtem_shift.structures.molecules import MOLECULES, molecule
from hrtem_shift.structures.quantities import Quantity, limits

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

    from hrtem_shift.structures.unit_cells import Crystal
    from hrtem_shift.structures.volumes import Volume

CLOSEST_ACROSS_A_BOUNDARY = 0.8
"""Distance of atoms of two grains, in nearest distances of the crystal."""
NEIGHBOUR_REACH = 1.2
"""Atoms within this many nearest distances are neighbours."""


def share(quantity: Quantity) -> Quantity:
    """The quantity, if it stays within 0 and 1; raises `ValueError` if not."""
    low, high = limits(quantity)
    if low < 0 or high > 1:
        raise ValueError(f"it goes from {low:g} to {high:g} and is a share, 0 to 1")
    return quantity


def material_of_the_library(name: str) -> str:
    """The name, if `CRYSTALS` has it; raises `ValueError` if not."""
    if name not in CRYSTALS:
        raise ValueError(f"no material '{name}'{nearest(name, CRYSTALS)}")
    return name


class Orientation(ParameterBlock):
    """A direction of the crystal along the beam, turned at random about it."""

    zone_axis: tuple[float, float, float]
    """Indices [uvw]; of multiply twinned shapes, x, y and z of the particle."""
    tilt_std_degrees: float = Field(default=0.0, ge=0)
    """Standard deviation of the tilt away from the beam, about each axis across it."""

    @field_validator("zone_axis")
    @classmethod
    def _is_a_direction(cls, axis: tuple[float, float, float]) -> tuple[float, float, float]:
        if not any(axis):
            raise ValueError("[0, 0, 0] is no direction")
        return axis

    def rotation(self, crystal: Crystal, u1: float, u2: float, u3: float) -> Rotation:
        """Rotation of the crystal for three numbers that are uniform on [0, 1)."""
        from scipy.spatial.transform import Rotation

        from hrtem_shift.structures.miller import direction

        onto_beam, _ = Rotation.align_vectors([[0, 0, 1.0]], [direction(crystal, self.zone_axis)])
        # The length of a vector of two normal deviates has Rayleigh's distribution.
        tilt = np.radians(self.tilt_std_degrees) * sqrt(-2 * log(1 - u3))
        about = tilt * np.array([cos(2 * pi * u2), sin(2 * pi * u2), 0.0])
        return Rotation.from_rotvec(about) * Rotation.from_rotvec([0, 0, 2 * pi * u1]) * onto_beam


class Grains(ParameterBlock):
    """A particle of several crystals."""

    count: Quantity = 2
    """Number of grains, rounded: Voronoi cells of random points, each turned at random."""
    tilt_degrees: float | None = None
    """Two grains in place of that, tilted by this angle about their common [001]; the boundary
    is symmetric and holds that axis."""

    @model_validator(mode="after")
    def _possible(self) -> Grains:
        fewest, most = (round(number) for number in limits(self.count))
        if fewest < 1:
            raise ValueError(f"count goes down to {fewest}; a particle has one grain or more")
        if self.tilt_degrees is not None and (fewest, most) != (2, 2):
            raise ValueError("a tilt_degrees is between two grains; leave count at 2")
        return self

    def fill(self, count: int, rng: np.random.Generator, crystal: Crystal, volume: Volume) -> Atoms:
        """A volume full of so many grains."""
        from hrtem_shift.structures.grains import bicrystal, random_grains
        from hrtem_shift.structures.orientations import symmetric_tilt

        min_distance_nm = CLOSEST_ACROSS_A_BOUNDARY * nearest_neighbour_nm(crystal)
        if self.tilt_degrees is None:
            return random_grains(crystal, volume, count, rng, min_distance_nm=min_distance_nm)
        rotations = symmetric_tilt((0, 0, 1), self.tilt_degrees)
        return bicrystal(volume, (crystal, crystal), rotations, min_distance_nm=min_distance_nm)


class Core(ParameterBlock):
    """A core of another material, with axes parallel to those of the shell around it."""

    material: str
    """Of the crystal library."""
    diameter: Quantity
    """In diameters of the particle, 0 to 1."""

    _is_a_share = field_validator("diameter")(share)
    _known = field_validator("material")(material_of_the_library)

    def fill(self, diameter: float, crystal: Crystal, volume: Volume) -> Atoms:
        """A volume about the origin full of core (region 1) and shell (region 2)."""
        from hrtem_shift.structures.grains import Grain, core_shell

        core = CRYSTALS[self.material]
        closest_nm = min(nearest_neighbour_nm(core), nearest_neighbour_nm(crystal))
        inner = Grain(core, volume.strained(diameter * np.eye(3)))
        min_distance_nm = CLOSEST_ACROSS_A_BOUNDARY * closest_nm
        return core_shell(inner, crystal, volume, min_distance_nm=min_distance_nm)


class Substitution(ParameterBlock):
    """Atoms of a particle that are replaced by those of another element, at random sites."""

    element: str
    """Symbol of the element that comes in."""
    fraction: Quantity
    """Share of the particle's atoms, 0 to 1."""

    @field_validator("element")
    @classmethod
    def _known(cls, element: str) -> str:
        try:
            atomic_number(element)
        except InputError as error:
            raise ValueError(error.what) from error
        return element

    _is_a_share = field_validator("fraction")(share)


class Adsorbates(ParameterBlock):
    """Molecules on the free surface of a particle, such as a ligand shell.

    Masks outline the particle alone: these atoms belong to no particle.
    """

    molecule: str
    """``CO``, ``H2O``, or a thiolate ``SCH3``, ``SC2H5`` ... ``SC18H37``."""
    coverage: Quantity = 1.0
    """Share of the molecules that find room, 0 to 1."""
    height_nm: float = Field(default=0.24, gt=0)
    """Distance of a molecule's first atom from its surface atom."""
    min_distance_nm: float = Field(default=0.2, gt=0)
    """Least distance of a molecule's atoms from all others."""
    orientation: Literal["normal", "random"] = "normal"
    """Upright on the surface, or turned at random."""

    @field_validator("molecule")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in MOLECULES:
            raise ValueError(f"no molecule '{name}'{nearest(name, MOLECULES)}")
        return name

    _is_a_share = field_validator("coverage")(share)

    @model_validator(mode="after")
    def _fits(self) -> Adsorbates:
        if self.height_nm < self.min_distance_nm:
            raise ValueError(
                f"a height_nm of {self.height_nm:g} is below the min_distance_nm of "
                f"{self.min_distance_nm:g}; no molecule would find room"
            )
        return self

    def around(
        self, particle: Atoms, crystal: Crystal, above_nm: float, rng: np.random.Generator
    ) -> list[Atoms]:
        """As many molecules as find room on surface atoms that are higher than `above_nm`."""
        from hrtem_shift.structures.surfaces import adsorbed

        guest = molecule(self.molecule)
        covered = adsorbed(
            particle,
            guest,
            rng=rng,
            height_nm=self.height_nm,
            min_distance_nm=self.min_distance_nm,
            bond_nm=NEIGHBOUR_REACH * nearest_neighbour_nm(crystal),
            sites=particle.positions_nm[:, 2] > above_nm,
            orientation=self.orientation,
        )
        added = range(len(particle), len(covered), len(guest))
        return [covered.select(np.arange(start, start + len(guest))) for start in added]


class CrystalSupport(ParameterBlock):
    """A slab of crystal in place of the carbon film.

    Particles stand on it by the scene's ``contact_distance_nm``.
    """

    material: str
    """Of the crystal library, such as ``MoS2``, ``C_graphite`` or ``CeO2``."""
    thickness_nm: Quantity
    """Whole layers of atoms within this height: 0.62 nm of MoS2 are one sheet."""
    plane: tuple[int, int, int] = (0, 0, 1)
    """Miller indices of the plane across the beam."""
    direction: tuple[int, int, int] = (1, 0, 0)
    """Direction [uvw] in that plane."""
    angle_degrees: Quantity = 0.0
    """Angle of that direction from the x axis."""

    _known = field_validator("material")(material_of_the_library)

    @model_validator(mode="after")
    def _possible(self) -> CrystalSupport:
        try:
            self.least_height_nm()
        except InputError as error:
            raise ValueError(f"{error.what}: {error.why}") from error
        return self

    def least_height_nm(self) -> float:
        """Height of the thinnest slab, nm."""
        thinnest = self.slab(1.0, limits(self.thickness_nm)[0], 0.0)
        return float(thinnest.positions_nm[:, 2].max())

    def slab(self, field_nm: float, thickness_nm: float, angle_degrees: float) -> Atoms:
        """Atoms of the slab across a square field, the lowest at z = 0."""
        from hrtem_shift.structures.supports import crystal_support

        return crystal_support(
            CRYSTALS[self.material],
            (field_nm, field_nm),
            thickness_nm,
            plane=self.plane,
            direction=self.direction,
            angle_degrees=angle_degrees,
        )


def nearest_neighbour_nm(crystal: Crystal) -> float:
    """Shortest distance between two atoms of a crystal, nm."""
    shifts = np.array(list(product((-1, 0, 1), repeat=3)))
    apart = crystal.fractional[:, None, None] - crystal.fractional[None, :, None] - shifts
    distances_nm = np.linalg.norm(apart @ crystal.cell_nm, axis=-1)
    return float(distances_nm[distances_nm > 1e-6].min())


def without_defaults(block: ParameterBlock, dumped: dict[str, Any], names: set[str]) -> Any:
    """What a block dumps, less those options that are off.

    Identities of scenes are made from it: they stay when another option is added.
    """
    fields = type(block).model_fields
    off = {name for name in names if getattr(block, name) == fields[name].default}
    return {name: value for name, value in dumped.items() if name not in off}
