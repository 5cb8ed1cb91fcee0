"""A patch set on the training device: one copy for all folds and seeds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hrtem_shift.microscope.conditions import Camera
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.training.thinning import Exposure, exposure_of


@dataclass(frozen=True)
class DevicePatches:
    """Patches on a device, 3 bytes a pixel.

    Parameters
    ----------
    images : Tensor of float16, shape (N, p, p)
    masks : Tensor of uint8, shape (N, p, p)
        1 on particles, 0 elsewhere.
    background : Tensor of float32, shape (N,)
        Median of each patch's background.
    exposure : Exposure, optional
        Electrons behind each patch, where they are thinned.
    """

    images: Tensor
    masks: Tensor
    background: Tensor
    exposure: Exposure | None = None

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return self.images.device


def to_device(patch_set: PatchSet, device: str, camera: Camera | None = None) -> DevicePatches:
    """Put a patch set on a device; on a CPU arrays are not copied and stay memory-mapped.

    With a camera, electrons can be thinned.
    """
    return DevicePatches(
        _on_device(patch_set.images, device),
        _on_device(patch_set.masks, device),
        _on_device(patch_set.background, device),
        exposure_of(patch_set, camera) if camera else None,
    )


def _on_device(array: np.ndarray, device: str) -> Tensor:
    with warnings.catch_warnings():
        # Memory-mapped files are read-only, and are not written to.
        warnings.filterwarnings("ignore", "The given NumPy array is not writ")
        return torch.from_numpy(np.asarray(array)).to(device)
