"""A residual U-Net for particles of 6 to 300 px that touch: it predicts particles and their cores.

It works on blocks of 2 x 2 pixels, which is where a U-Net spends most of its time, and predicts
the four pixels of a block from the features of the block. Six levels down, by then 64 px a block,
it sees 370 px in each direction. Beside the image it is shown the image's local contrast, in which
a small particle on a thick support is as clear as one on a thin film.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

CHANNELS = (16, 32, 64, 96, 128, 128)
BLOCK_px = 2
STRIDE_px = BLOCK_px * 2 ** (len(CHANNELS) - 1)
"""Image sides must be multiples of this."""

LOCAL_px = 33
"""Edge of the square within which local contrast is measured."""

HALO_px = 512
"""Pixels beyond a strip that can matter to it; a multiple of `STRIDE_px`.

Two 3x3 convolutions at each level, of 2, 4, 8, 16, 32 px a block on the way down and up, and of
64 at the bottom: 2 (62 + 64 + 62) = 376 px, one more of the head (2 px), at most 63 more where
pooling reaches over a whole block, and 32 of the local contrast.
"""


class PlainBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, and a shortcut: (B, c_in, h, w) -> (B, c_out, h, w)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform features."""
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.norm2(self.conv2(y))
        return F.relu(y.add_(self.shortcut(x)), inplace=True)


class ParticleUNet(nn.Module):
    """Images (B, 1, H, W) -> logits (B, 2, H, W): of a particle, and of its core.

    Cores are those of `hrtem_shift.networks.cores`: they keep particles apart that touch.

    Parameters
    ----------
    channels : sequence of int
        Channels of each level; the last is the bottleneck.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        *levels, deepest = channels
        pixels = BLOCK_px**2
        shown = 2 * pixels  # image and local contrast
        self.downs = nn.ModuleList(
            PlainBlock(above, here)
            for above, here in zip([shown, *levels[:-1]], levels, strict=True)
        )
        self.bottleneck = PlainBlock(levels[-1], deepest)
        self.ups = nn.ModuleList(
            PlainBlock(here + below, here)
            for here, below in zip(levels[::-1], [deepest, *levels[:0:-1]], strict=True)
        )
        self.head = nn.Sequential(
            nn.Conv2d(levels[0] + shown, levels[0], 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(levels[0], 2 * pixels, 1),
            nn.PixelShuffle(BLOCK_px),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits of particle and core for each pixel."""
        both = torch.cat([images, local_contrast(images)], dim=1)
        blocks = F.pixel_unshuffle(both, BLOCK_px)  # (B, 8, H / 2, W / 2)
        x, skips = blocks, []
        for down in self.downs:
            x = down(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            x = up(torch.cat([skip, F.interpolate(x, scale_factor=2.0)], dim=1))
        return self.head(torch.cat([x, blocks], dim=1))


def with_particles_from(network: nn.Module, level: float) -> ParticleUNet:
    """Copy of a network whose probability of a particle is 0.5 where it was `level`.

    The probability of a core stays.
    """
    copy = deepcopy(network)
    assert isinstance(copy, ParticleUNet)
    last = copy.head[2]
    assert isinstance(last, nn.Conv2d) and last.bias is not None
    with torch.no_grad():
        last.bias[: BLOCK_px**2] += math.log((1 - level) / level)
    return copy


def local_contrast(images: Tensor) -> Tensor:
    """Images (B, 1, H, W) less their local mean, over their local standard deviation.

    Mean and variance are over squares of `LOCAL_px`; the deviation of a standardized image counts
    as at least 0.02, so that noise-free background stays flat. Values are cut off at 5.
    """

    difference = images - _local_mean(images)
    deviation = torch.sqrt(_local_mean(difference**2) + 0.02**2)
    return (difference / deviation).clamp(-5, 5)


def _local_mean(values: Tensor) -> Tensor:
    """Mean over squares of `LOCAL_px`, as far as they lie on the image (B, 1, H, W).

    By cumulative sums in double precision: a quarter of the time of `avg_pool2d`.
    """
    half = LOCAL_px // 2
    for axis, padding in ((2, (0, 0, half + 1, half)), (3, (half + 1, half, 0, 0))):
        n = values.shape[axis]
        place = torch.arange(n, device=values.device)
        count = (place + half + 1).clamp(max=n) - (place - half).clamp(min=0)
        sums = F.pad(values, padding).cumsum(axis, dtype=torch.float64)
        means = (sums.narrow(axis, LOCAL_px, n) - sums.narrow(axis, 0, n)) / (
            count[:, None] if axis == 2 else count
        )
        values = means.to(values.dtype)
    return values


def with_folded_norms(network: ParticleUNet) -> ParticleUNet:
    """Copy of a network in evaluation mode whose batch norms are part of its convolutions.

    The same function up to rounding, in less time.
    """
    copy = deepcopy(network).eval()
    for block in copy.modules():
        if isinstance(block, PlainBlock):
            for number in (1, 2):
                conv, norm = getattr(block, f"conv{number}"), getattr(block, f"norm{number}")
                if isinstance(norm, nn.BatchNorm2d):
                    setattr(block, f"conv{number}", fuse_conv_bn_eval(conv, norm))
                    setattr(block, f"norm{number}", nn.Identity())
    return copy
