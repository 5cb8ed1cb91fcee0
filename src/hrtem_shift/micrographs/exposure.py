"""Exposure: from stored exit waves, through the lens and onto the camera, to a micrograph.

An image takes milliseconds to make from its wave, and far more space than its recipe: a row of the
table of images, with which `exposed` makes the same image at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.micrographs.montage import montage
from hrtem_shift.microscope.detector import record
from hrtem_shift.seeds import generator_at

if TYPE_CHECKING:
    import torch

    from hrtem_shift.microscope.conditions import ImagingConditions
    from hrtem_shift.microscope.imaging import Coherence

StoredScene = tuple[Mapping[str, NDArray], Mapping[str, Any]]
"""Arrays of a scene (``wave``, ``thickness_nm``, ``instance``), and its attributes
(``energy_keV``, ``pixel_size_nm``, ``zero_defocus_nm``)."""


def read_scene(path: Path) -> StoredScene:
    """Read a scene from its group in the store of exit waves."""
    import zarr

    group = zarr.open_group(path, mode="r")
    return {name: np.asarray(array[...]) for name, array in group.arrays()}, dict(group.attrs)


def lens_images(
    scene: StoredScene,
    conditions: Sequence[ImagingConditions],
    coherence: Coherence,
    device: str,
) -> torch.Tensor:
    """Images of one scene behind the lens, float32 (N, H, W), for N conditions.

    Defocus is counted from the scene's own zero. Contrast, absorption and camera are left to
    `expose`.
    """
    import torch

    from hrtem_shift.microscope.imaging import coherent_intensities

    arrays, attributes = scene
    zero_nm = attributes["zero_defocus_nm"]
    from_exit_plane = [
        each.model_copy(update={"defocus_nm": each.defocus_nm + zero_nm}) for each in conditions
    ]
    return coherent_intensities(
        torch.from_numpy(arrays["wave"]).to(device),
        from_exit_plane,
        attributes["energy_keV"],
        attributes["pixel_size_nm"],
        coherence,
    )


def exposed(row: Mapping[str, Any], scene: StoredScene, image: torch.Tensor) -> Micrograph:
    """Record the image of one row of the table of images.

    Parameters
    ----------
    row : mapping
        micrograph, the fields of `ImagingConditions`, and the address of its random numbers:
        seed, data_set (or recorded_for, where it is now in another set), scene, image, session.
    scene : StoredScene
        Its scene.
    image : float32 tensor, shape (H, W)
        From `lens_images`; overwritten.
    """
    from hrtem_shift.microscope.imaging_distribution import conditions_of

    seed, data_set = row["seed"], row.get("recorded_for", row["data_set"])
    return expose(
        row["micrograph"],
        [scene],
        [image],
        conditions_of(row),
        generator_at(seed, "image", data_set, row["scene"], row["image"]),
        generator_at(seed, "session", data_set, row["session"]),
    )


def micrograph_on_demand(row: Mapping[str, Any]) -> Micrograph:
    """Make the micrograph of one row of the table of images from its stored wave.

    Parameters
    ----------
    row : mapping
        As in `exposed`, with wave (path in the store of exit waves) and coherence.
    """
    from hrtem_shift.microscope.imaging_distribution import conditions_of

    scene = read_scene(Path(row["wave"]))
    (image,) = lens_images(scene, [conditions_of(row)], row["coherence"], "cpu")
    return exposed(row, scene, image)


def expose(
    name: str,
    scenes: Sequence[StoredScene],
    images: Iterable[torch.Tensor],
    conditions: ImagingConditions,
    rng: np.random.Generator,
    session_rng: np.random.Generator,
) -> Micrograph:
    """Record one micrograph of one scene, or of a square montage of scenes.

    Parameters
    ----------
    name : str
        Of the micrograph.
    scenes : sequence of StoredScene
        1, 4, 9 ... scenes of the same size, row by row from the top left.
    images : iterable of float32 tensor, shape (H, W)
        Image of each scene from `lens_images`; overwritten.
    conditions : ImagingConditions
        Contrast, blur, dose and camera.
    rng, session_rng : Generator
        For this exposure, and for what a session has in common (gains of the camera).
    """
    from hrtem_shift.microscope.imaging import specimen_intensities

    intensities, masks = [], []
    pixel_size_nm = scenes[0][1]["pixel_size_nm"]
    for (arrays, _), image in zip(scenes, images, strict=True):
        intensity = specimen_intensities(
            image[None], [conditions], pixel_size_nm, arrays["thickness_nm"]
        )
        intensities.append(intensity[0].cpu().numpy())
        masks.append(arrays["instance"] > 0)
    across = isqrt(len(scenes))
    pixels = record(montage(intensities, across), conditions, pixel_size_nm, rng, session_rng)
    return Micrograph(name, pixels, pixel_size_nm, montage(masks, across))
