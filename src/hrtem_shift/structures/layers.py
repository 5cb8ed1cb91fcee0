"""The layers that a close-packed crystal is a stack of (see `planar_defects`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError

if TYPE_CHECKING:
    from hrtem_shift.structures.crystals import Crystal

FACE_CENTRES = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


@dataclass(frozen=True, eq=False)
class Layers:
    """What a close-packed crystal is piled from.

    Attributes
    ----------
    stacking : str
        Sequence of the perfect crystal: ``"ABC"`` or ``"AB"``.
    net_nm : float
        Distance of neighbours within a layer, nm.
    spacing_nm : float
        Distance of layers, nm.
    heights_nm : array, shape (m,)
        Atoms above each site of the net, nm; one or two.
    atomic_numbers : array, shape (m,)
        Their elements.
    """

    stacking: str
    net_nm: float
    spacing_nm: float
    heights_nm: NDArray[np.float64]
    atomic_numbers: NDArray[np.int64]

    @staticmethod
    def of(crystal: Crystal) -> Layers:
        """Layers of a face-centred cubic, diamond, zinc blende, hcp or wurtzite crystal.

        Raises
        ------
        InputError
            The crystal is none of these.
        """
        layers = _cubic_layers(crystal) or _hexagonal_layers(crystal)
        if layers is None:
            raise InputError(
                f"crystal '{crystal.name}'",
                where="layers",
                why="It is not a stack of close-packed layers (face-centred cubic, diamond, "
                "zinc blende, hexagonal close-packed or wurtzite)",
                fix="Choose another crystal, or no planar defects",
            )
        return layers


def _cubic_layers(crystal: Crystal) -> Layers | None:
    """Layers along ``[111]``, if that is what the cell holds."""
    lattice_nm = float(crystal.cell_nm[0, 0])
    if len(crystal.fractional) not in (4, 8) or not np.allclose(
        crystal.cell_nm, lattice_nm * np.eye(3)
    ):
        return None
    from_first = crystal.fractional - crystal.fractional[0]
    motif = [(0.0, int(crystal.atomic_numbers[0]))]
    sites = [FACE_CENTRES]
    if len(crystal.fractional) == 8:
        sign = 1 if _holds(from_first, np.full((1, 3), 0.25)) else -1
        second = int(np.argmin(_apart(from_first, np.full(3, sign * 0.25))))
        motif.append((sign * 0.75**0.5 / 2 * lattice_nm, int(crystal.atomic_numbers[second])))
        sites.append(FACE_CENTRES + sign * 0.25)
    for (_, element), expected in zip(motif, sites, strict=True):
        if not _holds(from_first[crystal.atomic_numbers == element], expected):
            return None
    heights_nm, elements = zip(*motif, strict=True)
    return Layers(
        "ABC", lattice_nm / 2**0.5, lattice_nm / 3**0.5, np.array(heights_nm), np.array(elements)
    )


def _hexagonal_layers(crystal: Crystal) -> Layers | None:
    """Layers along ``[0001]``, if that is what the cell holds."""
    (a, b, c), fractional = crystal.cell_nm, crystal.fractional
    net_nm, height_nm = float(np.linalg.norm(a)), float(np.linalg.norm(c))
    hexagonal = (
        np.isclose(np.linalg.norm(b), net_nm)
        and np.isclose(abs(a @ b), net_nm**2 / 2)
        and np.allclose([a @ c, b @ c], 0)
    )
    if not hexagonal or len(fractional) not in (2, 4):
        return None
    from_first = fractional - fractional[0]
    sideways = _apart(from_first * [1, 1, 0], np.zeros(3)) > 1e-3
    next_layer = from_first[
        sideways & (_apart(from_first * [0, 0, 1], np.array([0, 0, 0.5])) < 1e-3)
    ]
    rise = from_first[~sideways, 2] - np.round(from_first[~sideways, 2])
    # A second atom half a cell above the first is the next layer's: graphite, not wurtzite.
    if len(next_layer) != 1 or len(rise) != len(fractional) // 2 or np.abs(rise).max() > 0.45:
        return None
    elements = crystal.atomic_numbers[~sideways]
    for height, element in zip(rise, elements, strict=True):
        if not _holds(
            from_first[crystal.atomic_numbers == element], next_layer + np.array([0, 0, height])
        ):
            return None
    return Layers("AB", net_nm, height_nm / 2, rise * height_nm, elements)


def _apart(fractional: NDArray[np.float64], site: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance in fractions from the nearest image of a site, shape (n,)."""
    apart = fractional - site
    return np.asarray(np.linalg.norm(apart - np.round(apart), axis=-1))


def _holds(fractional: NDArray[np.float64], sites: NDArray[np.float64]) -> bool:
    """Whether every site is taken."""
    return all(_apart(fractional, site).min() < 1e-3 for site in sites)
