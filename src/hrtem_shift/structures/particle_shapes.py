"""Particles by name: a material, a shape, a size, an orientation, and planar defects."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import numpy as np

from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.scenes import SceneObject
from hrtem_shift.structures.volume_algebra import Volume

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

    from hrtem_shift.structures.unit_cells import Crystal


@dataclass(frozen=True)
class Shape:
    """What is known of a shape before one is made.

    Attributes
    ----------
    widest : float
        Largest diameter, in diameters of the ball of equal volume.
    multiply_twinned : bool
        Made of strained grains; its size comes in steps, and other planar defects do not
        apply.
    """

    widest: float
    multiply_twinned: bool = False


SHAPES = {
    "sphere": Shape(1.0),
    "truncated_octahedron": Shape(1.14),
    "cuboctahedron": Shape(1.22),
    "rhombic_dodecahedron": Shape(1.28),
    "cube": Shape(1.40),
    "octahedron": Shape(1.47),
    "icosahedron": Shape(1.40, multiply_twinned=True),
    "decahedron": Shape(1.40, multiply_twinned=True),
}
"""Shapes that a scene may name; `widest` is rounded up."""

NARROWEST = 0.8
"""Least height of a shape across a stack's layers, in diameters of the ball of equal volume."""


def shapes_of(material: str) -> list[str]:
    """Those of `SHAPES` that a material of `CRYSTALS` can have.

    Multiply twinned ones are of face-centred cubic metals; polyhedra of equal edges are of cubic
    crystals; a ball is cut out of any.
    """
    from hrtem_shift.structures.multiply_twinned import is_face_centred_cubic
    from hrtem_shift.structures.wulff import NAMED_SHAPES, is_cubic

    crystal = CRYSTALS[material]
    cubic, metal = is_cubic(crystal), is_face_centred_cubic(crystal)
    return [
        name
        for name, shape in SHAPES.items()
        if (metal if shape.multiply_twinned else cubic or name not in NAMED_SHAPES)
    ]


def layers_of(material: str, diameter_nm: float) -> int:
    """Close-packed layers that a particle of this size surely has.

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
) -> SceneObject:
    """A particle about the origin.

    Parameters
    ----------
    material, shape : str
        Of `CRYSTALS` and `SHAPES`.
    diameter_nm : float
        Of the ball of equal volume, nm.
    rotation : scipy Rotation
        Turns the crystal's axes into those of the scene.
    planar_defects : int
        At most so many, drawn from `rng`; for close-packed crystals.
    rng : numpy Generator
        Draws the lattice's offset and the defects.

    Returns
    -------
    SceneObject
        Region 1, 2, ... are the slabs between planar defects, or the grains.
    """
    crystal = CRYSTALS[material]
    if SHAPES[shape].multiply_twinned:
        atoms, volume = _multiply_twinned(crystal, shape, diameter_nm)
    else:
        volume = _outline(crystal, shape, diameter_nm)
        atoms, volume = _single(crystal, volume, planar_defects, rng)
    return SceneObject(material, atoms.turned(rotation), volume.turned(rotation), precedence=1)


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
        return fill(crystal, volume, offset_fractional=offset).named(1), volume
    volume = volume.turned(Rotation.from_matrix(CUBIC_STACK_AXES))
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
    made: list[Atoms] = []
    while not made or len(made[-1]) < wanted:
        step = len(made) + 1
        if shape == "icosahedron":
            made.append(icosahedron(crystal, step))
        else:
            made.append(decahedron(crystal, step + 1, step + 1))
    nearest = min(made[-2:], key=lambda one: abs(len(one) - wanted))
    centred = nearest.moved(-nearest.positions_nm.mean(axis=0))
    grains = Atoms(centred.positions_nm, centred.atomic_numbers, centred.region + 1)
    return grains, ConvexPolyhedron.from_points(centred.positions_nm)
