"""A large U-Net of pre-activated residual units: 14.1 million parameters.

A 7x7 convolution (64 channels), batch norm, ReLU and pooling; three down blocks of two
residual units (BN - ReLU - conv, twice) of 128, 256 and 512 channels, the first unit with a
stride and a convolution as its shortcut; four up blocks of upsampling and two times BN - ReLU -
conv; skips into the first three. Its speed is limited by arithmetic, that of the residual U-Net
by memory.

Source: MyST article 10.69761/kjte5358 (hrtem-transfer-learning) states this layout and about 14
million parameters, but not the channels, which are chosen here. Units: He et al., arXiv
1603.05027.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEM = 64
DOWNS = (128, 256, 512)
UPS = (256, 128, 64, 32)


class ResidualUnit(nn.Module):
    """Two pre-activated 3x3 convolutions and a shortcut: (B, c_in, H, W) -> (B, c_out, H, W)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(channels_in), nn.BatchNorm2d(channels_out)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        changes = stride > 1 or channels_in != channels_out
        self.shortcut = nn.Conv2d(channels_in, channels_out, 1, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """Transform features; height and width are divided by the stride."""
        active = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return y + (self.shortcut(active) if self.shortcut else x)


class UpBlock(nn.Module):
    """Two times BN - ReLU - conv of the concatenation of upsampled features and a skip."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(channels_in), nn.BatchNorm2d(channels_out)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H, W)."""
        return self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))


class PreactivationUNet(nn.Module):
    """Pre-activated U-Net: images (B, 1, H, W) -> logits (B, 2, H, W), class 1 is the particle."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, STEM, 7, padding=3)
        self.stem_bn = nn.BatchNorm2d(STEM)
        self.downs = nn.ModuleList(
            nn.Sequential(ResidualUnit(above, here, stride=2), ResidualUnit(here, here))
            for above, here in zip((STEM, *DOWNS[:-1]), DOWNS, strict=True)
        )
        skips = (*DOWNS[-2::-1], STEM, 0)
        self.ups = nn.ModuleList(
            UpBlock(below + skip, here)
            for below, skip, here in zip((DOWNS[-1], *UPS[:-1]), skips, UPS, strict=True)
        )
        self.final_conv = nn.Conv2d(UPS[-1], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of two classes for each pixel."""
        x = F.max_pool2d(F.relu(self.stem_bn(self.stem(x))), 2)
        skips = []
        for down in self.downs:
            skips.append(x)  # (B, c, H / 2^(level + 1), W / 2^(level + 1))
            x = down(x)
        for up in self.ups:
            x = F.interpolate(x, scale_factor=2.0)
            x = up(torch.cat([skips.pop(), x], dim=1) if skips else x)
        return self.final_conv(x)
