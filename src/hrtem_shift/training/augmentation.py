"""Augmentation as a pure function of (seed, epoch, patch): dihedral, noise, rotation.

A sample is the same alone or in a batch, on any worker, whatever was drawn before it.
The data set's arrays are never written to.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from hrtem_shift.seeds import generator_at
from hrtem_shift.training.recipe import TrainingNoise


def add_noise(image: np.ndarray, noise: TrainingNoise, rng: np.random.Generator) -> np.ndarray:
    """Image with Gaussian noise, rescaled so that a standardized image stays standardized.

    Parameters
    ----------
    image : (p, p) float32, standardized
    noise : TrainingNoise
    rng : numpy Generator

    Returns
    -------
    (p, p) float32
        (x + N(0, s)) / sqrt(1 + s^2), with s = rho or s ~ U(0, rho).
    """
    if noise.rho == 0:
        return image
    std = noise.rho if noise.mode == "fixed" else rng.uniform(0, noise.rho)
    white = rng.standard_normal(image.shape, dtype=np.float32)
    return ((image + np.float32(std) * white) / np.float32(np.hypot(1, std))).astype(np.float32)


def augment(
    images: np.ndarray,
    masks: np.ndarray,
    background: np.ndarray,
    *,
    patches: np.ndarray,
    epoch: int,
    seed: int,
    noise: TrainingNoise,
    rotation_probability: float,
) -> tuple[Tensor, Tensor]:
    """Augmented batch of a patch set.

    Noise comes first, then one of the eight dihedral operations (exact), then, for some, a
    rotation by any angle: bilinear for the image, filled with its background, and nearest
    for the mask, so that a particle keeps its area (the published code floors a bilinear
    mask, by which particles lose their rim).

    Parameters
    ----------
    images : (N, p, p) float16
    masks : (N, p, p) uint8, 0 or 1
    background : (N,) float32
        Median of each patch's background.
    patches : (B,) int
        Which patches the batch takes.
    epoch, seed : int
        Address of the draw.

    Returns
    -------
    images (B, 1, p, p) float32, masks (B, p, p) int64
    """
    size = images.shape[-1]
    pixels = np.empty((len(patches), size, size), np.float32)
    labels = np.empty((len(patches), size, size), np.uint8)
    angles = np.zeros(len(patches))
    for row, patch in enumerate(patches):
        rng = generator_at(seed, "augment", epoch, int(patch))
        turns, flip = divmod(int(rng.integers(8)), 2)
        if rng.random() < rotation_probability:
            angles[row] = rng.uniform(0, 2 * np.pi)
        noisy = add_noise(images[patch].astype(np.float32), noise, rng)
        pixels[row] = _dihedral(noisy, turns, flip)
        labels[row] = _dihedral(masks[patch], turns, flip)
    x, y = torch.from_numpy(pixels)[:, None], torch.from_numpy(labels)
    turned = np.flatnonzero(angles)
    if len(turned):
        fill = torch.from_numpy(background[patches[turned]].astype(np.float32))
        x[turned], y[turned] = rotate(x[turned], y[turned], angles[turned], fill)
    return x, y.long()


def rotate(x: Tensor, y: Tensor, angles: np.ndarray, fill: Tensor) -> tuple[Tensor, Tensor]:
    """Rotate images (bilinear) and masks (nearest) about their centres.

    Parameters
    ----------
    x : (B, 1, p, p) float32
    y : (B, p, p) uint8
    angles : (B,) radians, counter-clockwise
    fill : (B,) float32
        What comes in from outside the image; masks are filled with 0.

    Returns
    -------
    x, y : as given
    """
    cos, sin = np.cos(angles), np.sin(angles)
    zero = np.zeros_like(cos)
    turn = np.stack([np.stack([cos, sin, zero], -1), np.stack([-sin, cos, zero], -1)], 1)
    grid = F.affine_grid(
        torch.from_numpy(turn.astype(np.float32)), list(x.shape), align_corners=False
    )
    level = fill[:, None, None, None]
    pixels = F.grid_sample(x - level, grid, align_corners=False) + level
    labels = F.grid_sample(y[:, None].float(), grid, mode="nearest", align_corners=False)
    return pixels, labels[:, 0].to(y.dtype)


def _dihedral(array: np.ndarray, turns: int, flip: int) -> np.ndarray:
    turned = np.rot90(array, turns)
    return turned[:, ::-1] if flip else turned
