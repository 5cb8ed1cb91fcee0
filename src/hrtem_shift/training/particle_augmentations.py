"""What a particle network must not depend on, varied: orientation, size, levels, blur, noise.

Each is a pure function of an image and a random generator with an address.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sample:
    """One image to learn from.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        In any unit.
    labels : ndarray of int32, shape (H, W)
        Numbers of particles; 0 on the background.
    """

    pixels: Pixels
    labels: NDArray[np.int32]


def turned(sample: Sample, rng: np.random.Generator) -> Sample:
    """In one of the eight orientations."""
    turns, flipped = int(rng.integers(4)), rng.random() < 0.5

    def oriented(array: NDArray) -> NDArray:
        array = np.rot90(array, turns)
        return np.ascontiguousarray(array[:, ::-1] if flipped else array)

    return Sample(oriented(sample.pixels), oriented(sample.labels))


def zoomed_crop(
    sample: Sample, patch_px: int, zooms: tuple[float, float], rng: np.random.Generator
) -> Sample:
    """A square crop, enlarged or reduced to `patch_px` by a factor within `zooms`."""
    from skimage.transform import resize

    low, high = np.log(zooms)
    edge = min(round(patch_px / np.exp(rng.uniform(low, high))), *sample.pixels.shape)
    row, column = (int(rng.integers(side - edge + 1)) for side in sample.pixels.shape)
    window = np.s_[row : row + edge, column : column + edge]
    pixels, labels = sample.pixels[window], sample.labels[window]
    size = (patch_px, patch_px)
    if edge != patch_px:
        pixels = resize(pixels, size, order=1, anti_aliasing=edge > patch_px)
        labels = resize(labels, size, order=0, anti_aliasing=False, preserve_range=True)
    return Sample(pixels.astype(np.float32), labels.astype(np.int32))


def recorded_otherwise(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The same scene under other light, blur, noise and levels, each in a part of the draws.

    Contrast sign, gamma, a slope or vignetting of up to 40 %, a Gaussian blur of up to 1.2 px,
    Poisson noise of 30 to 3,000 electrons a pixel, Gaussian noise of up to 15 % of the contrast.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Between about 0 and 1.
    """
    from scipy.ndimage import gaussian_filter

    from hrtem_shift.mass_thickness.textures import slope_or_vignetting

    low, high = np.percentile(pixels, [0.5, 99.5])
    image = np.clip((pixels - low) / max(float(high - low), 1e-6), -0.2, 1.3)
    if rng.random() < 0.15:
        image = 1 - image
    if rng.random() < 0.35:
        image = np.maximum(image, 0) ** np.exp(rng.uniform(-0.5, 0.5))
    if rng.random() < 0.25:
        image = image * (1 - 0.4 * rng.random() * slope_or_vignetting(image.shape, rng))
    if rng.random() < 0.3:
        image = gaussian_filter(image, rng.uniform(0.4, 1.2))
    if rng.random() < 0.25:
        electrons, offset = 10 ** rng.uniform(1.5, 3.5), rng.random()
        image = rng.poisson((np.maximum(image, 0) + offset) * electrons) / electrons
    if rng.random() < 0.25:
        image = image + rng.normal(0, 0.15 * rng.random() ** 2, image.shape)
    return np.asarray(image, np.float32)


def as_part_of_a_larger_image(standardized: Pixels, rng: np.random.Generator) -> Pixels:
    """Levels that a crop has when the whole image around it is standardized.

    Half of the draws stay as they are. In the others the contrast is 0.2 to 1.3 of that of the
    whole, and the mean is up to 1.2 standard deviations off its mean.
    """
    if rng.random() < 0.5:
        return standardized
    contrast, level = np.exp(rng.uniform(np.log(0.2), np.log(1.3))), rng.uniform(-1.2, 1.2)
    return (contrast * standardized + level).astype(np.float32)
