"""Augmentation as a pure function of (seed, pass, patch): noise or thinning, dihedral images,
rotation.

A sample is the same alone or in a batch and in any process; on a CPU and a GPU it agrees within
rounding. The patch set is not changed.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrtem_shift.training.counter_rng import (
    Keys,
    Samples,
    kept_share,
    keys_at,
    noise_std,
    sample_augmentations,
)
from hrtem_shift.training.device_patches import DevicePatches
from hrtem_shift.training.noise import add_noise
from hrtem_shift.training.recipe import LabelRotation
from hrtem_shift.training.rotation import rotate_patches
from hrtem_shift.training.thinning import thin


def augment(
    patches: DevicePatches,
    samples: Samples,
    *,
    rotation_probability: float,
    label_rotation: LabelRotation,
) -> tuple[Tensor, Tensor]:
    """Augmented samples of a patch set.

    Noise is added first, as published, or electrons are thinned. Then each patch becomes one of
    its eight dihedral images (exact), and some are rotated by any angle (bilinear, filled with the
    patch's background).

    Returns
    -------
    images (M, p, p) float32, masks (M, p, p) uint8
        On the device of the patches.
    """
    chosen = sample_augmentations(samples, rotation_probability)
    images, masks, background = _copies(patches, samples)
    noisy, scale = _noisy(patches, samples, images, chosen.noise_std, chosen.keys)
    fill = background * torch.from_numpy(scale).to(background.device)
    return rotate_patches(noisy, masks, fill, chosen.affine, label_rotation)


def add_noise_only(patches: DevicePatches, samples: Samples) -> tuple[Tensor, Tensor]:
    """Samples with noise but without rotation, for validation."""
    keys = keys_at(samples.streams, samples.passes, samples.patches)
    images, masks, _ = _copies(patches, samples)
    noisy, _ = _noisy(patches, samples, images, noise_std(samples, keys), keys)
    return noisy, masks


def _noisy(
    patches: DevicePatches,
    samples: Samples,
    images: Tensor,
    std: NDArray[np.float32],
    keys: Keys,
) -> tuple[Tensor, NDArray[np.float32]]:
    """Images with noise or fewer electrons, and what a pixel without noise is multiplied by."""
    images = add_noise(images, std, keys)
    scale = (1 / np.hypot(1, std)).astype(np.float32)
    if not samples.thins.any():
        return images, scale
    if patches.exposure is None:
        raise ValueError("electrons are thinned, but the patches have no exposure")
    kept = kept_share(samples, keys)
    thinned, scale_of_counts = thin(images, kept, keys, patches.exposure, samples.patches)
    return thinned, scale * scale_of_counts


def _copies(patches: DevicePatches, samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """Images (M, p, p) as float32, masks (M, p, p) and background (M,)."""
    index = torch.from_numpy(samples.patches).to(patches.device)
    return patches.images[index].float(), patches.masks[index], patches.background[index]
