"""Augmentation as a pure function of (seed, pass, patch): noise, dihedral images, rotation.

A sample is the same alone or in a batch, on any worker, whatever was drawn before it, and on
a CPU and a GPU within rounding. The data set's arrays are never written to.
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
    resident: DevicePatches,
    samples: Samples,
    *,
    rotation_probability: float,
    label_rotation: LabelRotation,
) -> tuple[Tensor, Tensor]:
    """Augmented samples of a patch set.

    Noise comes first, as published; then one of the eight dihedral images (exact), and for
    some a rotation by any angle: bilinear, filled with the background of the (noisy) patch.

    Returns
    -------
    images (M, p, p) float32, masks (M, p, p) uint8
        On the device of the patches.
    """
    draws = sample_augmentations(samples, rotation_probability)
    images, masks, background = _taken(resident, samples)
    noisy = add_noise(images, draws.noise_std, draws.keys)
    rescaled = torch.from_numpy(1 / np.hypot(1, draws.noise_std, dtype=np.float32))
    fill = background * rescaled.to(background.device)
    return rotate_patches(noisy, masks, fill, draws.affine, label_rotation)


def add_noise_only(resident: DevicePatches, samples: Samples) -> tuple[Tensor, Tensor]:
    """Samples with their noise and no more, as networks are validated on."""
    keys = keys_at(samples.streams, samples.passes, samples.patches)
    images, masks, _ = _taken(resident, samples)
    return add_noise(images, noise_std(samples, keys), keys), masks


def _taken(resident: DevicePatches, samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    """Copies of images (M, p, p) as float32, masks (M, p, p) and background (M,)."""
    index = torch.from_numpy(samples.patches).to(resident.device)
    return resident.images[index].float(), resident.masks[index], resident.background[index]
