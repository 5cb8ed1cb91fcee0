"""Augmentation as a pure function of (seed, pass, patch): noise, dihedral images, rotation.

A sample is the same alone or in a batch and in any process; on a CPU and a GPU it agrees within
rounding. The patch set is not changed.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hrtem_shift.training.counter_rng import Samples, keys_at, noise_std, sample_augmentations
from hrtem_shift.training.device_patches import DevicePatches
from hrtem_shift.training.noise import add_noise
from hrtem_shift.training.recipe import LabelRotation
from hrtem_shift.training.rotation import rotate_patches


def augment(
    patches: DevicePatches,
    samples: Samples,
    *,
    rotation_probability: float,
    label_rotation: LabelRotation,
) -> tuple[Tensor, Tensor]:
    """Augmented samples of a patch set.

    Noise is added first, as published. Then each patch becomes one of its eight dihedral images
    (exact), and some are rotated by any angle (bilinear, filled with the patch's background).

    Returns
    -------
    images (M, p, p) float32, masks (M, p, p) uint8
        On the device of the patches.
    """
    chosen = sample_augmentations(samples, rotation_probability)
    images, masks, background = _copies(patches, samples)
    noisy = add_noise(images, chosen.noise_std, chosen.keys)
    scale = torch.from_numpy(1 / np.hypot(1, chosen.noise_std, dtype=np.float32))
    fill = background * scale.to(background.device)
    return rotate_patches(noisy, masks, fill, chosen.affine, label_rotation)


def add_noise_only(patches: DevicePatches, samples: Samples) -> tuple[Tensor, Tensor]:
    """Samples with noise but without rotation, for validation."""
    keys = keys_at(samples.streams, samples.passes, samples.patches)
    images, masks, _ = _copies(patches, samples)
    return add_noise(images, noise_std(samples, keys), keys), masks


def _copies(patches: DevicePatches, samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """Images (M, p, p) as float32, masks (M, p, p) and background (M,)."""
    index = torch.from_numpy(samples.patches).to(patches.device)
    return patches.images[index].float(), patches.masks[index], patches.background[index]
