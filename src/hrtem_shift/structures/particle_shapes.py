"""Particles by name: a material, a shape, a size, an orientation, and planar defects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from hrtem_shift.errors import InputError
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.scenes import SceneObject
from hrtem_shift.structures.volume_algebra import Volume

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

    from hrtem_shift.structures.miller import Miller
    from hrtem_shift.structures.polyhedra import ConvexPolyhedron
    from hrtem_shift.structures.unit_cells import Crystal


NARROWEST = 0.8
"""Least height of a shape across a stack's layers, in diameters of the ball of equal volume."""


@dataclass(frozen=True)
class Shape:
    """Properties of a shape that are needed before a particle is built.

    Attributes
    ----------
    widest : float
        Largest diameter, in diameters of the ball of equal volume.
    multiply_twinned : bool
        Made of strained grains; its size comes in steps, and other planar defects do not
        apply.
    on_support : bool
        Grown with {111} parallel to the support; only its angle about the beam is drawn.
    lowest : float
        Least height in any orientation, in diameters of the ball of equal volume.
    """

    widest: float
    multiply_twinned: bool = False
    on_support: bool = False
    lowest: float = NARROWEST


ENERGY_OF_100 = 1.27
"""Surface energy of {100} of gold over that of {111}, for Winterbottom's shape."""


class SupportedFacets(ParameterBlock):
    """Proportions of the shapes ``island`` and ``winterbottom``."""

    island_height_to_width: float = Field(default=0.3, ge=0.2, le=1)
    """Height over the diameter of the circle inscribed in the base."""
    contact_energy: float = Field(default=0.2, ge=-0.6, le=1)
    """Energy of the interface less that of the bare support, over that of {111}."""


SHAPES = {
    "sphere": Shape(1.0),
    "truncated_octahedron": Shape(1.14),
    "cuboctahedron": Shape(1.22),
    "rhombic_dodecahedron": Shape(1.28),
    "cube": Shape(1.40),
    "octahedron": Shape(1.47),
    "icosahedron": Shape(1.40, multiply_twinned=True),
    "decahedron": Shape(1.40, multiply_twinned=True),
    "island": Shape(1.90, on_support=True, lowest=0.3),
    "winterbottom": Shape(1.90, on_support=True, lowest=0.3),
}
"""Shapes that a scene may name; `widest` is rounded up."""


def shapes_of(material: str) -> list[str]:
    """Those of `SHAPES` that a material of `CRYSTALS` can have.

    Multiply twinned ones and those on a support are of face-centred cubic metals; polyhedra of
    equal edges are of cubic crystals; a ball is cut out of any.
    """
    from hrtem_shift.structures.multiply_twinned import is_face_centred_cubic
    from hrtem_shift.structures.wulff import NAMED_SHAPES, is_cubic

    crystal = CRYSTALS[material]
    cubic, metal = is_cubic(crystal), is_face_centred_cubic(crystal)
    return [
        name
        for name, shape in SHAPES.items()
        if (
            metal
            if shape.multiply_twinned or shape.on_support
            else cubic or name not in NAMED_SHAPES
        )
    ]


def layers_of(material: str, diameter_nm: float) -> int:
    """Least number of close-packed layers of a particle of this size.

    Raises
    ------
    InputError
        The material is not a stack of close-packed layers.
    """
    from hrtem_shift.structures.layers import Layers

    return int(NARROWEST * diameter_nm / Layers.of(CRYSTALS[material]).spacing_nm)


def make_particle(
    material: str,
    shape: str,
    diameter_nm: float,
    rotation: Rotation,
    planar_defects: int,
    rng: np.random.Generator,
    fill_with: Callable[[Crystal, Volume], Atoms] | None = None,
    facets: SupportedFacets | None = None,
) -> SceneObject:
    """A particle about the origin; a shape on a support stands on z = 0.

    Parameters
    ----------
    material, shape : str
        Of `CRYSTALS` and `SHAPES`.
    diameter_nm : float
        Of the ball of equal volume, nm.
    rotation : scipy Rotation
        Turns the crystal's axes into those of the scene; with planar defects and on a support
        the axes of the stack (see `planar_defects`).
    planar_defects : int
        At most so many, drawn from `rng`; for close-packed crystals.
    rng : numpy Generator
        Draws the lattice's offset and the defects.
    fill_with : callable, optional
        Fills the outline in place of a single crystal, such as with grains.
    facets : SupportedFacets, optional
        Proportions of shapes on a support.

    Returns
    -------
    SceneObject
        Region 1, 2, ... are the slabs between planar defects, or the grains.

    Raises
    ------
    InputError
        The material does not come in this shape.
    """
    crystal = CRYSTALS[material]
    if shape not in shapes_of(material):
        raise InputError(
            f"a {shape} of {crystal.name}",
            where="shape",
            why=f"{material} comes as {', '.join(shapes_of(material))}",
            fix="Take one of these, or another material",
        )
    if SHAPES[shape].multiply_twinned:
        atoms, volume = _multiply_twinned(crystal, shape, diameter_nm)
    elif SHAPES[shape].on_support:
        volume = outline_on_support(shape, material, diameter_nm, facets or SupportedFacets())
        atoms = _on_support(crystal, volume, rng)
    elif fill_with is not None:
        rng.random(3)  # of the single crystal, so that later draws are the same
        volume = _outline(crystal, shape, diameter_nm)
        atoms = fill_with(crystal, volume)
    else:
        volume = _outline(crystal, shape, diameter_nm)
        atoms, volume = _single(crystal, volume, planar_defects, rng)
    return SceneObject(material, atoms.rotated(rotation), volume.rotated(rotation), precedence=1)


def outline_on_support(
    shape: str, material: str, diameter_nm: float, facets: SupportedFacets
) -> ConvexPolyhedron:
    """Outline of a shape on a support, in the axes of its stack; its base is at z = 0."""
    from scipy.spatial.transform import Rotation

    from hrtem_shift.structures.islands import island_volume
    from hrtem_shift.structures.stacks import CUBIC_STACK_AXES
    from hrtem_shift.structures.wulff import winterbottom_shape

    if shape == "island":
        island = island_volume(1.0, facets.island_height_to_width)
        return island.scaled(diameter_nm * float(np.cbrt(pi / 6 / island.volume_nm3)))
    crystal = CRYSTALS[material]
    energies: dict[Miller, float] = {(1, 1, 1): 1.0, (1, 0, 0): ENERGY_OF_100}
    cut = winterbottom_shape(
        crystal, energies, (-1, -1, -1), facets.contact_energy, diameter_nm=diameter_nm
    ).rotated(Rotation.from_matrix(CUBIC_STACK_AXES))
    return cut.moved([0.0, 0.0, -float(cut.bounds_nm()[0][2])])


def _on_support(crystal: Crystal, volume: Volume, rng: np.random.Generator) -> Atoms:
    """Layers parallel to the support, the lowest on the outline's base."""
    from hrtem_shift.structures.planar_defects import fill_faulted

    offset = rng.random(3)
    return fill_faulted(crystal, volume, (), offset_fractional=(*offset[:2], 0.0))


def _outline(crystal: Crystal, shape: str, diameter_nm: float) -> Volume:
    from hrtem_shift.structures.volumes import Sphere
    from hrtem_shift.structures.wulff import named_shape

    if shape == "sphere":
        return Sphere((0.0, 0.0, 0.0), diameter_nm)
    return named_shape(shape, crystal, diameter_nm=diameter_nm)


def _single(
    crystal: Crystal, volume: Volume, planar_defects: int, rng: np.random.Generator
) -> tuple[Atoms, Volume]:
    """Single crystal, or a stack with planar defects in the axes of the stack."""
    from scipy.spatial.transform import Rotation

    from hrtem_shift.structures.crystals import fill
    from hrtem_shift.structures.planar_defects import fill_faulted, random_defects
    from hrtem_shift.structures.stacks import CUBIC_STACK_AXES

    offset = rng.random(3)
    if not planar_defects:
        return fill(crystal, volume, offset_fractional=offset).with_region(1), volume
    volume = volume.rotated(Rotation.from_matrix(CUBIC_STACK_AXES))
    defects = random_defects(
        crystal, volume, at_most=planar_defects, rng=rng, offset_fractional=offset
    )
    return fill_faulted(crystal, volume, defects, offset_fractional=offset), volume


def _multiply_twinned(crystal: Crystal, shape: str, diameter_nm: float) -> tuple[Atoms, Volume]:
    """Closed-shell particle whose number of atoms is nearest to that of the ball."""
    from hrtem_shift.structures.multiply_twinned import decahedron, icosahedron
    from hrtem_shift.structures.polyhedra import ConvexPolyhedron

    density = len(crystal.atomic_numbers) / abs(np.linalg.det(crystal.cell_nm))
    wanted = density * pi / 6 * diameter_nm**3
    candidates: list[Atoms] = []
    while not candidates or len(candidates[-1]) < wanted:
        step = len(candidates) + 1
        if shape == "icosahedron":
            candidates.append(icosahedron(crystal, step))
        else:
            candidates.append(decahedron(crystal, step + 1, step + 1))
    nearest = min(candidates[-2:], key=lambda atoms: abs(len(atoms) - wanted))
    centred = nearest.moved(-nearest.positions_nm.mean(axis=0))
    grains = Atoms(centred.positions_nm, centred.atomic_numbers, centred.region + 1)
    return grains, ConvexPolyhedron.from_points(centred.positions_nm)
