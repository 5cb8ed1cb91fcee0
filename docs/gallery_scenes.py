"""The gallery's objects of several parts: grains, modifications, surfaces, supports, scenes."""

from __future__ import annotations

import numpy as np
import yaml
from gallery_page import PICTURES, Picture, picture
from scipy.spatial import cKDTree

from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.carbon_film import CarbonFilm
from hrtem_shift.structures.crystals import CRYSTALS, fill
from hrtem_shift.structures.grains import Grain, bicrystal, core_shell
from hrtem_shift.structures.islands import islands_on
from hrtem_shift.structures.modifications import (
    displaced,
    strained,
    substituted,
    vibrated,
    with_vacancies,
)
from hrtem_shift.structures.molecules import molecule
from hrtem_shift.structures.orientations import symmetric_tilt
from hrtem_shift.structures.scene_building import draw_scene
from hrtem_shift.structures.scene_distribution import SceneDistribution
from hrtem_shift.structures.scenes import Scene, SceneObject, assemble
from hrtem_shift.structures.supports import molybdenum_disulphide
from hrtem_shift.structures.surfaces import adsorbed
from hrtem_shift.structures.volumes import Box, Cylinder, HalfSpace, Sphere
from hrtem_shift.structures.wulff import named_shape

GOLD = CRYSTALS["Au"]


@picture(
    "Grains, cores and shells", micrograph=True, colour_by="region", names={1: "left", 2: "right"}
)
def grain_boundary() -> Atoms:
    """The boundary Sigma 5 (310) of gold, on edge."""
    return bicrystal(
        Sphere((0, 0, 0), 5), (GOLD, GOLD), symmetric_tilt((0, 0, 1), 36.87), min_distance_nm=0.22
    )


@picture("Grains, cores and shells", colour_by="region", names={1: "CdSe core", 2: "ZnS shell"})
def core_and_shell() -> Atoms:
    """CdSe in ZnS, axes parallel, half taken away."""
    half = HalfSpace((0, -1, 1), 0.1)
    core = Grain(CRYSTALS["CdSe_wurtzite"], Sphere((0, 0, 0), 3) & half)
    outline = Sphere((0, 0, 0), 5) & half
    return core_shell(core, CRYSTALS["ZnS_wurtzite"], outline, min_distance_nm=0.2)


@picture("Modifications")
def homogeneous_strain() -> Atoms:
    """A cube sheared by 15 per cent."""
    return strained(fill(GOLD, Box((0, 0, 0), (3, 3, 3))), [[0, 0.15, 0], [0, 0, 0], [0, 0, 0]])


@picture("Modifications", "Strain by a function", micrograph=True)
def bent_rod() -> Atoms:
    """A displacement field of your own: a bent rod."""

    def bend(p: np.ndarray) -> np.ndarray:
        angle = p[:, 0] / 8
        radius = 8 - p[:, 1]
        bent = np.stack([radius * np.sin(angle), 8 - radius * np.cos(angle), p[:, 2]], axis=1)
        return bent - p

    return displaced(fill(GOLD, Cylinder((0, 0, 0), (1, 0, 0), 2, 8)), bend)


@picture("Modifications")
def substitution(rng: np.random.Generator) -> Atoms:
    """An alloy: three tenths of the gold atoms become silver."""
    return substituted(fill(GOLD, Sphere((0, 0, 0), 4)), "Ag", fraction=0.3, rng=rng)


@picture("Modifications")
def vacancies(rng: np.random.Generator) -> Atoms:
    """A thin plate of iron without a tenth of its atoms."""
    plate = fill(CRYSTALS["Fe"], Box((0, 0, 0), (3, 3, 0.3)))
    return with_vacancies(plate, fraction=0.1, rng=rng)


@picture("Modifications", micrograph=True)
def thermal_displacements(rng: np.random.Generator) -> Atoms:
    """Every atom shaken by 0.02 nm along each axis, about twice gold's at room temperature."""
    return vibrated(fill(GOLD, Box((0, 0, 0), (3, 3, 3))), {"Au": 0.02}, rng=rng)


@picture("Surfaces")
def thiolates_on_gold(rng: np.random.Generator) -> Atoms:
    """Hexanethiolates on random surface atoms, upright and apart."""
    particle = fill(GOLD, named_shape("truncated_octahedron", GOLD, diameter_nm=3))
    return adsorbed(
        particle,
        molecule("SC6H13"),
        rng=rng,
        height_nm=0.24,
        min_distance_nm=0.2,
        bond_nm=0.34,
        count=45,
    )


@picture("Surfaces", "Carbon monoxide on one facet")
def carbon_monoxide(rng: np.random.Generator) -> Atoms:
    """CO on the atoms that `sites` allows: the upper (001) facet."""
    particle = fill(CRYSTALS["Cu"], named_shape("cuboctahedron", CRYSTALS["Cu"], diameter_nm=3))
    top = particle.positions_nm[:, 2] > particle.positions_nm[:, 2].max() - 0.01
    return adsorbed(
        particle,
        molecule("CO"),
        rng=rng,
        height_nm=0.19,
        min_distance_nm=0.19,
        bond_nm=0.3,
        sites=top,
    )


@picture("Supports and films", "Gold islands on a sheet of MoS2", labels=True, micrograph=True)
def islands(rng: np.random.Generator) -> Scene:
    """Au (111) on MoS2 (0001), each island in one of the two epitaxial variants."""
    support = molybdenum_disulphide((10, 10), layers=1)
    grown = islands_on(
        support, GOLD, field_nm=(10, 10), widths_nm=[3, 2.5], heights_nm=[1.2, 0.8], rng=rng
    )
    gold = [SceneObject("Au", island.atoms, island.volume, precedence=1) for island in grown]
    size_nm = (10, 10, float(grown[0].atoms.positions_nm[:, 2].max()) + 0.2)
    return assemble(SceneObject("MoS2", support, None, precedence=2), gold, size_nm, 0.2)


NEIGHBOURS = {k: f"{k} neighbours" for k in range(7)}


def _carbon(generator: str, sentence: str) -> Picture:
    def build(rng: np.random.Generator) -> Atoms:
        film = CarbonFilm.model_validate({"generator": generator, "thickness_nm": 2})
        positions_nm = film.make(4.0, rng)
        tree = cKDTree(positions_nm, boxsize=(4.0, 4.0, 0.0))
        pairs = tree.query_pairs(0.185, output_type="ndarray")
        near = np.bincount(pairs.ravel(), minlength=len(positions_nm))
        return Atoms(positions_nm, np.full(len(near), 6), near)

    return Picture(
        name=f"carbon_{generator}",
        chapter="Supports and films",
        title=f"Amorphous carbon as {generator.replace('_', ' ')}",
        sentence=sentence,
        code=f'CarbonFilm(generator="{generator}", thickness_nm=2).make(4.0, rng)',
        build=build,
        options={"colour_by": "region", "names": NEIGHBOURS},
    )


PICTURES.append(_carbon("hard_spheres", "Random insertion; colours count neighbours in 0.185 nm."))
PICTURES.append(_carbon("network", "Bonded and relaxed: most atoms have three neighbours."))


@picture("Supports and films", "Rough film with a hole", micrograph=True)
def rough_film_with_a_hole(rng: np.random.Generator) -> Scene:
    """Both surfaces are random, the hole is round."""
    film = CarbonFilm(thickness_nm=3, roughness_rms_nm=0.3, hole_diameter_nm=4)
    atoms = Atoms.of(film.make(8.0, rng), 6)
    size_nm = (8.0, 8.0, float(atoms.positions_nm[:, 2].max()))
    return assemble(SceneObject("carbon", atoms, None, precedence=2), [], size_nm, 0.2)


@picture("Scenes", "A sampled scene", micrograph=True, labels=True)
def sampled_scene() -> Scene:
    """Three particles of random material, shape, size, place and orientation on carbon."""
    particles = {
        "count": 3,
        "material": ["Au", "Ag", "Cu"],
        "shape": ["sphere", "truncated_octahedron", "decahedron"],
        "diameter_nm": {"low": 2.5, "high": 3.5},
        "planar_defects": 1,
    }
    distribution = SceneDistribution.model_validate(
        {"field_nm": 15, "particles": particles, "carbon": {"thickness_nm": 2}}
    )
    return draw_scene(distribution, 7, "gallery", 0)


def _option(name: str, sentence: str, code: str) -> Picture:
    """One option as a user writes it in ``conf``, on gold of 4 nm on carbon of 1 nm."""

    def build() -> Scene:
        block = yaml.safe_load(code)["scene"]
        particles = {"diameter_nm": 4.0, **block.pop("particles", {})}
        scene = {"field_nm": 6.4, "carbon": {"thickness_nm": 1.0}, "particles": particles, **block}
        return draw_scene(SceneDistribution.model_validate(scene), 7, "gallery", name)

    return Picture(
        name=f"option_{name}",
        chapter="Options of a scene",
        title=name.replace("_", " ").capitalize(),
        sentence=sentence,
        code=code.strip(),
        build=build,
        micrograph=True,
        labels=True,
        language="yaml",
    )


PICTURES.extend(
    [
        _option(
            "preferred_orientation",
            "A zone axis along the beam, but for a small tilt; turned at random about it.",
            """
scene:
  particles:
    orientation: {zone_axis: [1, 1, 0], tilt_std_degrees: 1}
""",
        ),
        _option(
            "bicrystal",
            "Two grains tilted about [001], which lies along the beam: the boundary Sigma 5.",
            """
scene:
  particles:
    grains: {tilt_degrees: 36.87}
    orientation: {zone_axis: [0, 0, 1]}
""",
        ),
        _option(
            "polycrystal",
            "Grains at random places, each turned at random.",
            """
scene:
  particles:
    grains: {count: 4}
""",
        ),
        _option(
            "core_and_shell_particle",
            "Cadmium selenide in zinc sulphide, axes parallel.",
            """
scene:
  particles:
    material: [ZnS_wurtzite]
    core: {material: CdSe_wurtzite, diameter: 0.6}
    orientation: {zone_axis: [0, 0, 1]}
""",
        ),
        _option(
            "strain",
            "Stretched along x and squeezed along y, by an eighth each so that it is seen.",
            """
scene:
  particles:
    strain: [0.125, -0.125, 0]
    orientation: {zone_axis: [0, 0, 1]}
""",
        ),
        _option(
            "substituted_atoms",
            "Half of the atoms are carbon, at random sites: columns differ.",
            """
scene:
  particles:
    substitution: {element: C, fraction: 0.5}
    orientation: {zone_axis: [1, 1, 0]}
""",
        ),
        _option(
            "missing_atoms",
            "A third of the atoms is missing.",
            """
scene:
  particles:
    vacancies: 0.33
    orientation: {zone_axis: [1, 1, 0]}
""",
        ),
        _option(
            "ligand_shell",
            "Hexanethiolates on all of the free surface; masks outline the particle alone.",
            """
scene:
  particles:
    adsorbates: {molecule: SC6H13}
""",
        ),
        _option(
            "crystalline_support",
            "Two sheets of MoS2 in place of carbon. `C_graphite` of 0.3 nm is graphene.",
            """
scene:
  support: {material: MoS2, thickness_nm: 1.23, angle_degrees: 15}
""",
        ),
        _option(
            "epitaxial_islands",
            "Flat islands with {111} on MoS2 and [1-10] along its rows, in two variants. The field "
            "holds 26 by 15 repeats of the sheet, so that it has no seam.",
            """
scene:
  support: {material: MoS2, thickness_nm: 0.62}
  particles:
    count: 2
    shape: [island]
    diameter_nm: [uniform, 1.5, 1.7]
    gap_nm: 0
  field_nm: 8.216
""",
        ),
        _option(
            "winterbottom_shape",
            "The shape of least energy on a support that it wets, here cerium dioxide.",
            """
scene:
  support: {material: CeO2, thickness_nm: 1.2, plane: [1, 1, 1], direction: [1, -1, 0]}
  particles:
    shape: [winterbottom]
    diameter_nm: 3.0
    supported: {contact_energy: -0.2}
""",
        ),
    ]
)
