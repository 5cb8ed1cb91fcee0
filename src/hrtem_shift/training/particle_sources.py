"""Where the samples of a particle network come from: drawn scenes, exit waves, and mixtures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.mass_thickness.drawn_scenes import DrawnScenes, draw_scene
from hrtem_shift.microscope.imaging_distribution import (
    ImagingDistribution,
    conditions_of,
    sample_conditions,
)
from hrtem_shift.seeds import generator_at
from hrtem_shift.tables import rows_of
from hrtem_shift.training.particle_augmentations import (
    Sample,
    recorded_otherwise,
    turned,
    zoomed_crop,
)
from hrtem_shift.training.particle_training import Source

SHOWINGS, SCENES_AT_HAND = 6, 1200
"""How often a scene is shown, and how many are kept in memory until then."""

IMAGES_AT_HAND = 64
"""Images of exit waves that are kept in memory for each data set."""

CROPS_AN_IMAGE = 4
"""Samples from one image of an exit wave; imaging costs as much as drawing several scenes."""

ZOOMS = (0.5, 2.0)
"""By which crops of lattice images are enlarged."""


@dataclass(frozen=True, eq=False)
class LatticeScene:
    """An exit wave and the truth about it.

    Parameters
    ----------
    wave : ndarray of complex64, shape (H, W) or (P, H, W)
        With P configurations of its phonons.
    thickness_nm : ndarray of float32, shape (H, W)
        Of the particles.
    labels : ndarray of int, shape (H, W)
        Numbers of particles; 0 on the support.
    pixel_size_nm : float
    energy_keV : float
    zero_defocus_nm : float
        Where the defocus counts from, from the exit plane.
    """

    wave: NDArray[np.complex64]
    thickness_nm: NDArray[np.float32]
    labels: NDArray[np.integer]
    pixel_size_nm: float
    energy_keV: float
    zero_defocus_nm: float


def scene_shown(number: int) -> tuple[int, int]:
    """Number of the scene that sample `number` shows, and how often it was shown before.

    Making a scene costs as much as training on it, so `SCENES_AT_HAND` of them are shown
    `SHOWINGS` times, all of them once before the first one again.
    """
    over_all, place = divmod(number, SCENES_AT_HAND)
    again, showing = divmod(over_all, SHOWINGS)
    return again * SCENES_AT_HAND + place, showing


def drawn_scenes(scenes: DrawnScenes, patch_px: int, seed: int, *address: str) -> Source:
    """Scenes drawn by mass-thickness contrast.

    Each is shown several times (`scene_shown`), each time in an orientation of its own and but
    for the first time under other light, blur and noise.

    Parameters
    ----------
    patch_px : int
        Edge of a scene [px].
    """
    edges = (patch_px, patch_px)

    @lru_cache(maxsize=SCENES_AT_HAND)
    def drawn(number: int) -> Sample:
        scene = draw_scene(scenes, seed, *address, number, shape=edges)
        return Sample(scene.pixels, scene.labels)

    def sample(number: int) -> Sample:
        scene_number, showing = scene_shown(number)
        scene = drawn(scene_number)
        rng = generator_at(seed, *address, "shown", number)
        pixels = recorded_otherwise(scene.pixels, rng) if showing else scene.pixels
        return turned(Sample(pixels, scene.labels), rng)

    return sample


def lattice_images(
    load: Callable[[int], LatticeScene],
    n_scenes: int,
    imaging: ImagingDistribution,
    patch_px: int,
    seed: int,
    *address: str,
) -> Source:
    """Crops of images made from exit waves, under conditions drawn for each image.

    `CROPS_AN_IMAGE` numbers in a row are crops of one image, each at a place and with a zoom of
    its own, in one of the eight orientations, half of them under other light, blur and noise.

    Parameters
    ----------
    load : callable
        Scene 0 to `n_scenes` - 1.
    imaging : ImagingDistribution
        Of the conditions.
    patch_px : int
        Edge of a crop after the zoom [px].
    """
    image_of = lru_cache(maxsize=IMAGES_AT_HAND)(
        lambda number: lattice_image(load, n_scenes, imaging, number, seed, *address)
    )

    def sample(number: int) -> Sample:
        image = image_of(scene_shown(number)[0] // CROPS_AN_IMAGE)
        rng = generator_at(seed, *address, "crop", number)
        crop = zoomed_crop(image, patch_px, ZOOMS, rng)
        pixels = recorded_otherwise(crop.pixels, rng) if rng.random() < 0.5 else crop.pixels
        return turned(Sample(pixels, crop.labels), rng)

    return sample


def mixture(sources: Sequence[tuple[float, Source]], seed: int, *address: str) -> Source:
    """Samples of several sources by weight; each source counts only the samples it gives.

    Which source gives a sample is decided for runs of `CROPS_AN_IMAGE` numbers, so that an image
    is used up before the next one.
    """
    shares = np.cumsum([weight for weight, _ in sources])

    def sample(number: int) -> Sample:
        image = scene_shown(number)[0] // CROPS_AN_IMAGE
        draw = generator_at(seed, *address, "source", image).random()
        chosen = int(np.searchsorted(shares, draw * shares[-1], side="right"))
        return sources[chosen][1](number)

    return sample


def lattice_image(
    load: Callable[[int], LatticeScene],
    n_scenes: int,
    imaging: ImagingDistribution,
    number: int,
    seed: int,
    *address: str,
) -> Sample:
    """Image number `number` of an exit wave, under conditions of its own.

    Parameters
    ----------
    load : callable
        Scene 0 to `n_scenes` - 1, one of which is imaged.
    imaging : ImagingDistribution
        Of the conditions.
    """
    import torch

    from hrtem_shift.microscope.detector import record
    from hrtem_shift.microscope.imaging import image_intensities

    scene = load(int(generator_at(seed, *address, "scene", number).integers(n_scenes)))
    table = sample_conditions(imaging, 1, 1, 1, seed, *address, "conditions", number)
    conditions = conditions_of(rows_of(table)[0])
    from_exit_plane = conditions.model_copy(
        update={"defocus_nm": conditions.defocus_nm + scene.zero_defocus_nm}
    )
    intensity = image_intensities(
        torch.from_numpy(scene.wave),
        [from_exit_plane],
        scene.energy_keV,
        scene.pixel_size_nm,
        scene.thickness_nm,
        "explicit",
    )[0].numpy()
    rng = generator_at(seed, *address, "noise", number)
    session = generator_at(seed, *address, "session", number)
    pixels = record(intensity, conditions, scene.pixel_size_nm, rng, session)
    return Sample(np.asarray(pixels, np.float32), scene.labels.astype(np.int32))
