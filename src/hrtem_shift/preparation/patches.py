"""Patches: squares that tile a micrograph without overlap."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hrtem_shift.parameters import ParameterBlock


class Preparation(ParameterBlock):
    """How micrographs become patches.

    Attributes
    ----------
    patch_px : int
        Edge of a patch [px]: at least 32 and a multiple of 16, since a network of four
        levels halves it four times.
    min_particle_fraction : float or None
        A patch is kept when more than this part of its area is particle. The published
        study keeps label sums above 400 px of 512² (0.15 %; arXiv 2306.11853). 0 keeps
        every patch with at least one particle pixel, None (null) keeps all.
    xray_threshold_counts : float or None
        Pixels so much brighter than the median are repaired; None (null) leaves all as they
        are. The published study takes 1500.
    pixel_size_nm : float or None
        Micrographs and labels are resampled to it [nm], so that sets of different magnification
        show things at one scale; None (null) leaves each as it is.
    flat_field : str or None
        The micrograph is divided by a smooth background: ``exact`` by the published
        regression, ``fast`` by one of block means; None (null) does not divide.
    flat_field_scale : float or None
        Noise and detail of the image that is fitted: those of one that many times as wide;
        None (null) is the published 0.25.
    rescaling : str or None
        Applied to each whole micrograph, after that and before it is cut: ``standardize``
        (mean 0, standard deviation 1), ``normalize`` (0 to 1) or ``histogram`` (1st to 99th
        percentile); None (null) leaves intensities that were rescaled before.
    """

    xray_threshold_counts: float | None = Field(default=None, gt=0)
    pixel_size_nm: float | None = Field(default=None, gt=0)
    flat_field: Literal["exact", "fast"] | None = None
    flat_field_scale: float | None = Field(default=None, gt=0, le=1)
    patch_px: int = Field(default=128, ge=32, multiple_of=16)
    min_particle_fraction: float | None = Field(default=0.0015, ge=0, lt=1)
    rescaling: Literal["standardize", "normalize", "histogram"] | None = "standardize"

    @model_validator(mode="after")
    def _the_scale_has_a_use(self) -> Preparation:
        if self.flat_field_scale is not None and self.flat_field is None:
            raise ValueError("flat_field_scale is given, but flat_field is not")
        return self


def cut_patches(
    pixels: NDArray, mask: NDArray, patch_px: int
) -> tuple[NDArray, NDArray, NDArray[np.int64]]:
    """Cut an image and its mask into patches, row by row from the top left corner.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Image.
    mask : ndarray, shape (H, W)
        Its mask.
    patch_px : int
        Edge p of a patch [px].

    Returns
    -------
    images : ndarray, shape (N, p, p)
        N = (H // p) (W // p); what remains at the right and lower edge is left out.
    masks : ndarray, shape (N, p, p)
        The same places of the mask.
    corners : ndarray of int64, shape (N, 2)
        Row y and column x of each patch's top left pixel [px].
    """
    rows, columns = pixels.shape[0] // patch_px, pixels.shape[1] // patch_px
    grid = np.indices((rows, columns)).reshape(2, -1).T
    return (
        _tiles(pixels, rows, columns, patch_px),
        _tiles(mask, rows, columns, patch_px),
        grid * patch_px,
    )


def has_enough_particle(masks: NDArray, min_particle_fraction: float | None) -> NDArray[np.bool_]:
    """Which patches have enough particle to be kept.

    Parameters
    ----------
    masks : ndarray, shape (N, p, p)
        0 or False on background.
    min_particle_fraction : float or None
        See `Preparation`.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    if min_particle_fraction is None:
        return np.ones(len(masks), dtype=bool)
    area_px = masks.shape[1] * masks.shape[2]
    covered_px = np.count_nonzero(masks, axis=(1, 2))
    return np.asarray(covered_px > min_particle_fraction * area_px)


def background_levels(images: NDArray[np.float32], masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Median intensity of each patch's background.

    Parameters
    ----------
    images : ndarray of float32, shape (N, p, p)
        Rescaled patches.
    masks : ndarray of bool, shape (N, p, p)
        True on particles.

    Returns
    -------
    ndarray of float32, shape (N,)
        A patch that is all particle has the median of all its pixels.
    """
    levels = [
        np.median(image if mask.all() else image[~mask])
        for image, mask in zip(images, masks, strict=True)
    ]
    return np.array(levels, dtype=np.float32)


def _tiles(image: NDArray, rows: int, columns: int, patch_px: int) -> NDArray:
    whole = image[: rows * patch_px, : columns * patch_px]
    tiles = whole.reshape(rows, patch_px, columns, patch_px).swapaxes(1, 2)
    return tiles.reshape(-1, patch_px, patch_px)
