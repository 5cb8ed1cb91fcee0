"""Islands that grow on a support with their close-packed planes parallel to it.

Gold on MoS2 is the example: Au (111) || MoS2 (0001), Au [1-10] || MoS2 [11-20], in two variants
turned by 180 degrees, with flat tops and inclined sides of {111} and {100}.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.planar_defects import PlanarDefect, fill_faulted
from hrtem_shift.structures.polyhedra import ConvexPolyhedron

if TYPE_CHECKING:
    from hrtem_shift.structures.atoms import Atoms
    from hrtem_shift.structures.crystals import Crystal
    from hrtem_shift.structures.volumes import Volume

TRIES = 1000
"""Random places that are tried for each island before the field counts as full."""


@dataclass(frozen=True, eq=False)
class Island:
    """Atoms of an island, the polyhedron that they fill, and how it was turned about z."""

    atoms: Atoms
    volume: Volume
    angle_degrees: float


def island_volume(width_nm: float, height_nm: float, truncation: float = 1.0) -> ConvexPolyhedron:
    """Flat-topped island of a cubic crystal, in the axes of its stack (see `planar_defects`).

    Parameters
    ----------
    width_nm : float
        Diameter of the circle inscribed in the base, nm.
    height_nm : float
        From the base at z = 0 to the top, nm; less if the sides meet below.
    truncation : float
        1: hexagonal base of three {111} and three {100} facets; 0: triangular, {111} only;
        between: a triangle without its corners.

    Returns
    -------
    ConvexPolyhedron
        {111} sides face y and the two directions 120 degrees from it, 70.5 degrees from the
        base; {100} sides the opposite ones, 54.7 degrees.

    Raises
    ------
    InputError
        A size is not above zero, or the truncation not in 0 ... 1.
    """
    if not (0 < width_nm < np.inf and 0 < height_nm < np.inf and 0 <= truncation <= 1):
        raise _refused(
            f"an island {width_nm:g} nm wide, {height_nm:g} nm high, truncated by {truncation:g}",
            "Sizes are above zero, and a truncation is from 0 to 1",
            "Correct the value",
        )
    azimuths = np.radians([90, 210, 330])
    # Rise of the normals: (11-1) and (001) against (111).
    sides = [(azimuths, 1 / 3, 1.0), (azimuths + np.pi, 1 / 3**0.5, 2.0 - truncation)]
    normals, distances_nm = [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]], [height_nm, 0.0]
    for angles, rise, from_axis in sides:
        run = (1 - rise**2) ** 0.5
        normals += [[run * np.cos(angle), run * np.sin(angle), rise] for angle in angles]
        distances_nm += [run * from_axis * width_nm / 2] * 3
    return ConvexPolyhedron(np.array(normals), np.array(distances_nm))


def epitaxial_island(
    crystal: Crystal,
    base_nm: Sequence[float],
    *,
    width_nm: float,
    height_nm: float,
    truncation: float = 1.0,
    angle_degrees: float = 0.0,
    offset_fractional: Sequence[float] = (0.0, 0.0),
    defects: Sequence[PlanarDefect] = (),
) -> Island:
    """Island of a face-centred cubic crystal, {111} parallel to the support.

    Parameters
    ----------
    crystal : Crystal
        Face-centred cubic, diamond or zinc blende.
    base_nm : sequence of float, shape (3,)
        Middle of the lowest layer of atoms, nm.
    width_nm, height_nm, truncation : float
        As for `island_volume`.
    angle_degrees : float
        Angle of [1-10] from the x axis.
    offset_fractional : sequence of float, shape (2,)
        Shift of the lattice in its net vectors, parallel to the support.
    defects : sequence of PlanarDefect
        Parallel to the support; layer 0 is the lowest.

    Returns
    -------
    Island

    Raises
    ------
    InputError
        An impossible shape, or a crystal that is no stack of layers.
    """
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_euler("z", angle_degrees, degrees=True)
    shape = island_volume(width_nm, height_nm, truncation)
    volume = shape.rotated(turn).moved(np.asarray(base_nm, dtype=np.float64))
    atoms = fill_faulted(
        crystal,
        volume,
        defects,
        rotation=turn,
        offset_fractional=(*offset_fractional, 0.0),
        origin_nm=base_nm,
    )
    return Island(atoms, volume, angle_degrees)


def islands_on(
    support: Atoms,
    crystal: Crystal,
    *,
    field_nm: tuple[float, float],
    widths_nm: Sequence[float],
    heights_nm: Sequence[float],
    rng: np.random.Generator,
    gap_nm: float = 0.27,
    apart_nm: float = 0.5,
    truncation: float = 1.0,
    support_angle_degrees: float = 0.0,
) -> list[Island]:
    """Grow islands at random places of a support, each in one of the two epitaxial variants.

    Parameters
    ----------
    support : Atoms
        They grow on its highest atom.
    crystal : Crystal
        Of the islands.
    field_nm : tuple of float
        Edges (x, y) of the field, nm; islands lie wholly inside.
    widths_nm, heights_nm : sequence of float
        Sizes, one an island, nm; the largest are placed first.
    rng : numpy.random.Generator
        Source of places, variants and lattice shifts.
    gap_nm : float
        Height of the lowest layer over the highest atom of the support, nm. Published
        calculations for gold on MoS2 lie around this value.
    apart_nm : float
        Least distance between the circles around two islands' bases, nm.
    truncation : float
        As for `island_volume`.
    support_angle_degrees : float
        Angle of the support's close-packed direction from the x axis.

    Returns
    -------
    list of Island
        In the order of the sizes given.

    Raises
    ------
    InputError
        They do not fit, or a size is impossible.
    """
    base_z_nm = float(support.positions_nm[:, 2].max()) + gap_nm
    shapes = [island_volume(w, h, truncation) for w, h in zip(widths_nm, heights_nm, strict=True)]
    radii_nm = [float(np.linalg.norm(s.vertices_nm[:, :2], axis=1).max()) for s in shapes]
    places_nm = _places(np.array(radii_nm), field_nm, apart_nm, rng)
    variants = rng.integers(0, 2, size=len(shapes)) * 180.0
    shifts = rng.random((len(shapes), 2))
    return [
        epitaxial_island(
            crystal,
            (*places_nm[k], base_z_nm),
            width_nm=widths_nm[k],
            height_nm=heights_nm[k],
            truncation=truncation,
            angle_degrees=float(support_angle_degrees + variants[k]),
            offset_fractional=tuple(shifts[k]),
        )
        for k in range(len(shapes))
    ]


def _places(
    radii_nm: NDArray[np.float64],
    field_nm: tuple[float, float],
    apart_nm: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Centres (n, 2) of circles that lie in a field and keep apart, drawn one after the other."""
    places_nm = np.empty((len(radii_nm), 2))
    placed: list[int] = []
    for k in np.argsort(-radii_nm, kind="stable").tolist():
        room_nm = np.array(field_nm) - 2 * radii_nm[k]
        if room_nm.min() < 0:
            raise _refused(
                f"an island {2 * radii_nm[k]:.3g} nm wide in a field of {field_nm} nm",
                "It does not fit",
                "Give a larger field or a smaller island",
            )
        tries_nm = radii_nm[k] + rng.random((TRIES, 2)) * room_nm
        gaps_nm = np.linalg.norm(tries_nm[:, None] - places_nm[placed], axis=-1)
        free = (gaps_nm >= radii_nm[k] + radii_nm[placed] + apart_nm).all(axis=1)
        if not free.any():
            raise _refused(
                f"{len(radii_nm)} islands in a field of {field_nm} nm",
                f"No room was found for number {len(placed) + 1} in {TRIES} tries",
                "Ask for fewer or smaller islands, or a larger field",
            )
        places_nm[k] = tries_nm[np.argmax(free)]
        placed.append(k)
    return places_nm


def _refused(what: str, why: str, fix: str) -> InputError:
    return InputError(what, where="islands", why=why, fix=fix)
