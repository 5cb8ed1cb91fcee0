"""From images to masks."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hrtem_shift.networks.residual_unet import ResidualBlock

LARGEST_BATCH_PX = 4096**2
"""A whole micrograph at a time, or patches of together so many pixels."""


def on_device(network: nn.Module, device: str) -> nn.Module:
    """Network on a device, its weights channel by channel: which is faster."""
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def logits_of(network: nn.Module, images: Tensor, precision: torch.dtype) -> Tensor:
    """Logits (B, 2, H, W) float32 of images (B, 1, H, W), convolutions in `precision`."""
    images = images.contiguous(memory_format=torch.channels_last)
    enabled = precision != torch.float32
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=enabled):
        logits = network(images)
    return logits.float()


def without_batch_norms(network: nn.Module) -> nn.Module:
    """Copy of a network for prediction, its batch norms merged into the convolutions before.

    The same function up to rounding, with two fewer passes over the features of each block.

    Parameters
    ----------
    network : Module
        In evaluation mode; only the blocks of the residual U-Net are changed.
    """
    merged = deepcopy(network)
    for block in merged.modules():
        if isinstance(block, ResidualBlock):
            block.conv1, block.bn1 = _merged(block.conv1, block.bn1)
            block.conv2, block.bn2 = _merged(block.conv2, block.bn2)
    return merged


def _merged(convolution: nn.Conv2d, norm: nn.Module) -> tuple[nn.Conv2d, nn.Module]:
    if isinstance(norm, nn.BatchNorm2d):
        return fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return convolution, norm


def predict_masks(
    network: nn.Module,
    images: np.ndarray,
    *,
    device: str = "cpu",
    precision: torch.dtype = torch.float32,
    batch_size: int = 32,
) -> np.ndarray:
    """Particle masks of standardized images, patches or whole micrographs.

    Each image is seen whole: there are no seams.

    Parameters
    ----------
    network : Module
        In evaluation mode.
    images : (N, H, W) float
        Sides are multiples of 16 px.

    Returns
    -------
    (N, H, W) bool
    """
    network = on_device(without_batch_norms(network), device)
    masks = np.empty(images.shape, bool)
    at_once = max(1, min(batch_size, LARGEST_BATCH_PX // int(np.prod(images.shape[1:]))))
    with torch.inference_mode():
        for start in range(0, len(images), at_once):
            batch = np.asarray(images[start : start + at_once], np.float32)
            logits = logits_of(network, torch.from_numpy(batch).to(device)[:, None], precision)
            # Softmax over two classes exceeds one half where its logit is the larger one.
            masks[start : start + at_once] = (logits[:, 1] > logits[:, 0]).cpu().numpy()
    return masks
