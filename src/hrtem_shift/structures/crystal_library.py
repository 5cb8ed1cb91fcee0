"""Crystals by name.

Where the published structure series gives lattice constants (sister article, DOI
10.69761/kjte5358) they are used as printed there, so that structures are comparable; measured
ones may differ in the third digit (silver: 0.4086 nm).
"""

from __future__ import annotations

from hrtem_shift.structures.unit_cells import (
    Crystal,
    crystal_from_space_group,
    face_centred_cubic,
)

_HEXAGONAL = (90, 90, 120)


def _wurtzite(
    name: str, metal: str, anion: str, a_nm: float, c_nm: float, u: float = 0.375
) -> Crystal:
    """Group 186, both elements on 2b; u is the anion's height over the metal."""
    sites = [(metal, (1 / 3, 2 / 3, 0.0)), (anion, (1 / 3, 2 / 3, u))]
    return crystal_from_space_group(name, 186, sites, (a_nm, a_nm, c_nm), _HEXAGONAL)


def _spinel(name: str, metal: str, a_nm: float, u: float) -> Crystal:
    """Group 227, origin at the centre of symmetry: A on 8a, B on 16d, oxygen on 32e."""
    sites = [(metal, (1 / 8,) * 3), (metal, (1 / 2,) * 3), ("O", (u, u, u))]
    return crystal_from_space_group(name, 227, sites, (a_nm,) * 3)


def _diamond(name: str, element: str, a_nm: float) -> Crystal:
    """Group 227, origin at the centre of symmetry, on 8a."""
    return crystal_from_space_group(name, 227, [(element, (1 / 8,) * 3)], (a_nm,) * 3)


CRYSTALS: dict[str, Crystal] = {
    "Au": face_centred_cubic("gold", 0.40782, 79),  # at room temperature
    "Ag": face_centred_cubic("silver", 0.40782, 47),  # structure series
    "Cu": face_centred_cubic("copper", 0.36157, 29),  # structure series
    "Fe": crystal_from_space_group("iron", 229, [("Fe", (0, 0, 0))], (0.2866,) * 3),  # series
    "C_diamond": _diamond("diamond", "C", 0.35673),  # structure series
    "Si": _diamond("silicon", "Si", 0.5430),  # structure series
    # Structure series; u = 3/8 within 0.5 % of refinements (Kisi and Elcombe 1989: ZnS 0.3748).
    "CdSe_wurtzite": _wurtzite("cadmium selenide, wurtzite", "Cd", "Se", 0.42985, 0.70152),
    "ZnS_wurtzite": _wurtzite("zinc sulphide, wurtzite", "Zn", "S", 0.38227, 0.62607),
    # The room-temperature value in common use; bonds 0.4 % shorter than in the wurtzite above.
    "CdSe_zincblende": crystal_from_space_group(
        "cadmium selenide, zinc blende",
        216,
        [("Cd", (0, 0, 0)), ("Se", (1 / 4, 1 / 4, 1 / 4))],
        (0.6052,) * 3,
    ),
    # Structure series; u of Fleet (1981). Fe on A, both valences on B: an inverse spinel.
    "Fe3O4": _spinel("magnetite", "Fe", 0.8394, 0.2549),
    # Structure series; u of Smith and Hobson (1973).
    "Co3O4": _spinel("cobalt(II,III) oxide", "Co", 0.8065, 0.2631),
    # Oxygen of Jarosch (1987), origin at the centre of symmetry. Bonds agree with the refinement
    # of Antao et al., Minerals 9, 343 (2019), within 0.3 %.
    "Mn3O4": crystal_from_space_group(
        "hausmannite",
        141,
        [("Mn", (0, 1 / 4, 7 / 8)), ("Mn", (0, 1 / 2, 1 / 2)), ("O", (0, 0.4723, 0.2590))],
        (0.5762, 0.5762, 0.9470),
    ),
    # 2H polytype: Bronsema et al. (1986), a = 0.3160, c = 1.2294, z(S) = 0.621.
    "MoS2": crystal_from_space_group(
        "molybdenum disulphide, 2H",
        194,
        [("Mo", (1 / 3, 2 / 3, 1 / 4)), ("S", (1 / 3, 2 / 3, 0.621))],
        (0.3160, 0.3160, 1.2295),
        _HEXAGONAL,
    ),
    # Supports of catalysts and of thin films. Graphite of Trucano and Chen (1975), fluorite
    # structure of Gerward et al. (2005).
    "C_graphite": crystal_from_space_group(
        "graphite",
        194,
        [("C", (0, 0, 1 / 4)), ("C", (1 / 3, 2 / 3, 1 / 4))],
        (0.2464, 0.2464, 0.6711),
        _HEXAGONAL,
    ),
    "CeO2": crystal_from_space_group(
        "cerium dioxide", 225, [("Ce", (0, 0, 0)), ("O", (1 / 4, 1 / 4, 1 / 4))], (0.5411,) * 3
    ),
}
"""Crystals that a scene may name as its material."""
