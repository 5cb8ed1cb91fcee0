"""Scenes built from what was drawn for them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from hrtem_shift.errors import InputError
from hrtem_shift.seeds import generator_at
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS
from hrtem_shift.structures.grains import wrapped
from hrtem_shift.structures.particle_shapes import SHAPES, make_particle
from hrtem_shift.structures.scene_distribution import (
    CARBON,
    SceneDistribution,
    draw_table,
    most_strained,
)
from hrtem_shift.structures.scenes import SUPPORT, Scene, SceneObject, assemble
from hrtem_shift.structures.stacks import CUBIC_STACK_AXES
from hrtem_shift.tables import rows_of

TRIES = 20_000
TOUCHING_NM = 1e-6
"""Keeps rounding from taking away the atoms that a particle stands on."""


def draw_scene(distribution: SceneDistribution, seed: int, *address: str | int) -> Scene:
    """One scene of a distribution; the same seed and address give the same atoms."""
    (row,) = rows_of(draw_table(distribution, 1, seed, *address))
    return build_scene(distribution, row, seed, *address)


def build_scene(
    distribution: SceneDistribution, row: dict[str, Any], seed: int, *address: str | int
) -> Scene:
    """Build the scene of one row of `draw_table`.

    Parameters
    ----------
    distribution : SceneDistribution
        What the row was drawn from.
    row : dict
        One row.
    seed, *address
        Root seed and the scene's address: places, defects and the film come from them.

    Returns
    -------
    Scene
        Film atoms first, then those of each particle.

    Raises
    ------
    InputError
        The particles found no place; a rare event near the densest cover.
    """
    rng = generator_at(seed, *address, "build")
    film = (
        distribution.carbon.film(row["carbon_thickness_nm"]) if not distribution.support else None
    )
    slab = _slab(distribution, row, generator_at(seed, *address, "support"))
    if film:
        surface_nm = film.exit_surface_nm - distribution.particles.embedding_nm
    else:
        surface_nm = slab.positions_nm[:, 2].max() + distribution.contact_distance_nm + TOUCHING_NM
    numbers = range(1, row["particles"] + 1)
    built = [_particle(distribution, row, k, rng, seed, *address) for k in numbers]
    strained = 1 + most_strained(distribution.particles)
    radii_nm = [
        row[f"diameter_nm_{k}"] * SHAPES[row[f"shape_{k}"]].widest / 2 * strained for k in numbers
    ]
    centres_nm = _random_centres_nm(radii_nm, distribution, rng)
    particles = []
    for particle, (x_nm, y_nm) in zip(built, centres_nm, strict=True):
        assert particle.volume is not None
        at_nm = np.array([x_nm, y_nm, surface_nm - particle.volume.bounds_nm()[0][2]])
        atoms, volume = particle.atoms.moved(at_nm), particle.volume.moved(at_nm)
        particles.append(SceneObject(particle.name, atoms, volume, precedence=1))
    field_nm = distribution.field_nm
    support = Atoms.of(film.make(field_nm, rng), CARBON) if film else slab
    tops = [float(particle.volume.bounds_nm()[1][2]) for particle in particles if particle.volume]
    base_nm = film.exit_surface_nm if film else 0.0
    heights = [*tops, base_nm, float(support.positions_nm[:, 2].max(initial=0.0))]
    scene = assemble(
        SceneObject("carbon" if film else "support", support, None, precedence=2),
        particles,
        (field_nm, field_nm, max(heights)),
        distribution.contact_distance_nm,
    )
    return _with_adsorbates(scene, distribution, row, surface_nm, seed, *address)


def _particle(
    distribution: SceneDistribution,
    row: dict[str, Any],
    k: int,
    rng: np.random.Generator,
    seed: int,
    *address: str | int,
) -> SceneObject:
    from scipy.spatial.transform import Rotation

    from hrtem_shift.structures.layers import Layers
    from hrtem_shift.structures.modifications import strained, substituted, with_vacancies

    particles = distribution.particles
    material, shape = row[f"material_{k}"], row[f"shape_{k}"]
    rotation = Rotation.from_quat([row[f"q{axis}_{k}"] for axis in "xyzw"])
    in_stack_axes = particles.planar_defects and not SHAPES[shape].multiply_twinned
    not_uniform = SHAPES[shape].on_support or (particles.orientation and in_stack_axes)
    if not_uniform and Layers.of(CRYSTALS[material]).stacking == "ABC":
        rotation = rotation * Rotation.from_matrix(CUBIC_STACK_AXES).inv()
    fill_with = None
    if particles.grains:
        count = round(row[f"grains_{k}"])
        fill_with = partial(particles.grains.fill, count, generator_at(seed, *address, "grains", k))
    elif particles.core:
        fill_with = partial(particles.core.fill, row[f"core_diameter_{k}"])
    built = make_particle(
        material,
        shape,
        row[f"diameter_nm_{k}"],
        rotation,
        particles.planar_defects,
        rng,
        fill_with,
        particles.supported,
    )
    atoms, volume = built.atoms, built.volume
    if any(particles.strain):
        gradient = np.diag([row[f"strain_{axis}_{k}"] for axis in "xyz"])
        assert volume is not None
        atoms, volume = strained(atoms, gradient), volume.strained(np.eye(3) + gradient)
    if particles.substitution:
        fraction, chance = row[f"substituted_{k}"], generator_at(seed, *address, "substitution", k)
        atoms = substituted(atoms, particles.substitution.element, fraction=fraction, rng=chance)
    if particles.vacancies:
        fraction, chance = row[f"vacancies_{k}"], generator_at(seed, *address, "vacancies", k)
        atoms = with_vacancies(atoms, fraction=fraction, rng=chance)
    return SceneObject(built.name, atoms, volume, precedence=1)


def _slab(distribution: SceneDistribution, row: dict[str, Any], rng: np.random.Generator) -> Atoms:
    """Atoms of a crystalline support, shifted at random within its plane; none of another."""
    if not distribution.support:
        return Atoms.joined([])
    field_nm = distribution.field_nm
    slab = distribution.support.slab(
        field_nm, row["support_thickness_nm"], row["support_angle_degrees"]
    )
    shifted = slab.moved([*rng.uniform(0, field_nm, 2), 0.0])
    return replace(shifted, positions_nm=wrapped(shifted.positions_nm, (field_nm, field_nm)))


def _with_adsorbates(
    scene: Scene,
    distribution: SceneDistribution,
    row: dict[str, Any],
    surface_nm: float,
    seed: int,
    *address: str | int,
) -> Scene:
    """The scene with molecules on its particles, as atoms that belong to no particle."""
    from scipy.spatial import cKDTree

    adsorbates = distribution.particles.adsorbates
    if not adsorbates:
        return scene
    field_nm = scene.size_nm[:2]
    everything = Atoms.of(scene.positions_nm, scene.atomic_numbers)
    regions = np.zeros(len(everything), np.int64) if scene.region is None else scene.region
    added: list[Atoms] = []
    for k in range(1, row["particles"] + 1):
        rng = generator_at(seed, *address, "adsorbates", k)
        crystal = CRYSTALS[row[f"material_{k}"]]
        particle = everything.select(scene.object_id == k)
        placed = adsorbates.around(particle, crystal, surface_nm, rng)
        placed = placed[: round(row[f"coverage_{k}"] * len(placed))]
        others = Atoms.joined([everything.select(scene.object_id != k), *added])
        if len(others):
            tree = cKDTree(wrapped(others.positions_nm, field_nm), boxsize=(*field_nm, 0))
            reach_nm = adsorbates.min_distance_nm
            placed = [
                guest
                for guest in placed
                if not any(tree.query_ball_point(wrapped(guest.positions_nm, field_nm), reach_nm))
                and guest.positions_nm[:, 2].min() >= 0
            ]
        added += placed
    molecules = Atoms.joined(added)
    heights = molecules.positions_nm[:, 2]
    return replace(
        scene,
        size_nm=(*field_nm, max(scene.size_nm[2], float(heights.max(initial=0.0)))),
        positions_nm=np.concatenate([scene.positions_nm, molecules.positions_nm]),
        atomic_numbers=np.concatenate([scene.atomic_numbers, molecules.atomic_numbers]),
        object_id=np.append(scene.object_id, np.full(len(molecules), SUPPORT)),
        region=np.append(regions, np.zeros(len(molecules), np.int64)),
    )


def _random_centres_nm(
    radii: list[float], distribution: SceneDistribution, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Random (x, y) of each particle's centre: inside the field, apart from each other."""
    field_nm, gap_nm = distribution.field_nm, distribution.particles.gap_nm
    centres_nm: list[tuple[float, float]] = []
    for _ in range(TRIES):
        if len(centres_nm) == len(radii):
            return centres_nm
        radius = radii[len(centres_nm)]
        x, y = rng.uniform(radius, field_nm - radius, size=2)
        away = [np.hypot(x - a, y - b) - r for (a, b), r in zip(centres_nm, radii, strict=False)]
        if all(distance >= radius + gap_nm for distance in away):
            centres_nm.append((float(x), float(y)))
        elif rng.random() < 0.01:
            centres_nm.clear()  # an early particle may leave no room for the others
    raise InputError(
        f"{len(radii)} particles found no place in {field_nm:g} nm",
        where="simulation.scene.particles",
        why=f"After {TRIES} tries each arrangement left one of them without room",
        fix="Give a larger field, fewer or smaller particles, or a smaller gap_nm",
    )
