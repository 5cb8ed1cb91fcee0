"""Make the gallery: ``python docs/make_gallery.py`` writes docs/images/gallery and docs/gallery.md.

Names of pictures as arguments draw those only. The three examples of Construction Zone's paper
(npj Comput. Mater. 2024, 10.1038/s41524-024-01336-0) are here, rebuilt from their description.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import gallery_pictures  # noqa: F401  registers its pictures first
import gallery_scenes  # noqa: F401  then these
import numpy as np
from gallery_page import PICTURES, picture, small_png, write_gallery
from scipy.spatial.transform import Rotation

from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.carbon_film import CarbonFilm
from hrtem_shift.structures.crystals import CRYSTALS, fill
from hrtem_shift.structures.grains import join_apart
from hrtem_shift.structures.islands import islands_on
from hrtem_shift.structures.modifications import strained
from hrtem_shift.structures.orientations import aligned
from hrtem_shift.structures.planar_defects import PlanarDefect, fill_faulted
from hrtem_shift.structures.polyhedra import ConvexPolyhedron
from hrtem_shift.structures.scenes import Scene, SceneObject, assemble
from hrtem_shift.structures.supports import molybdenum_disulphide
from hrtem_shift.structures.volumes import Box, HalfSpace, Sphere

DOCS = Path(__file__).parent
EXAMPLES = "Examples of the Construction Zone paper"
GOLD = CRYSTALS["Au"]


@picture(
    EXAMPLES,
    "Core-shell particle of Co3O4 and Mn3O4",
    micrograph=True,
    colour_by="region",
    names={0: "Co3O4 core", **{k: f"Mn3O4 grain {k}" for k in range(1, 7)}},
)
def core_shell_oxide() -> Atoms:
    """A cube of six Co3O4 cells with a strained Mn3O4 grain on each face.

    Grains lie with (001) on the cube's face and [110] along its edge, squeezed by one per cent
    to fit; they end in {112} and {101} facets. The orientation is our reading of the misfit:
    the description names faces, facets and numbers only.
    """
    core, shell = CRYSTALS["Co3O4"], CRYSTALS["Mn3O4"]
    edge_nm = 6 * core.cell_nm[0, 0]
    parts = [fill(core, Box((0, 0, 0), (edge_nm,) * 3), origin_nm=(-edge_nm / 2,) * 3)]
    misfit = core.cell_nm[0, 0] / (shell.cell_nm[0, 0] * 2**0.5) - 1
    facets = ConvexPolyhedron.from_facets(shell, {(1, 1, 2): 2.05, (1, 0, 1): 2.75})
    for k, normal in enumerate(np.concatenate([np.eye(3), -np.eye(3)]), start=1):
        turn = aligned(
            shell, plane=(0, 0, 1), direction=(1, 1, 0), normal=normal, along=np.roll(normal, 1)
        )
        grain = facets.rotated(turn) - HalfSpace((normal[0], normal[1], normal[2]), 0.05)
        atoms = fill(shell, grain, rotation=turn)
        atoms = strained(atoms, np.diag([misfit, misfit, -0.6 * misfit]), rotation=turn)
        parts.append(atoms.moved(normal * edge_nm / 2).with_region(k))
    return join_apart(parts, 0.17)


@picture(EXAMPLES, "Gold nanoislands on bilayer MoS2", micrograph=True, labels=True)
def gold_islands_on_mos2(rng: np.random.Generator) -> Scene:
    """Six islands on two sheets across 25 x 25 nm."""
    field_nm = (25.0, 25.0)
    support = molybdenum_disulphide(field_nm, layers=2)
    widths_nm, heights_nm = rng.uniform(2.5, 5.5, 6), rng.uniform(0.7, 1.4, 6)
    grown = islands_on(
        support, GOLD, field_nm=field_nm, widths_nm=widths_nm, heights_nm=heights_nm, rng=rng
    )
    gold = [SceneObject("Au", island.atoms, island.volume, precedence=1) for island in grown]
    top_nm = max(float(island.atoms.positions_nm[:, 2].max()) for island in grown)
    substrate = SceneObject("MoS2", support, None, precedence=2)
    return assemble(substrate, gold, (*field_nm, top_nm + 0.1), min_distance_nm=0.2)


@picture(EXAMPLES, "Defected gold particle on carbon", micrograph=True, labels=True)
def defected_gold_on_carbon(rng: np.random.Generator) -> Scene:
    """A ball of 5 nm with a twin and a stacking fault, on 10 x 10 x 5 nm of carbon."""
    film = CarbonFilm(thickness_nm=5)
    centre_nm = np.array([5.0, 5.0, film.exit_surface_nm + 2.3])
    ball = Sphere((5.0, 5.0, float(centre_nm[2])), 5)
    on_edge = Rotation.from_euler("yz", [-90, 25], degrees=True)
    defects = [PlanarDefect("twin", -4), PlanarDefect("intrinsic", 3)]
    atoms = fill_faulted(GOLD, ball, defects, rotation=on_edge, origin_nm=centre_nm)
    gold = SceneObject("Au", atoms, ball, precedence=1)
    carbon = SceneObject("carbon", Atoms.of(film.make(10.0, rng), 6), None, precedence=2)
    return assemble(carbon, [gold], (10.0, 10.0, float(centre_nm[2]) + 2.5), min_distance_nm=0.2)


def main(names: list[str]) -> None:
    """Draw all pictures and the page, or only those named."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    unknown = set(names) - {entry.name for entry in PICTURES}
    if unknown:
        raise SystemExit(f"no picture {', '.join(sorted(unknown))}")
    if not names:
        write_gallery(DOCS)
    for entry in PICTURES:
        if entry.name in names:
            path = DOCS / "images" / "gallery" / f"{entry.name}.png"
            path.write_bytes(small_png(entry.figure()))
            logging.info("%s, %d bytes", path.name, path.stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1:])
