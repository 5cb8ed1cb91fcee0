"""The residual U-Net for inference: the same function in half of the time.

Batch norms are folded into the convolutions before them. The first level, which has few channels
at full resolution, works on 2x2 blocks of pixels as channels (space to depth): a processor
computes 16 channels in the time of 4. Its pooling is then the maximum of four channels, and
features from below need no upsampling. Source: Shi et al., arXiv 1609.05158.

Only the order of sums differs, at the edges too.
"""

from __future__ import annotations

from functools import reduce
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hrtem_shift.networks.residual_unet import ResidualBlock, ResidualUNet, SkipConcatConv2d


def fits_space_to_depth(network: nn.Module) -> TypeGuard[ResidualUNet]:
    """Whether a network can become a `SpaceToDepthUNet`."""
    return isinstance(network, ResidualUNet) and all(
        isinstance(block.bn1, nn.BatchNorm2d)
        for block in network.modules()
        if isinstance(block, ResidualBlock)
    )


class SpaceToDepthUNet(nn.Module):
    """Residual U-Net for inference: images (B, 1, H, W) -> logit of a particle (B, 1, H, W).

    Parameters
    ----------
    network : ResidualUNet
        In evaluation mode, with batch norms. It is changed: pass a copy.
    """

    def __init__(self, network: ResidualUNet) -> None:
        super().__init__()
        for block in network.modules():
            if isinstance(block, ResidualBlock):
                block.conv1, block.bn1 = _folded(block.conv1, block.bn1), nn.Identity()
                block.conv2, block.bn2 = _folded(block.conv2, block.bn2), nn.Identity()
        first, last = network.downs[0], network.ups[-1]
        assert isinstance(first, ResidualBlock) and isinstance(last, ResidualBlock)
        for block in (first, last):
            block.conv1, block.conv2 = _space_to_depth(block.conv1), _space_to_depth(block.conv2)
            block.conv_add = _space_to_depth(block.conv_add)
        network.final_conv = _space_to_depth(_difference(network.final_conv))
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logit of each pixel; positive on particles."""
        network = self.network
        top = network.downs[0](F.pixel_unshuffle(images, 2))  # (B, 4 c, H / 2, W / 2)
        pooled = reduce(torch.maximum, top.unflatten(1, (-1, 4)).unbind(2))
        below = network.features(pooled, network.downs[1:], network.ups[:-1])
        top = network.ups[-1](torch.cat([top, below], dim=1))
        return F.pixel_shuffle(network.final_conv(top), 2)


def _folded(convolution: nn.Conv2d, norm: nn.Module) -> nn.Conv2d:
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm)


def _difference(convolution: nn.Conv2d) -> nn.Conv2d:
    """Convolution to two classes -> convolution to the difference of their logits."""
    assert convolution.bias is not None
    return _convolution(
        convolution.weight[1:] - convolution.weight[:1], convolution.bias[1:] - convolution.bias[:1]
    )


def _space_to_depth(convolution: nn.Conv2d) -> nn.Conv2d:
    """Convolution of pixels -> the same convolution of 2x2 blocks, whose pixels are channels.

    The four pixels of a block of upsampled features are equal: their weights are added.
    """
    upsampled = convolution.parts[1] if isinstance(convolution, SkipConcatConv2d) else 0
    weight, bias = convolution.weight, convolution.bias  # (c_out, c_in, size, size)
    assert bias is not None
    size = weight.shape[-1]
    margin = size // 2
    per_pixel = []
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        # The kernel among the pixels of size x size blocks.
        up, left = down + margin, across + margin
        kernel = F.pad(weight, (left, size - left, up, size - up))
        per_pixel.append(F.pixel_unshuffle(kernel, 2))  # (c_out, 4 c_in, size, size)
    blocks = torch.stack(per_pixel, dim=1).flatten(0, 1)  # (4 c_out, ...)
    fine, coarse = blocks.split([blocks.shape[1] - 4 * upsampled, 4 * upsampled], dim=1)
    weights = torch.cat([fine, coarse.unflatten(1, (upsampled, 4)).sum(2)], dim=1)
    return _convolution(weights, bias.repeat_interleave(4))


def _convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """Same-size convolution with these weights."""
    channels_out, channels_in, size, _ = weight.shape
    convolution = nn.Conv2d(channels_in, channels_out, size, padding=size // 2)
    convolution.weight, convolution.bias = (
        nn.Parameter(weight.detach()),
        nn.Parameter(bias.detach()),
    )
    return convolution
