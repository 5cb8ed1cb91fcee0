"""Scenes drawn by mass-thickness contrast with their exact truth: no atoms, no waves.

Bright field is Beer-Lambert at 200 keV, with diffraction contrast from particle to particle. Dark
field is thickness times Z^1.7, between Z^(4/3) of screened atoms and Rutherford's Z^2; Krivanek et
al., Nature 464 (2010) 571, measured Z^1.64. Secondary electrons are a plain look
(`hrtem_shift.mass_thickness.secondary_electrons`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hrtem_shift.mass_thickness.arrangements import arranged, on_carrier
from hrtem_shift.mass_thickness.camera import record
from hrtem_shift.mass_thickness.films import carrier, film
from hrtem_shift.mass_thickness.lettering import add_lettering
from hrtem_shift.mass_thickness.secondary_electrons import Surface
from hrtem_shift.mass_thickness.shapes import SHAPES, thickness_map
from hrtem_shift.mass_thickness.textures import NoiseField
from hrtem_shift.mass_thickness.transmission import (
    MATERIALS,
    Material,
    contrast_thickness_nm,
)
from hrtem_shift.mass_thickness.visibility import visible_labels
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.seeds import generator_at

Mode = Literal["bright_field", "dark_field", "secondary_electron"]
Map = NDArray[np.float32]
Name = TypeVar("Name", bound=str)

PIXEL_SIZES_nm = (0.02, 20.0)
FILMS = ("C", "SiO2", "Al2O3")
"""Materials of films and carriers."""

PARTICLES = tuple(name for name in MATERIALS if name != "C")
"""Materials of particles."""

_MODE_WEIGHTS: dict[Mode, float] = {
    "bright_field": 0.42,
    "dark_field": 0.36,
    "secondary_electron": 0.22,
}
_SHAPE_WEIGHTS = dict(
    zip(SHAPES, (0.3, 0.08, 0.1, 0.17, 0.09, 0.05, 0.07, 0.07, 0.03, 0.04), strict=True)
)


class DrawnScenes(ParameterBlock):
    """What drawn scenes hold, as shares and ranges."""

    modes: dict[Mode, float] = Field(default_factory=lambda: dict(_MODE_WEIGHTS))
    """How the contrast is made, by weight."""
    shapes: dict[str, float] = Field(default_factory=lambda: dict(_SHAPE_WEIGHTS))
    """Shapes of particles, by weight."""
    empty: float = Field(default=0.05, ge=0, le=1)
    """Share of scenes without a particle."""
    catalysts: float = Field(default=0.45, ge=0, le=1)
    """Share of small particles on a thick carrier, among bright and dark field."""
    smallest_radius_px: float = Field(default=3.0, gt=1)
    largest_radius: float = Field(default=0.55, gt=0, le=1)
    """Largest median radius, as a share of the image's shorter edge."""
    catalyst_radius_px: tuple[float, float] = (2.0, 20.0)
    """Smallest and largest median radius on a carrier [px]."""
    most_particles: int = Field(default=350, ge=1)
    overlapping: float = Field(default=0.3, ge=0, le=1)
    """Share of scenes whose particles may lie on one another."""
    lettering: float = Field(default=0.5, ge=0, le=1)
    """Share of images on which a scale bar or letters may be printed."""


@dataclass(frozen=True, eq=False)
class DrawnScene:
    """A micrograph and what is on it.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Counts in any unit.
    labels : ndarray of int32, shape (H, W)
        Number of the uppermost particle of each pixel; 0 on background, under letters, and
        on particles that cannot be seen. Some numbers may be missing.
    mode : str
        How the contrast was made.
    conditions : dict
        Those of `hrtem_shift.mass_thickness.camera.Recording`, ``pixel_size_nm``, and
        ``particles``: how many are labelled.
    """

    pixels: Map
    labels: NDArray[np.int32]
    mode: Mode
    conditions: dict[str, float]


def draw_scene(
    scenes: DrawnScenes, seed: int, *address: str | int, shape: tuple[int, int] = (256, 256)
) -> DrawnScene:
    """Draw one micrograph; the same seed and address give the same pixels.

    Parameters
    ----------
    scenes : DrawnScenes
        What to draw from.
    seed : int
        Root seed.
    *address : str or int
        Of the draw (`hrtem_shift.seeds`).
    shape : tuple of int
        (H, W) [px].

    Returns
    -------
    DrawnScene
    """
    rng = generator_at(seed, *address)
    mode = _weighted(scenes.modes, rng)
    catalyst = mode != "secondary_electron" and rng.random() < scenes.catalysts
    population = _population(scenes, shape, catalyst, rng)
    support = film(shape, rng)
    carried = np.zeros(shape, np.float32)
    if catalyst:
        carried = carrier(shape, population.radius_px, rng)
        support = carried + rng.choice([0.0, 0.1, 0.5]) * support
    surface = Surface(shape, rng) if mode == "secondary_electron" else None
    body = _draw_particles(population, shape, carried, surface, rng)
    if surface is not None:
        pixel_size_nm = float(10 ** rng.uniform(-0.5, 1.3))
        ideal, bare = surface.brightness, surface.bare
    else:
        picture = _bright_field if mode == "bright_field" else _dark_field
        ideal, bare, pixel_size_nm = picture(body, support, carried, rng)
    recording = record(ideal, rng)
    labels = visible_labels(body.labels, ideal, bare, recording.noise_std)
    pixels = recording.pixels
    if rng.random() < scenes.lettering:
        pixels, printed = add_lettering(pixels, rng)
        labels[printed] = 0
    conditions = recording.conditions | {
        "pixel_size_nm": pixel_size_nm,
        "particles": float(np.unique(labels[labels > 0]).size),
    }
    return DrawnScene(pixels, labels, mode, conditions)


@dataclass(frozen=True)
class _Population:
    """What the particles of one scene share."""

    radius_px: float
    """Median of a lognormal distribution."""
    smallest_px: float
    size_spread: float
    """Standard deviation of the logarithm of the radius."""
    number: int
    shapes: tuple[str, str]
    allowed_overlap: float
    """Fraction of a particle that may lie on others."""
    strength_spread: float
    """Standard deviation of the logarithm of how strongly a particle scatters."""
    height: float
    """Thickness relative to that of a body that is as high as wide."""
    roughness: float
    """Standard deviation by which outlines are displaced, relative to the radius."""
    displacement: NoiseField | None
    texture: float
    """Standard deviation of the thickness within a particle, relative to its mean."""
    pores: NoiseField | None
    bent: float
    """Share of particles with bend contours."""


def _population(
    scenes: DrawnScenes, shape: tuple[int, int], catalyst: bool, rng: np.random.Generator
) -> _Population:
    smallest = scenes.catalyst_radius_px[0] if catalyst else scenes.smallest_radius_px
    largest = scenes.catalyst_radius_px[1] if catalyst else scenes.largest_radius * min(shape)
    radius = smallest * (largest / smallest) ** (rng.random() ** (1.0 if catalyst else 0.85))
    if catalyst:
        cover = 0.01 * 40 ** rng.random()
    else:
        cover = rng.uniform(0.03, 0.6) if rng.random() < 0.8 else rng.uniform(0.6, 0.95)
    number = np.clip(cover * np.prod(shape) / (np.pi * radius**2), 1, scenes.most_particles)
    weights = {"sphere": 0.7, "polyhedron": 0.3} if catalyst else scenes.shapes
    first, second = _weighted(weights, rng), _weighted(weights, rng)

    def noise(shortest: float, longest: float) -> NoiseField | None:
        """In 45 % of the draws, of a length relative to the radius."""
        if rng.random() < 0.55:
            return None
        return NoiseField(max(rng.uniform(shortest, longest) * radius, 0.8), max(shape), rng)

    return _Population(
        radius_px=radius,
        smallest_px=2.0 if catalyst else 2.5,
        size_spread=rng.choice([0.03, 0.12, 0.3, 0.45]),
        number=0 if rng.random() < scenes.empty else int(number),
        shapes=(first, first if rng.random() < 0.6 else second),
        allowed_overlap=(
            1.0 if rng.random() < scenes.overlapping else float(rng.choice([0.0, 0.03, 0.08]))
        ),
        strength_spread=rng.choice([0.03, 0.15, 0.5]),
        height=rng.uniform(0.25, 1.0),
        roughness=rng.uniform(0.01, 0.07),
        displacement=noise(0.08, 0.5),
        texture=rng.uniform(0.05, 0.6),
        pores=noise(0.03, 0.35),
        bent=rng.choice([0.0, 0.25, 0.6]),
    )


@dataclass(frozen=True, eq=False)
class _Body:
    """All particles of a scene: scattering thickness [px], and numbers of the uppermost."""

    thickness: Map
    labels: NDArray[np.int32]

    @property
    def typical_thickness(self) -> float:
        """Median where particles are [px]; 10 where there are none."""
        inside = self.thickness[self.labels > 0]
        return max(float(np.median(inside)), 0.1) if inside.size else 10.0


def _draw_particles(
    population: _Population,
    shape: tuple[int, int],
    carried: Map,
    surface: Surface | None,
    rng: np.random.Generator,
) -> _Body:
    thickness, labels = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    if not population.number:
        centres = np.zeros((0, 2))
    elif carried.any():
        solid = carried > 0.15 * np.percentile(carried, 90)
        centres = on_carrier(solid, population.number, rng)
    else:
        centres = arranged(shape, population.radius_px, population.number, rng)
    for number, (row, column) in enumerate(centres, start=1):
        radius = population.radius_px * rng.lognormal(0, population.size_spread)
        radius = float(np.clip(radius, population.smallest_px, 0.8 * min(shape)))
        height = population.height * thickness_map(
            str(rng.choice(population.shapes)),
            radius,
            rng,
            roughness=population.roughness,
            displacement=population.displacement,
        )
        window, part = _overlap(shape, (int(row), int(column)), height.shape)
        inside = height[part] > 0
        if not inside.any():
            continue
        if (labels[window][inside] > 0).mean() > population.allowed_overlap:
            continue
        strength = float(rng.lognormal(0, population.strength_spread))
        texture = _texture(population, radius, height.shape, part, rng)
        contours = _bend_contours(population, radius, window, rng)
        thickness[window] += height[part] * texture * strength * contours
        if surface is not None:
            surface.paint(window, part, height, radius, texture, strength)
        labels[window][inside] = number
    return _Body(thickness, labels)


def _overlap(
    shape: tuple[int, int], centre: tuple[int, int], size: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a map around a pixel lies on the image, and the part of the map that does."""
    windows, parts = [], []
    for middle, edge, length in zip(centre, shape, size, strict=True):
        start = middle - length // 2
        window = slice(max(start, 0), max(min(start + length, edge), 0))
        windows.append(window)
        parts.append(slice(window.start - start, max(window.stop - start, 0)))
    return (windows[0], windows[1]), (parts[0], parts[1])


def _texture(
    population: _Population,
    radius: float,
    size: tuple[int, int],
    part: tuple[slice, slice],
    rng: np.random.Generator,
) -> Map | float:
    """Pores and grains within a particle; those of less than 5 px in radius have none."""
    if population.pores is None or radius <= 5:
        return 1.0
    noise = population.pores.window(size, rng)[part]
    return np.maximum(1 + population.texture * noise, 0.05)


def _bend_contours(
    population: _Population, radius: float, window: tuple[slice, slice], rng: np.random.Generator
) -> Map | float:
    """Bands of diffraction contrast across a bent crystal."""
    if radius <= 5 or rng.random() >= population.bent:
        return 1.0
    y, x = np.mgrid[window].astype(np.float32)
    wave, phase = rng.normal(0, 1, 2) / radius, rng.uniform(0, 2 * np.pi)
    return (1 + 0.4 * np.cos(2 * np.pi * (wave[0] * y + wave[1] * x) + phase)).astype(np.float32)


def _bright_field(
    body: _Body, support: Map, carried: Map, rng: np.random.Generator
) -> tuple[Map, Map, float]:
    """Intensity with particles and without, and the pixel size at which it looks so [nm].

    Particles absorb 0.12 to 4 contrast thicknesses, on carriers at most 1.5. A carrier absorbs
    0.3 to 4 times as much as its particles, at most 1.2; a film varies less than its particles.
    """
    material, support_material = _material(PARTICLES, rng), _material(FILMS, rng)
    aperture_mrad = rng.uniform(5, 20)
    particle_nm = contrast_thickness_nm(material, aperture_mrad=aperture_mrad)
    support_nm = contrast_thickness_nm(support_material, aperture_mrad=aperture_mrad)
    absorbed = 0.12 * (4 / 0.12) ** rng.random()
    ratio = 0.3 * (4 / 0.3) ** rng.random()
    if carried.any():
        absorbed = min(absorbed, 1.5)
    size_nm = absorbed * particle_nm / max(body.typical_thickness, 1.0)
    size_nm = float(np.clip(size_nm, *PIXEL_SIZES_nm))
    exponent = support * size_nm / support_nm
    if carried.any():
        typical = float(np.median(exponent[carried > 0]))
        exponent = exponent * min(ratio * absorbed, 1.2) / max(typical, 1e-6)
    else:
        exponent = np.minimum(exponent, 3.0)
        exponent = exponent * min(1.0, 0.5 * absorbed / max(float(exponent.std()), 1e-6))
    bare = np.exp(-exponent)
    ideal = bare * np.exp(-body.thickness * size_nm / particle_nm)
    return _fringed(ideal, rng), bare, size_nm


def _dark_field(
    body: _Body, support: Map, carried: Map, rng: np.random.Generator
) -> tuple[Map, Map, float]:
    """As `_bright_field`; a carrier is 0.2 to 6 times as bright as its particles."""
    material, support_material = _material(PARTICLES, rng), _material(FILMS, rng)
    particles = body.thickness * material.dark_field_per_nm
    bare = support * support_material.dark_field_per_nm
    typical = body.typical_thickness * material.dark_field_per_nm
    if carried.any():
        share = 0.2 * (6 / 0.2) ** rng.random()
        bare = bare * share * typical / max(float(np.median(bare[carried > 0])), 1e-6)
    else:
        bare = bare * min(1.0, rng.uniform(0.05, 0.8) * typical / max(float(bare.mean()), 1e-6))
    size_nm = 10 ** rng.uniform(0, 1.5) / max(body.typical_thickness, 1.0)
    return particles + bare, bare, float(np.clip(size_nm, *PIXEL_SIZES_nm))


def _fringed(ideal: Map, rng: np.random.Generator) -> Map:
    """A Fresnel fringe along the edges: bright outside at underfocus, dark at overfocus."""
    from scipy.ndimage import gaussian_filter

    if rng.random() < 0.45:
        return ideal
    width_px = rng.uniform(0.6, 2.8)
    edge = gaussian_filter(ideal, width_px) - gaussian_filter(ideal, 2 * width_px)
    return np.maximum(ideal + rng.choice([1, 1, -1]) * rng.uniform(0.3, 1.8) * edge, 0)


def _material(names: tuple[str, ...], rng: np.random.Generator) -> Material:
    return MATERIALS[names[int(rng.integers(len(names)))]]


def _weighted(weights: Mapping[Name, float], rng: np.random.Generator) -> Name:
    """A name drawn by weight."""
    shares = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))]
