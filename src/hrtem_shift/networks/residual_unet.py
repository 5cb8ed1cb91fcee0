"""The residual U-Net of the published study, exactly.

Four levels of residual blocks (4, 8, 16, 32 channels, bottleneck 64), max-pooling down,
nearest-neighbour upsampling and concatenated skips up, two classes out: 130,682 parameters.
Block: conv 3x3 - BN - ReLU - conv 3x3 - BN, plus a 1x1 convolution of its input; sum; ReLU.
Parameter names are those of the published weight files, so that they load strictly.

Source: Sytwu, Rangel DaCosta, Scott, arXiv 2306.11853 and its public code.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = (4, 8, 16, 32, 64)
STRIDE_PX = 16
"""Image sides must be multiples of this (four poolings by two)."""


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a 1x1 shortcut: (B, c_in, H, W) -> (B, c_out, H, W)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.conv_add = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Transform features; the shape keeps its height and width."""
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.conv_add(x))


class ResidualUNet(nn.Module):
    """Residual U-Net: images (B, 1, H, W) -> logits (B, 2, H, W), class 1 is the particle.

    Parameters
    ----------
    channels : sequence of int
        Channels of each level; the last is the bottleneck.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        *levels, deepest = channels
        self.downs = nn.ModuleList(
            ResidualBlock(above, here)
            for above, here in zip([1, *levels[:-1]], levels, strict=True)
        )
        self.bottleneck = ResidualBlock(levels[-1], deepest)
        self.ups = nn.ModuleList(
            ResidualBlock(here + below, here)
            for here, below in zip(levels[::-1], [deepest, *levels[:0:-1]], strict=True)
        )
        self.final_conv = nn.Conv2d(levels[0], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of two classes for each pixel."""
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)  # (B, c, H / 2^level, W / 2^level)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            x = up(torch.cat([skip, F.interpolate(x, scale_factor=2.0)], dim=1))
        return self.final_conv(x)


def new_network(seed: int, channels: Sequence[int] = CHANNELS) -> ResidualUNet:
    """Untrained network with weights drawn from `seed` alone.

    Convolution weights are Kaiming-normal, biases uniform within 1/sqrt(fan in) as is
    PyTorch's habit, batch norms 1 and 0.
    """
    network = ResidualUNet(channels)
    generator = torch.Generator().manual_seed(seed % 2**63)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, generator=generator)
            fan_in = module.weight[0].numel()
            assert module.bias is not None
            nn.init.uniform_(module.bias, -(fan_in**-0.5), fan_in**-0.5, generator=generator)
    return network
