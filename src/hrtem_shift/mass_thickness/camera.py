"""From an ideal intensity to recorded pixels: light, blur, electrons, and how it was published."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.mass_thickness.textures import uneven_illumination


@dataclass(frozen=True, eq=False)
class Recording:
    """A recorded image, and the conditions that were drawn for it.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Counts in any unit.
    noise_std : float
        Standard deviation of a pixel's noise, in the unit of the ideal intensity.
    conditions : dict
        ``electrons_per_px`` at full intensity, ``blur_px`` (standard deviation before detection),
        ``contrast`` (0 to 1), ``gamma``, ``printed`` (0 or 1).
    """

    pixels: NDArray[np.float32]
    noise_std: float
    conditions: dict[str, float]


def record(ideal: NDArray[np.float32], rng: np.random.Generator) -> Recording:
    """Record an ideal intensity (H, W) under conditions that are drawn.

    In this order: blur of 0.3 to 1.8 px (in an eighth of the draws up to 4), a constant background
    that leaves 25 to 100 % of contrast, uneven light, shot noise of 40 to 30,000 electrons a pixel
    (in a tenth 6 to 40), the camera's own blur, readout noise, gamma, a contrast stretch that clips
    the ends, 8 bit, and the reduction and compression of a printed figure.
    """
    from scipy.ndimage import gaussian_filter

    blur_px = rng.uniform(0.3, 1.8) if rng.random() < 0.88 else rng.uniform(1.8, 4.0)
    ideal = gaussian_filter(ideal, blur_px)
    low, high = np.percentile(ideal, [0.5, 99.5])
    span = max(float(high - low), 1e-6)
    contrast = 1 - 0.75 * rng.random() ** 1.5
    signal = 1 - contrast + contrast * np.clip((ideal - low) / span, 0, 1.4)
    signal = np.maximum(signal * uneven_illumination(ideal.shape, rng), 0)
    electrons = 10 ** (rng.uniform(1.6, 4.5) if rng.random() < 0.9 else rng.uniform(0.8, 1.6))
    counts = rng.poisson(signal * electrons) / electrons
    if rng.random() < 0.5:
        counts = gaussian_filter(counts, rng.uniform(0.4, 1.6))
    readout = 0.03 * rng.random() ** 2
    counts = counts + rng.normal(0, readout, counts.shape)
    noise = np.hypot(np.sqrt(max(float(signal.mean()), 1e-6) / electrons), readout)
    gamma = rng.uniform(0.5, 1.8) if rng.random() < 0.4 else 1.0
    counts = np.maximum(counts, 0) ** gamma
    if rng.random() < 0.25:
        low, high = np.percentile(counts, [rng.uniform(0, 8), 100 - rng.uniform(0, 8)])
        counts = np.clip(counts, low, max(high, low + 1e-6))
    printed = rng.random() < 0.35
    if printed or rng.random() < 0.5:
        low, high = np.percentile(counts, [0.2, 99.8])
        counts = np.round(255 * np.clip((counts - low) / max(high - low, 1e-6), 0, 1))
    if printed:
        counts = _printed(counts, rng)
    conditions = {
        "electrons_per_px": electrons,
        "blur_px": blur_px,
        "contrast": contrast,
        "gamma": gamma,
        "printed": float(printed),
    }
    return Recording(counts.astype(np.float32), float(noise) * span / contrast, conditions)


def _printed(pixels: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """As a picture in an article: reduced up to three times, compressed, and enlarged again."""
    from PIL import Image

    height, width = pixels.shape
    reduced = 1 + 2 * rng.random() ** 1.5
    picture = Image.fromarray(pixels.astype(np.uint8)).resize(
        (round(width / reduced), round(height / reduced)), Image.Resampling.BOX
    )
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=int(rng.integers(50, 96)))
    with Image.open(stream) as compressed:
        enlarged = compressed.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(enlarged, np.float64)
