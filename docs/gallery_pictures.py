"""The gallery's single objects: crystals, volumes, shapes, planar defects."""

from __future__ import annotations

import numpy as np
from gallery_page import PICTURES, Picture, picture
from scipy.spatial.transform import Rotation

from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS, fill
from hrtem_shift.structures.multiply_twinned import decahedron, icosahedron
from hrtem_shift.structures.orientations import aligned
from hrtem_shift.structures.planar_defects import PlanarDefect, fill_faulted
from hrtem_shift.structures.polyhedra import ConvexPolyhedron
from hrtem_shift.structures.volumes import Box, Cylinder, Ellipsoid, Sphere, Where
from hrtem_shift.structures.wulff import named_shape, winterbottom_shape, wulff_shape

GOLD = CRYSTALS["Au"]
ON_EDGE = Rotation.from_euler("y", -90, degrees=True)  # the stack's rows along the beam
SIDES = {1: "below", 2: "above"}


def _crystal(name: str) -> Picture:
    crystal = CRYSTALS[name]
    return Picture(
        name=f"crystal_{name.lower()}",
        chapter="Crystals",
        title=crystal.name[0].upper() + crystal.name[1:],
        sentence=f"`{name}`, {len(crystal)} atoms a cell, seen along [001].",
        code=f'fill(CRYSTALS["{name}"], Box((0, 0, 0), (2, 2, 2)))',
        build=lambda: fill(crystal, Box((0, 0, 0), (2, 2, 2))),
    )


PICTURES.extend(_crystal(name) for name in CRYSTALS)


@picture("Volumes and their algebra")
def sphere_minus_cylinder() -> Atoms:
    """A ball with a hole along the beam."""
    return fill(GOLD, Sphere((0, 0, 0), 5) - Cylinder((0, 0, 0), (0, 0, 1), 2))


@picture("Volumes and their algebra")
def union_of_rod_and_caps() -> Atoms:
    """A rod with round ends, lying across the beam: three volumes joined by `|`."""
    ends = Sphere((-2, 0, 0), 3) | Sphere((2, 0, 0), 3)
    return fill(GOLD, Cylinder((0, 0, 0), (1, 0, 0), 3, 4) | ends)


@picture("Volumes and their algebra")
def intersection_of_balls() -> Atoms:
    """A lens: two balls joined by `&`."""
    return fill(CRYSTALS["Si"], Sphere((0, 0, 2), 7) & Sphere((0, 0, -2), 7))


@picture("Volumes and their algebra")
def turned_ellipsoid() -> Atoms:
    """An ellipsoid, turned, of a crystal that is not."""
    turn = Rotation.from_euler("z", 30, degrees=True)
    return fill(CRYSTALS["Ag"], Ellipsoid((0, 0, 0), (6, 3.5, 2.5)).rotated(turn))


@picture("Volumes and their algebra", "Hull of points")
def hull_of_points() -> Atoms:
    """The convex hull of any points: here a tetrahedron's corners."""
    corners = 2.2 * np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
    return fill(CRYSTALS["CdSe_zincblende"], ConvexPolyhedron.from_points(corners))


@picture("Volumes and their algebra", "A volume of your own")
def torus() -> Atoms:
    """Wherever a function says so: a ring."""

    def inside(p: np.ndarray) -> np.ndarray:
        return (np.hypot(p[:, 0], p[:, 1]) - 2.2) ** 2 + p[:, 2] ** 2 < 0.8**2

    return fill(GOLD, Where(inside, (-3, -3, -0.8), (3, 3, 0.8)))


@picture("Facets and equilibrium shapes", "Prism of Miller facets", micrograph=True)
def hexagonal_prism() -> Atoms:
    """A wurtzite rod from Miller indices, on its side: [0001] along y."""
    crystal = CRYSTALS["CdSe_wurtzite"]
    facets = {(1, 0, -1, 0): 1.5, (0, 0, 0, 1): 2.6, (0, 0, 0, -1): 2.6}
    turn = aligned(crystal, plane=(0, 0, 1), direction=(1, 0, 0), normal=(0, 1, 0))
    return fill(crystal, ConvexPolyhedron.from_facets(crystal, facets).rotated(turn), rotation=turn)


@picture("Facets and equilibrium shapes", "Wulff shape", micrograph=True)
def wulff() -> Atoms:
    """The shape of least surface energy, seen along [110]."""
    shape = wulff_shape(GOLD, {(1, 1, 1): 1.28, (1, 0, 0): 1.63, (1, 1, 0): 1.70}, diameter_nm=4.5)
    turn = aligned(GOLD, plane=(1, 1, 0), direction=(0, 0, 1))
    return fill(GOLD, shape.rotated(turn), rotation=turn)


def _named(name: str) -> Picture:
    return Picture(
        name=f"shape_{name}",
        chapter="Facets and equilibrium shapes",
        title=name.replace("_", " ").capitalize(),
        sentence="A named shape whose edges are all equal.",
        code=f'fill(GOLD, named_shape("{name}", GOLD, diameter_nm=4))',
        build=lambda: fill(GOLD, named_shape(name, GOLD, diameter_nm=4)),
    )


NAMES = ("cube", "octahedron", "rhombic_dodecahedron", "cuboctahedron", "truncated_octahedron")
PICTURES.extend(_named(name) for name in NAMES)


@picture("Facets and equilibrium shapes", "Winterbottom shape")
def winterbottom() -> Atoms:
    """The same on a support that it wets; the contact plane is (-1 -1 -1), below."""
    energies = {(1, 1, 1): 1.28, (1, 0, 0): 1.63}
    shape = winterbottom_shape(GOLD, energies, (-1, -1, -1), 0.2, diameter_nm=4.5)
    turn = aligned(GOLD, plane=(1, 1, 1), direction=(1, -1, 0))
    return fill(GOLD, shape.rotated(turn), rotation=turn)


@picture(
    "Twins and stacking faults",
    "Decahedron",
    micrograph=True,
    colour_by="region",
    names={k: f"grain {k}" for k in range(5)},
)
def marks_decahedron() -> Atoms:
    """Five strained grains about one axis, with Marks' grooves."""
    return decahedron(GOLD, width=5, height=5, notch=2)


@picture("Twins and stacking faults", "Icosahedron", micrograph=True, colour_by="region")
def mackay_icosahedron() -> Atoms:
    """Twenty strained grains about a common corner, seen along a twofold axis."""
    return icosahedron(GOLD, shells=6)


def _fault(kind: str, crystal: str, sentence: str) -> Picture:
    return Picture(
        name=f"fault_{kind.lower()}",
        chapter="Twins and stacking faults",
        title=f"{kind.capitalize()} fault" if kind != "twin" else "Twin",
        sentence=sentence,
        code=(
            f'defects = [PlanarDefect("{kind}", layer=0)]\n'
            f'fill_faulted(CRYSTALS["{crystal}"], Sphere((0, 0, 0), 3.6), '
            "defects, rotation=ON_EDGE)"
        ),
        build=lambda: fill_faulted(
            CRYSTALS[crystal],
            Sphere((0, 0, 0), 3.6),
            [PlanarDefect(kind, 0)],
            rotation=ON_EDGE,
        ),
        options={"colour_by": "region", "names": SIDES},
        micrograph=True,
    )


PICTURES.extend(
    [
        _fault("twin", "Au", "A coherent {111} twin, on edge: ...ABCBA..."),
        _fault("intrinsic", "Au", "One layer missing: ...ABC|BCA..."),
        _fault("extrinsic", "Au", "One layer too many: ...ABC|B|ABC..."),
        _fault("I1", "CdSe_wurtzite", "Basal fault with one cubic layer in wurtzite."),
        _fault("I2", "CdSe_wurtzite", "Basal fault by a slip, with two cubic layers."),
        _fault("E", "CdSe_wurtzite", "Basal fault with a layer too many: three cubic layers."),
    ]
)
