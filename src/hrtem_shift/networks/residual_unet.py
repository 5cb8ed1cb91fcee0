"""The residual U-Net of the published study, exactly.

Four levels of residual blocks (4, 8, 16, 32 channels, bottleneck 64), max-pooling down,
nearest-neighbour upsampling and concatenated skips up, two classes out: 130,682 parameters.
Block: conv 3x3 - BN - ReLU - conv 3x3 - BN, plus a 1x1 convolution of its input; sum; ReLU.
Parameter names are those of the published weight files, so that they load strictly.
Other norms than batch norm keep these names.

Source: Sytwu, Rangel DaCosta, Scott, arXiv 2306.11853 and its public code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrtem_shift.networks.norms import Norm, norm_layer

CHANNELS = (4, 8, 16, 32, 64)
STRIDE_PX = 16
"""Image sides must be multiples of this (four poolings by two)."""


class SkipConcatConv2d(nn.Conv2d):
    """Convolution of the concatenation of a skip connection and upsampled deeper features.

    Takes half of the time because it neither upsamples nor concatenates (`conv_of_upsampled`).
    Channels of its weights are in the order (skip, below).
    """

    def __init__(
        self, channels_skip: int, channels_below: int, channels_out: int, size: int
    ) -> None:
        super().__init__(channels_skip + channels_below, channels_out, size, padding=size // 2)
        self.parts = (channels_skip, channels_below)

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:  # type: ignore[override]
        """(B, c_skip, H, W) and (B, c_below, H / 2, W / 2) -> (B, c_out, H, W)."""
        weight_skip, weight_below = self.weight.split(self.parts, dim=1)
        y = F.conv2d(skip, weight_skip, self.bias, padding=self.padding)
        return y.add_(conv_of_upsampled(below, weight_below))


def conv_of_upsampled(x: Tensor, weight: Tensor, groups: int = 1) -> Tensor:
    """Same-size convolution of features that are upsampled by two (nearest).

    The pixels of a 2x2 block are equal, so that only four of the nine values under a 3x3 kernel
    differ: it is a transposed convolution with a 4x4 kernel of sums of weights.

    Parameters
    ----------
    x : Tensor, shape (B, c_in, H, W)
    weight : Tensor, shape (c_out, c_in / groups, 3, 3) or (c_out, c_in / groups, 1, 1)

    Returns
    -------
    Tensor, shape (B, c_out, 2 H, 2 W)
    """
    if weight.shape[-1] == 1:
        return F.interpolate(F.conv2d(x, weight, groups=groups), scale_factor=2.0)
    flipped = F.pad(weight.flip(-2, -1), (1, 1, 1, 1))
    rows = flipped[..., 1:, :] + flipped[..., :-1, :]
    taps = rows[..., 1:] + rows[..., :-1]  # (c_out, c_in / groups, 4, 4)
    taps = taps.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    return F.conv_transpose2d(x, taps, stride=2, padding=1, groups=groups)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a 1x1 shortcut: (B, c_in, H, W) -> (B, c_out, H, W).

    In the decoder: (B, c_in, H, W) and (B, c_below, H / 2, W / 2) -> (B, c_out, H, W).
    """

    def __init__(
        self, channels_in: int, channels_out: int, norm: Norm = "batch", channels_below: int = 0
    ) -> None:
        super().__init__()

        def convolution(size: int) -> nn.Conv2d:
            if channels_below:
                return SkipConcatConv2d(channels_in, channels_below, channels_out, size)
            return nn.Conv2d(channels_in, channels_out, size, padding=size // 2)

        self.conv1 = convolution(3)
        self.bn1 = norm_layer(norm, channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.bn2 = norm_layer(norm, channels_out)
        self.conv_add = convolution(1)

    def forward(self, *x: Tensor) -> Tensor:
        """Transform features; in the decoder those of the skip connection and those below."""
        # In place: features of a whole micrograph are 128 MiB each, and allocation takes time.
        y = F.relu(self.bn1(self.conv1(*x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y += self.conv_add(*x)
        return F.relu(y, inplace=True)


class ResidualUNet(nn.Module):
    """Residual U-Net: images (B, 1, H, W) -> logits (B, 2, H, W), class 1 is the particle.

    Parameters
    ----------
    channels : sequence of int
        Channels of each level; the last is the bottleneck.
    norm : str
        See `norm_layer`.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS, norm: Norm = "batch") -> None:
        super().__init__()
        *levels, deepest = channels
        self.downs = nn.ModuleList(
            ResidualBlock(above, here, norm)
            for above, here in zip([1, *levels[:-1]], levels, strict=True)
        )
        self.bottleneck = ResidualBlock(levels[-1], deepest, norm)
        self.ups = nn.ModuleList(
            ResidualBlock(here, here, norm, channels_below=below)
            for here, below in zip(levels[::-1], [deepest, *levels[:0:-1]], strict=True)
        )
        self.final_conv = nn.Conv2d(levels[0], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of two classes for each pixel."""
        return self.final_conv(self.features(x, self.downs, self.ups))

    def features(self, x: Tensor, downs: nn.ModuleList, ups: nn.ModuleList) -> Tensor:
        """Encoder, bottleneck and decoder: (B, c_in, H, W) -> (B, c_out, H, W)."""
        skips = []
        for down in downs:
            x = down(x)
            skips.append(x)  # (B, c, H / 2^level, W / 2^level)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for up, skip in zip(ups, reversed(skips), strict=True):
            x = up(skip, x)
        return x


Network = TypeVar("Network", bound=nn.Module)


def initialize(network: Network, seed: int) -> Network:
    """Initialize a network from `seed` alone.

    Convolution weights are Kaiming-normal, biases uniform within 1/sqrt(fan in) (PyTorch's
    default), batch norms 1 and 0.
    """
    generator = torch.Generator().manual_seed(seed % 2**63)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, generator=generator)
            if module.bias is not None:
                bound = module.weight[0].numel() ** -0.5
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
    return network
