"""The residual U-Net in the form in which it predicts: the same function, in half of the time.

Batch norms are merged into the convolutions before them. And the first level, of few channels at
full resolution, computes the four pixels of a 2x2 block as channels of one: a processor computes
16 channels in the time of 4. Its pooling is then the largest of four channels, and what comes up
from below needs no upsampling. Source of the rearrangement: Shi et al., arXiv 1609.05158.

Each pixel sees what it saw before, at the edges too; only the order of sums is another.
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
    """Whether `SpaceToDepthUNet` is made of such a network."""
    return isinstance(network, ResidualUNet) and all(
        isinstance(block.bn1, nn.BatchNorm2d)
        for block in network.modules()
        if isinstance(block, ResidualBlock)
    )


class SpaceToDepthUNet(nn.Module):
    """Residual U-Net for prediction: images (B, 1, H, W) -> logit of a particle (B, 1, H, W).

    Parameters
    ----------
    network : ResidualUNet
        In evaluation mode, with batch norms. Its modules are taken and changed: give a copy.
    """

    def __init__(self, network: ResidualUNet) -> None:
        super().__init__()
        for block in network.modules():
            if isinstance(block, ResidualBlock):
                block.conv1, block.bn1 = _merged(block.conv1, block.bn1), nn.Identity()
                block.conv2, block.bn2 = _merged(block.conv2, block.bn2), nn.Identity()
        first, last = network.downs[0], network.ups[-1]
        assert isinstance(first, ResidualBlock) and isinstance(last, ResidualBlock)
        _compute_four(first)
        _compute_four(last)
        network.final_conv = _four(_difference(network.final_conv))
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logit of each pixel; above zero it is called particle."""
        network = self.network
        top = network.downs[0](F.pixel_unshuffle(images, 2))  # (B, 4 c, H / 2, W / 2)
        pooled = reduce(torch.maximum, top.unflatten(1, (-1, 4)).unbind(2))
        below = network.features(pooled, network.downs[1:], network.ups[:-1])
        top = network.ups[-1](torch.cat([top, below], dim=1))
        return F.pixel_shuffle(network.final_conv(top), 2)


def _merged(convolution: nn.Conv2d, norm: nn.Module) -> nn.Conv2d:
    assert isinstance(norm, nn.BatchNorm2d)
    return fuse_conv_bn_eval(convolution, norm)


def _difference(convolution: nn.Conv2d) -> nn.Conv2d:
    """Convolution to two classes -> by how much the second logit exceeds the first."""
    assert convolution.bias is not None
    return _convolution(
        convolution.weight[1:] - convolution.weight[:1], convolution.bias[1:] - convolution.bias[:1]
    )


def _compute_four(block: ResidualBlock) -> None:
    block.conv1, block.conv2 = _four(block.conv1), _four(block.conv2)
    block.conv_add = _four(block.conv_add)


def _four(convolution: nn.Conv2d) -> nn.Conv2d:
    """Convolution of pixels -> the same of 2x2 blocks, whose pixels are channels.

    Of features that are upsampled by two the four pixels of a block are one: their weights are
    added.
    """
    upsampled = convolution.parts[1] if isinstance(convolution, SkipConcatConv2d) else 0
    weight, bias = convolution.weight, convolution.bias  # (c_out, c_in, size, size)
    assert bias is not None
    size = weight.shape[-1]
    margin = size // 2
    of_each_pixel = []
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        # Where it looks, among the pixels of size x size blocks.
        up, left = down + margin, across + margin
        seen = F.pad(weight, (left, size - left, up, size - up))
        of_each_pixel.append(F.pixel_unshuffle(seen, 2))  # (c_out, 4 c_in, size, size)
    blocks = torch.stack(of_each_pixel, dim=1).flatten(0, 1)  # (4 c_out, ...)
    fine, coarse = blocks.split([blocks.shape[1] - 4 * upsampled, 4 * upsampled], dim=1)
    together = torch.cat([fine, coarse.unflatten(1, (upsampled, 4)).sum(2)], dim=1)
    return _convolution(together, bias.repeat_interleave(4))


def _convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """Convolution that keeps the size, of these weights."""
    channels_out, channels_in, size, _ = weight.shape
    made = nn.Conv2d(channels_in, channels_out, size, padding=size // 2)
    made.weight, made.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
    return made
