"""Equilibrium shapes of crystals, and the named shapes of cubic ones.

A Wulff shape has its facets at distances proportional to their surface energies; on a support
(Winterbottom) the facet of contact stands at the interface energy less that of the support,
which may be negative. Sources: G. Wulff, Z. Kristallogr. 34, 449 (1901); W. L. Winterbottom,
Acta Metall. 15, 303 (1967).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hrtem_shift.errors import InputError
from hrtem_shift.parameters import nearest
from hrtem_shift.structures.miller import Miller, lattice_symmetry, plane_normal, three_indices
from hrtem_shift.structures.polyhedra import ConvexPolyhedron
from hrtem_shift.structures.unit_cells import Crystal

NAMED_SHAPES: dict[str, dict[Miller, float]] = {
    "cube": {(1, 0, 0): 1.0},
    "octahedron": {(1, 1, 1): 1.0},
    "rhombic_dodecahedron": {(1, 1, 0): 1.0},
    "cuboctahedron": {(1, 1, 1): 2 / np.sqrt(3), (1, 0, 0): 1.0},
    "truncated_octahedron": {(1, 1, 1): np.sqrt(3) / 2, (1, 0, 0): 1.0},
}
"""Relative facet distances with which all edges of a shape are equal (cubic cells)."""


def wulff_shape(
    crystal: Crystal,
    energies_J_per_m2: Mapping[Miller, float],
    *,
    diameter_nm: float | None = None,
    atoms: float | None = None,
) -> ConvexPolyhedron:
    """Shape of least surface energy.

    Parameters
    ----------
    crystal : Crystal
        Its point group makes a family of each facet.
    energies_J_per_m2 : mapping of Miller indices to float
        Surface energies; only their ratios matter.
    diameter_nm : float, optional
        Diameter of the ball of equal volume.
    atoms : float, optional
        Volume in place of it, as the number of atoms that fill it in the bulk; cutting it out
        of a lattice gives a few per cent more or fewer.

    Returns
    -------
    ConvexPolyhedron
        About the origin, in the crystal's frame; its `planes` name the facets.

    Raises
    ------
    InputError
        An energy that is not above zero, facets that leave a side open, or not exactly one
        of the two sizes.
    """
    _check_energies(energies_J_per_m2)
    shape = ConvexPolyhedron.from_facets(crystal, energies_J_per_m2)
    return _sized(shape, crystal, diameter_nm, atoms)


def winterbottom_shape(
    crystal: Crystal,
    energies_J_per_m2: Mapping[Miller, float],
    support: Sequence[int],
    support_energy_J_per_m2: float,
    *,
    diameter_nm: float | None = None,
    atoms: float | None = None,
) -> ConvexPolyhedron:
    """Shape of least energy on a flat support.

    Parameters
    ----------
    crystal, energies_J_per_m2, diameter_nm, atoms
        As in `wulff_shape`; sizes are of the cut shape.
    support : sequence of int
        Miller indices of the plane of contact; the support lies on the side of its normal.
    support_energy_J_per_m2 : float
        Energy of the interface less that of the bare support: equal to the crystal's own
        surface energy without adhesion, its negative for complete wetting.

    Returns
    -------
    ConvexPolyhedron
        Contact plane last, in the crystal's frame; the centre of the free Wulff shape is at
        the origin, which may be outside.

    Raises
    ------
    InputError
        As `wulff_shape`, or the support's energy is so low that nothing is left.
    """
    _check_energies(energies_J_per_m2)
    free = ConvexPolyhedron.from_facets(crystal, energies_J_per_m2)
    contact = three_indices(support)
    normal = plane_normal(crystal, contact)
    if not -free.extent_nm(-normal)[1] < support_energy_J_per_m2:
        raise _unusable(
            f"{support_energy_J_per_m2:g} J/m²",
            "support_energy_J_per_m2",
            "The crystal would spread into a film without height",
        )
    cut = ConvexPolyhedron(
        np.vstack([free.normals, normal]),
        np.append(free.distances_nm, support_energy_J_per_m2),
        (*free.planes, contact),
    )
    return _sized(cut, crystal, diameter_nm, atoms)


def named_shape(
    name: str, crystal: Crystal, *, diameter_nm: float | None = None, atoms: float | None = None
) -> ConvexPolyhedron:
    """One of `NAMED_SHAPES` of a cubic crystal.

    Parameters
    ----------
    name : str
        For example ``truncated_octahedron``.
    crystal : Crystal
        With a cubic cell; the cell's symmetry counts, so that zinc blende has octahedra too.
    diameter_nm, atoms : float, optional
        As in `wulff_shape`.

    Raises
    ------
    InputError
        An unknown name, a cell that is not cubic, or not exactly one of the two sizes.
    """
    if name not in NAMED_SHAPES:
        raise _unusable(
            f"no shape '{name}'{nearest(name, NAMED_SHAPES)}", "shape", "Its facets are not known"
        )
    if not is_cubic(crystal):
        raise _unusable(
            f"a {name} of {crystal.name}", "crystal", "Its cell is not cubic, so no edges are equal"
        )
    operations = lattice_symmetry(crystal)
    shape = ConvexPolyhedron.from_facets(crystal, NAMED_SHAPES[name], operations=operations)
    return _sized(shape, crystal, diameter_nm, atoms)


def is_cubic(crystal: Crystal) -> bool:
    """Whether the cell has the 48 symmetries of a cube."""
    return len(lattice_symmetry(crystal)) == 48


def _sized(
    shape: ConvexPolyhedron, crystal: Crystal, diameter_nm: float | None, atoms: float | None
) -> ConvexPolyhedron:
    """Scaled to the volume that one of the two sizes gives."""
    if (diameter_nm is None) == (atoms is None):
        raise _unusable("two sizes or none", "diameter_nm, atoms", "Either fixes the volume")
    size = diameter_nm if diameter_nm is not None else atoms
    if size is None or not 0 < size < np.inf:
        raise _unusable(f"a size of {size}", "diameter_nm, atoms", "It must be above zero")
    volume_nm3 = np.pi / 6 * size**3 if atoms is None else size / crystal.atoms_per_nm3
    return shape.scaled(float(np.cbrt(volume_nm3 / shape.volume_nm3)))


def _check_energies(energies_J_per_m2: Mapping[Miller, float]) -> None:
    for plane, energy in energies_J_per_m2.items():
        if not 0 < energy < np.inf:
            raise _unusable(
                f"{energy:g} J/m² for {tuple(plane)}",
                "energies_J_per_m2",
                "A surface energy is positive",
            )


def _unusable(what: str, where: str, why: str) -> InputError:
    return InputError(what, where=where, why=why, fix="Correct it")
