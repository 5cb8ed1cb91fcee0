"""Normalization layers by name.

Torch is imported where a layer is made, so that recipes are read without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn

Norm = Literal["batch", "instance", "group"]


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Batch norm, instance norm, or group norm over four channels each."""
    from torch import nn

    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(channels if norm == "instance" else channels // 4, channels)
