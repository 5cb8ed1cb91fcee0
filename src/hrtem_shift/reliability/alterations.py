"""Alterations: labelled micrographs made unlike those of training, with correct labels.

Each is a pure function of micrograph and random generator. They extend the evidence of a package to
images far outside the training distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.mass_thickness.lettering import inked
from hrtem_shift.mass_thickness.textures import slope_or_vignetting
from hrtem_shift.preparation.resampling import mapped_back, resampled


@dataclass(frozen=True, eq=False)
class Labelled:
    """A micrograph with its label.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Intensities in any unit.
    mask : ndarray of bool, shape (H, W)
        True on particles.
    pixel_size_nm : float
        Edge of a pixel [nm], as a user would state it.
    """

    pixels: NDArray[np.float32]
    mask: NDArray[np.bool_]
    pixel_size_nm: float


Alteration = Callable[[Labelled, np.random.Generator], Labelled]


def noisier(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """White noise of 0.5 to 8 standard deviations of the image, as of a lower dose."""
    strength = 0.5 * 16 ** rng.random() * micrograph.pixels.std()
    noise = rng.standard_normal(micrograph.pixels.shape, np.float32)
    return _with_pixels(micrograph, micrograph.pixels + strength * noise)


def blurred(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """A Gaussian blur of 1 to 8 px, longer in one direction, as of drift."""
    from scipy.ndimage import gaussian_filter

    width = 8 ** rng.random()
    return _with_pixels(
        micrograph, gaussian_filter(micrograph.pixels, (width, width * rng.uniform(0.3, 1)))
    )


def sharpened(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Unsharp masking: fine detail amplified one to five times."""
    from scipy.ndimage import gaussian_filter

    detail = micrograph.pixels - gaussian_filter(micrograph.pixels, 1.5)
    return _with_pixels(micrograph, micrograph.pixels + rng.uniform(1, 5) * detail)


def contrast_reversed(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Reversed contrast."""
    return _with_pixels(micrograph, micrograph.pixels.max() - micrograph.pixels)


def unevenly_lit(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Illumination with a slope or vignetting of 25 to 95 %."""
    falloff = slope_or_vignetting(micrograph.pixels.shape, rng)
    above_lowest = micrograph.pixels - micrograph.pixels.min()
    return _with_pixels(micrograph, above_lowest * (1 - rng.uniform(0.25, 0.95) * falloff))


def gamma_changed(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Gamma of 0.3 to 3, then 8-bit with 2 % of the pixels clipped."""
    low, high = np.percentile(micrograph.pixels, [1, 99])
    share = np.clip((micrograph.pixels - low) / max(float(high - low), 1e-6), 0, 1)
    return _with_pixels(micrograph, np.round(255 * share ** (0.3 * 10 ** rng.random())))


def magnified(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Particles of 1.5 to 5 times as many pixels across, at the stated pixel size."""
    return _scaled(micrograph, rng.uniform(1.5, 5), stated=False)


def demagnified(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Particles of a half to a fifth of the pixels across, at the stated pixel size."""
    return _scaled(micrograph, 1 / rng.uniform(1.8, 5), stated=False)


def finer_pixels(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Pixels 1.3 to 3 times as fine, stated correctly; preparation resamples them back."""
    return _scaled(micrograph, rng.uniform(1.3, 3), stated=True)


def coarser_pixels(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Pixels 1.3 to 5 times as coarse, stated correctly; fine detail is lost."""
    return _scaled(micrograph, 1 / rng.uniform(1.3, 5), stated=True)


def crystalline_support(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Hexagonal lattice fringes of 0.15 to 0.5 nm over the whole field."""
    height, width = micrograph.pixels.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    period_px = max(rng.uniform(0.15, 0.5) / micrograph.pixel_size_nm, 2.5)
    angle, fringes = rng.uniform(0, np.pi), np.zeros_like(micrograph.pixels)
    for rotation in (0.0, np.pi / 3, 2 * np.pi / 3):
        along = x * np.cos(angle + rotation) + y * np.sin(angle + rotation)
        fringes += np.cos(2 * np.pi * along / period_px + rng.uniform(0, 2 * np.pi))
    strength = rng.uniform(0.3, 2) * micrograph.pixels.std()
    return _with_pixels(micrograph, micrograph.pixels + strength * fringes)


def lettered(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """A burned-in scale bar with letters, black or white, with or without a box."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = micrograph.pixels.shape
    canvas = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(canvas)
    size = max(int(min(height, width) * rng.uniform(0.04, 0.12)), 8)
    x, y = int(width * rng.uniform(0.02, 0.5)), int(height * rng.uniform(0.75, 0.9))
    boxed = rng.random() < 0.4
    if boxed:
        draw.rectangle((x - 4, y - 4, x + 5 * size, y + 2 * size), fill=128)
    draw.text((x, y), f"{rng.integers(1, 500)} nm", fill=255, font=ImageFont.load_default(size))
    draw.rectangle((x, y + int(1.4 * size), x + 4 * size, y + int(1.7 * size)), fill=255)
    ink = np.asarray(canvas)
    pixels = inked(micrograph.pixels, ink, black_letters=rng.random() >= 0.5)
    return replace(micrograph, pixels=pixels, mask=micrograph.mask & (ink < 100))


def structureless(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """The same power spectrum with random phases: texture without particles."""
    from scipy import fft

    spectrum = np.abs(fft.rfft2(micrograph.pixels))
    phases = np.angle(fft.rfft2(rng.standard_normal(micrograph.pixels.shape, np.float32)))
    pixels = fft.irfft2(spectrum * np.exp(1j * phases), s=micrograph.pixels.shape)
    return _without_particles(micrograph, pixels)


def white_noise(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """White noise, blurred by up to 6 px."""
    from scipy.ndimage import gaussian_filter

    pixels = rng.standard_normal(micrograph.pixels.shape, np.float32)
    return _without_particles(micrograph, gaussian_filter(pixels, 6 * rng.random() ** 2))


def diffraction_pattern(micrograph: Labelled, rng: np.random.Generator) -> Labelled:
    """Spots on a lattice, or rings, on a radial background: no image of particles."""
    height, width = micrograph.pixels.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y - height * rng.uniform(0.4, 0.6), x - width * rng.uniform(0.4, 0.6)
    radius, angle = np.hypot(x, y), rng.uniform(0, np.pi)
    period, spot = min(height, width) * rng.uniform(0.06, 0.25), rng.uniform(1, 4)
    pixels = np.exp(-radius / (0.15 * min(height, width)))
    if rng.random() < 0.6:
        u = (x * np.cos(angle) + y * np.sin(angle)) / period
        v = (y * np.cos(angle) - x * np.sin(angle)) / period
        distance = np.hypot(u - np.round(u), v - np.round(v)) * period
        pixels = pixels + np.exp(-((distance / spot) ** 2) - radius / (0.4 * min(height, width)))
    else:
        for ring in np.cumsum(rng.uniform(0.5, 1.5, 6)) * period:
            pixels = pixels + 0.3 * np.exp(-(((radius - ring) / spot) ** 2))
    noise = 0.02 * rng.standard_normal(pixels.shape)
    sign = 1 if rng.random() < 0.7 else -1
    return _without_particles(micrograph, sign * (pixels + noise))


ALTERATIONS: dict[str, Alteration] = {
    function.__name__: function
    for function in (
        noisier,
        blurred,
        sharpened,
        contrast_reversed,
        unevenly_lit,
        gamma_changed,
        magnified,
        demagnified,
        finer_pixels,
        coarser_pixels,
        crystalline_support,
        lettered,
        structureless,
        white_noise,
        diffraction_pattern,
    )
}
"""Alteration by name."""


def _with_pixels(micrograph: Labelled, pixels: NDArray) -> Labelled:
    return replace(micrograph, pixels=np.ascontiguousarray(pixels, np.float32))


def _without_particles(micrograph: Labelled, pixels: NDArray) -> Labelled:
    mask = np.zeros(pixels.shape, bool)
    return replace(micrograph, pixels=np.ascontiguousarray(pixels, np.float32), mask=mask)


def _scaled(micrograph: Labelled, factor: float, *, stated: bool) -> Labelled:
    """On a grid `factor` times as fine; cropped, so that it does not become larger."""
    height, width = micrograph.pixels.shape
    keep = (slice(None), slice(None))
    if factor > 1:
        keep = (slice(0, int(np.ceil(height / factor))), slice(0, int(np.ceil(width / factor))))
    pixels = resampled(micrograph.pixels[keep], factor)
    share = mapped_back(micrograph.mask[keep].astype(np.float32), pixels.shape)
    size_nm = micrograph.pixel_size_nm / factor if stated else micrograph.pixel_size_nm
    return Labelled(pixels, share > 0.5, size_nm)
