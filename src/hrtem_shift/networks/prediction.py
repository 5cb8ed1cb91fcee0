"""Masks of images by one network."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from hrtem_shift.networks.particle_unet import ParticleUNet, with_folded_norms
from hrtem_shift.networks.space_to_depth_unet import SpaceToDepthUNet, fits_space_to_depth

LARGEST_BATCH_PX = 4096**2
"""Most pixels of a batch: those of one whole micrograph."""


def on_device(network: nn.Module, device: str) -> nn.Module:
    """Network on a device, in the memory format channels_last, which is faster."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class ParticleLogit(nn.Module):
    """Logit of a particle (B, 1, H, W) by any network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Difference of the logits of particle and background."""
        background, particle = self.network(images).split(1, dim=1)
        return particle - background


def optimize_for_inference(network: nn.Module, device: str) -> nn.Module:
    """Copy of a network for fast inference: images (B, 1, H, W) -> logit of a particle.

    The same function up to rounding; a positive logit (B, 1, H, W) is a particle. That of a
    `ParticleUNet` is (B, 2, H, W): of a particle and of its core.

    Parameters
    ----------
    network : Module
        In evaluation mode, images (B, 1, H, W) -> logits (B, 2, H, W). A network that was
        optimized before, for the same device, is returned as it is.
    """
    if isinstance(network, SpaceToDepthUNet | ParticleLogit):
        return network
    if isinstance(network, ParticleUNet):
        return on_device(with_folded_norms(network), device)
    copy = deepcopy(network)
    faster = SpaceToDepthUNet(copy) if fits_space_to_depth(copy) else ParticleLogit(copy)
    return on_device(faster, device)


def logits_of(network: nn.Module, images: Tensor, precision: torch.dtype) -> Tensor:
    """Logits (B, 1 or 2, H, W) of images (B, H, W), by what `optimize_for_inference` returned."""
    enabled = precision != torch.float32
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=enabled):
        return network(images[:, None].contiguous(memory_format=torch.channels_last)).float()


def predict_masks(
    network: nn.Module,
    images: np.ndarray,
    *,
    device: str = "cpu",
    precision: torch.dtype = torch.float32,
    batch_size: int = 32,
) -> np.ndarray:
    """Particle masks of standardized images, patches or whole micrographs, without tiling.

    Parameters
    ----------
    network : Module
        In evaluation mode; from `optimize_for_inference` where it is used repeatedly.
    images : (N, H, W) float
        Sides are multiples of 16 px.

    Returns
    -------
    (N, H, W) bool
    """
    network = optimize_for_inference(network, device)
    masks = np.empty(images.shape, bool)
    at_once = max(1, min(batch_size, LARGEST_BATCH_PX // int(np.prod(images.shape[1:]))))
    with torch.inference_mode():
        for start in range(0, len(images), at_once):
            batch = np.asarray(images[start : start + at_once], np.float32)
            logits = logits_of(network, torch.from_numpy(batch).to(device), precision)[:, 0]
            masks[start : start + at_once] = (logits > 0).cpu().numpy()  # softmax above one half
    return masks
