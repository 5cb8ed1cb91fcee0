"""Whole drawn micrographs with their exact truth: bright field, dark field, secondary electrons.

Particles of 2.5 px in radius up to 0.4 of the image's shorter edge, none to thousands, alike or of
all sizes, apart, touching, overlapping or in arrays, on thin films, films with holes or
agglomerates.

Bright field is Beer-Lambert at 200 keV, with diffraction contrast from particle to particle. Dark
field is thickness times Z^1.7, between Z^(4/3) of screened atoms and Rutherford's Z^2; Krivanek et
al., Nature 464 (2010) 571, measured Z^1.64. The secondary-electron look is a plain model, bright
where a particle is steep. Not a simulation of waves: no lattice, no Thon rings.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.mass_thickness.burned_in import burn_in
from hrtem_shift.mass_thickness.particles import KINDS, thickness_map
from hrtem_shift.mass_thickness.textures import agglomerate, smooth_noise, uneven_illumination
from hrtem_shift.mass_thickness.transmission import (
    MATERIALS,
    Material,
    contrast_thickness_nm,
    transmitted,
)
from hrtem_shift.seeds import generator_at

Mode = Literal["bright_field", "dark_field", "secondary_electron"]
PIXEL_SIZES_nm = (0.02, 20.0)
MODES: tuple[Mode, ...] = ("bright_field", "dark_field", "secondary_electron")

SUPPORTS = ("C", "SiO2", "Al2O3")
"""Materials of films and agglomerates."""

PARTICLES = tuple(name for name in MATERIALS if name != "C")
"""Materials of particles."""


@dataclass(frozen=True, eq=False)
class DrawnMicrograph:
    """A micrograph and what is on it.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Counts in any unit.
    labels : ndarray of int32, shape (H, W)
        Number of the uppermost particle of each pixel; 0 on background and under burned-in marks.
        All 0 where no particle stands out from the background. Some numbers may be missing.
    mode : str
        How the contrast was made, one of `MODES`.
    conditions : dict
        Numbers that were drawn: ``electrons_per_px`` at full intensity, ``blur_px`` (standard
        deviation), ``contrast`` (0 to 1), ``gamma``, ``pixel_size_nm``; ``particles``, how many
        are labelled.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.int32]
    mode: Mode
    conditions: dict[str, float]


def draw_micrograph(
    seed: int, *address: str | int, shape: tuple[int, int] = (256, 256)
) -> DrawnMicrograph:
    """Draw one micrograph; the same seed and address give the same pixels.

    70 % are bright field, 15 % dark field, 15 % secondary electrons; 6 % are empty.

    Parameters
    ----------
    seed : int
        Root seed.
    *address : str or int
        Of the draw (`hrtem_shift.seeds`).
    shape : tuple of int
        (H, W) [px].

    Returns
    -------
    DrawnMicrograph
    """
    rng = generator_at(seed, *address)
    mode = MODES[int(np.searchsorted([0.7, 0.85], rng.random()))]
    material = MATERIALS[PARTICLES[int(rng.integers(len(PARTICLES)))]]
    catalyst = rng.random() < 0.08
    particles, labels, strength = _particles(shape, catalyst, rng)
    support = _support(shape, catalyst, rng)
    if catalyst:
        labels[support < np.percentile(support, 30)] = 0
        particles[labels == 0] = 0
    pixel_size_nm = _pixel_size_nm(particles[labels > 0], material, rng)
    ideal = _ideal(mode, particles, strength, labels, support, material, pixel_size_nm, rng)
    pixels, conditions = _recorded(ideal, rng)
    if rng.random() < 0.3:
        pixels, inked = burn_in(pixels, rng)
        labels[inked] = 0
    conditions["pixel_size_nm"] = pixel_size_nm
    conditions["particles"] = float(np.unique(labels[labels > 0]).size)
    return DrawnMicrograph(pixels, labels, mode, conditions)


@dataclass(frozen=True)
class _Population:
    """What the particles of one micrograph share."""

    radius_px: float
    """Median of a lognormal distribution."""
    size_spread: float
    """Standard deviation of the logarithm of the radius."""
    number: int
    kinds: NDArray[np.str_]
    allowed_overlap: float
    """Fraction of a particle that may lie on others."""
    strength_spread: float
    """Standard deviation of the logarithm of how strongly a particle scatters."""
    height: float
    """Thickness relative to that of a body that is as high as wide."""


def _population(shape: tuple[int, int], catalyst: bool, rng: np.random.Generator) -> _Population:
    empty = rng.random() < 0.06
    largest = 14 if catalyst else 0.35 * min(shape)
    radius = 3 * (largest / 3) ** rng.random()
    size_spread = rng.choice([0.05, 0.15, 0.4])
    cover = rng.uniform(0.03, 0.15 if catalyst else 0.6)
    number = int(np.clip(cover * np.prod(shape) / (np.pi * radius**2), 1, 400))
    kinds = rng.choice(KINDS, 2, p=[0.35, 0.15, 0.1, 0.2, 0.1, 0.05, 0.05])
    overlapping = rng.random() < 0.35
    allowed_overlap = rng.choice([0.0, 0.0, 0.03])
    return _Population(
        radius_px=radius,
        size_spread=size_spread,
        number=0 if empty else number,
        kinds=kinds,
        allowed_overlap=1.0 if overlapping else allowed_overlap,
        strength_spread=rng.choice([0.05, 0.2, 0.5]),
        height=rng.uniform(0.2, 1.0),
    )


def _particles(
    shape: tuple[int, int], catalyst: bool, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
    """Thickness [px], numbers, and how strongly each pixel's particle scatters."""
    thickness, strength = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    labels = np.zeros(shape, np.int32)
    population = _population(shape, catalyst, rng)
    places = _places(shape, population.radius_px, population.number, rng)
    for k, (row, column) in enumerate(places, start=1):
        size = population.radius_px * rng.lognormal(0, population.size_spread)
        size = float(np.clip(size, 2.5, 0.4 * min(shape)))
        body = thickness_map(str(rng.choice(population.kinds)), size, rng)
        (rows, columns), body = _within(shape, int(row), int(column), body)
        inside = body > 0
        if not inside.any():
            continue
        if (labels[rows, columns][inside] > 0).mean() > population.allowed_overlap:
            continue
        thickness[rows, columns] += population.height * body
        scattering = _scattering(rows, columns, size, population.strength_spread, rng)
        strength[rows, columns] = np.where(inside, scattering, strength[rows, columns])
        labels[rows, columns][inside] = k
    return thickness, labels, strength


def _within(
    shape: tuple[int, int], row: int, column: int, body: NDArray[np.float32]
) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """Where a body around a pixel lies on the image, and the part of it that does."""
    windows, parts = [], []
    for centre, edge, length in zip((row, column), shape, body.shape, strict=True):
        start = centre - length // 2
        window = slice(max(start, 0), max(min(start + length, edge), 0))
        windows.append(window)
        parts.append(slice(window.start - start, max(window.stop - start, 0)))
    return (windows[0], windows[1]), body[parts[0], parts[1]]


def _scattering(
    rows: slice, columns: slice, size: float, spread: float, rng: np.random.Generator
) -> NDArray[np.float64] | float:
    """How strongly one particle scatters; a quarter of them have bend contours."""
    factor = rng.lognormal(0, spread)
    if rng.random() >= 0.25:
        return factor
    y, x = np.mgrid[rows, columns]
    wave = rng.normal(0, 1, 2) / size
    phase = rng.uniform(0, 6.3)
    bands = 1 + 0.4 * np.cos(2 * np.pi * (wave[0] * y + wave[1] * x) + phase)
    return factor * bands


def _places(
    shape: tuple[int, int], radius: float, number: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Centres (N, 2) [px]: at random, in an array, or in a chain.

    At random, twice as many are tried as `number`; an array covers the image.
    """
    arrangement = rng.random()
    if arrangement < 0.6 or number < 4:
        return rng.uniform(-0.5 * radius, np.array(shape) + 0.5 * radius, (number * 2, 2))
    if arrangement < 0.8:
        period = radius * rng.uniform(2.0, 2.6)
        rows = np.arange(-radius, shape[0] + radius, period * 0.866)
        places = [
            (y, x + (k % 2) * period / 2)
            for k, y in enumerate(rows)
            for x in np.arange(-radius, shape[1] + radius, period)
        ]
        return np.array(places) + rng.normal(0, 0.1 * radius, (len(places), 2))
    steps = rng.normal(0, 1, (number, 2))
    steps *= 2.05 * radius / np.linalg.norm(steps, axis=1, keepdims=True)
    return np.mod(np.cumsum(steps, axis=0) + rng.uniform(0, shape), shape)


def _support(
    shape: tuple[int, int], catalyst: bool, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Thickness [px] of what carries the particles."""
    thickness = 10.0 * (1 + 0.1 * rng.random() * smooth_noise(shape, 1.5, rng))
    thickness += 10 * rng.random() ** 2 * np.abs(smooth_noise(shape, 0.25 * min(shape), rng))
    if rng.random() < 0.4:
        thickness += 6 * rng.random() * smooth_noise(shape, rng.uniform(3, 15), rng)
    if rng.random() < 0.15:
        thickness *= smooth_noise(shape, 0.2 * min(shape), rng) > -0.8
    thickness = np.maximum(thickness, 0) * 3 ** rng.uniform(-1, 1)
    if catalyst:
        radius = rng.uniform(0.06, 0.25) * min(shape)
        thickness += agglomerate(shape, radius, int(rng.integers(4, 40)), rng)
    return thickness.astype(np.float32)


def _pixel_size_nm(
    particles: NDArray[np.float32], material: Material, rng: np.random.Generator
) -> float:
    """The magnification at which particles are seen: they absorb 0.15 to 4 contrast thicknesses."""
    absorbed = 0.15 * (4 / 0.15) ** rng.random()
    thickness_px = float(np.median(particles)) if particles.size else 10.0
    size_nm = absorbed * contrast_thickness_nm(material) / max(thickness_px, 1.0)
    return float(np.clip(size_nm, *PIXEL_SIZES_nm))


def _ideal(
    mode: Mode,
    particles: NDArray[np.float32],
    strength: NDArray[np.float32],
    labels: NDArray[np.int32],
    support: NDArray[np.float32],
    material: Material,
    pixel_size_nm: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Intensity in any unit, before light, blur and noise."""
    film = MATERIALS[SUPPORTS[int(rng.integers(len(SUPPORTS)))]]
    if mode == "bright_field":
        aperture_mrad = rng.uniform(5, 20)
        ideal = transmitted(
            (
                particles * strength * pixel_size_nm,
                contrast_thickness_nm(material, aperture_mrad=aperture_mrad),
            ),
            (
                support * pixel_size_nm,
                contrast_thickness_nm(film, aperture_mrad=aperture_mrad),
            ),
        )
        return _fringed(ideal, rng)
    if mode == "dark_field":
        return particles * strength * material.dark_field_per_nm + support * film.dark_field_per_nm
    return _edge_brightened(particles, labels, support, rng)


def _fringed(ideal: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A Fresnel fringe along the edges: bright outside at underfocus, dark at overfocus."""
    from scipy.ndimage import gaussian_filter

    if rng.random() < 0.5:
        return ideal
    width = rng.uniform(0.7, 2.5)
    edge = gaussian_filter(ideal, width) - gaussian_filter(ideal, 2 * width)
    return np.maximum(ideal + rng.choice([1, 1, -1]) * rng.uniform(0.3, 1.5) * edge, 0)


def _edge_brightened(
    particles: NDArray[np.float32],
    labels: NDArray[np.int32],
    support: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Brighter where the surface is steep: a plain look of secondary electrons."""
    from scipy.ndimage import gaussian_filter

    slope = np.hypot(*np.gradient(gaussian_filter(particles, 1.0)))
    inside = gaussian_filter((labels > 0).astype(np.float32), 0.7)
    ground = 0.15 * (support / max(float(support.mean()), 1e-6))
    return ground + inside * rng.uniform(0.3, 1) + rng.uniform(0.1, 0.8) * np.tanh(slope)


def _recorded(
    ideal: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Through light, blur, electrons and camera, to 8 bit or counts."""
    from scipy.ndimage import gaussian_filter

    low, high = np.percentile(ideal, [0.5, 99.5])
    scaled = np.clip((ideal - low) / max(float(high - low), 1e-6), 0, 1.3)
    contrast = 1 - 0.7 * rng.random() ** 1.5
    signal = (1 - contrast + contrast * scaled) * uneven_illumination(ideal.shape, rng)
    blur = rng.uniform(0.3, 2.0)
    signal = gaussian_filter(signal, blur)
    electrons = 10 ** rng.uniform(0.7, 4.5)
    counts = rng.poisson(np.maximum(signal, 0) * electrons) / electrons
    if rng.random() < 0.4:
        counts = gaussian_filter(counts, rng.uniform(0.4, 1.2))
    counts = counts + rng.normal(0, 0.02 * rng.random(), counts.shape)
    gamma = rng.uniform(0.6, 1.6) if rng.random() < 0.4 else 1.0
    counts = np.maximum(counts, 0) ** gamma
    printed = rng.random() < 0.35
    if printed or rng.random() < 0.5:
        ends = np.percentile(counts, [0.2, 99.8])
        counts = np.round(255 * np.clip((counts - ends[0]) / max(np.ptp(ends), 1e-6), 0, 1))
    if printed:
        counts = _printed(counts, rng)
    conditions = {
        "electrons_per_px": electrons,
        "blur_px": blur,
        "contrast": contrast,
        "gamma": gamma,
        "printed": float(printed),
    }
    return counts.astype(np.float32), conditions


def _printed(pixels: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """As a picture in an article: reduced up to three times, compressed, and enlarged again."""
    from PIL import Image

    height, width = pixels.shape
    reduced = 1 + 2 * rng.random()
    picture = Image.fromarray(pixels.astype(np.uint8)).resize(
        (round(width / reduced), round(height / reduced)), Image.Resampling.BOX
    )
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=int(rng.integers(50, 96)))
    with Image.open(stream) as compressed:
        enlarged = compressed.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(enlarged, np.float64)
