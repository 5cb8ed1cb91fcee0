"""Architectures by name.

Torch is imported where a network is built, so that recipes are read without it.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast, get_args

from hrtem_shift.errors import InputError
from hrtem_shift.networks.norms import Norm

if TYPE_CHECKING:
    from torch import nn

PUBLISHED = "residual_unet"
BUILT_IN = (PUBLISHED, "preactivation_unet")
PARTICLES = "particle_unet"
"""Predicts particles and their cores (`hrtem_shift.networks.particle_unet`)."""
SMP = "smp:"
"""Prefix of architectures of segmentation-models-pytorch, such as ``smp:Unet``."""


def check_architecture(architecture: str, norm: str) -> None:
    """Raise ValueError if a name is unknown, or if the architecture has no such norm."""
    valid = (*BUILT_IN, PARTICLES)
    if architecture not in valid and not architecture.startswith(SMP):
        raise ValueError(f"unknown architecture '{architecture}'; valid are {', '.join(valid)}")
    if norm not in get_args(Norm):
        raise ValueError(f"unknown norm '{norm}'; valid are {', '.join(get_args(Norm))}")
    if architecture != PUBLISHED and norm != "batch":
        raise ValueError(f"norm '{norm}' is for {PUBLISHED} only")


def can_fuse(architecture: str) -> bool:
    """Whether several networks can be trained as one, see `hrtem_shift.networks.fused`."""
    return architecture == PUBLISHED


def build(architecture: str = PUBLISHED, norm: str = "batch") -> nn.Module:
    """Network (B, 1, H, W) -> logits (B, 2, H, W), with arbitrary weights.

    Raises
    ------
    InputError
        The library of this architecture is not installed, or has no such architecture.
    """
    if architecture == PUBLISHED:
        from hrtem_shift.networks.residual_unet import ResidualUNet

        return ResidualUNet(norm=cast(Norm, norm))
    if architecture == PARTICLES:
        from hrtem_shift.networks.particle_unet import ParticleUNet

        return ParticleUNet()
    if architecture == "preactivation_unet":
        from hrtem_shift.networks.preactivation_unet import PreactivationUNet

        return PreactivationUNet()
    return _from_smp(architecture.removeprefix(SMP))


def new_network(seed: int, architecture: str = PUBLISHED, norm: Norm = "batch") -> nn.Module:
    """Network whose initial weights depend on `seed` alone, see `initialize`."""
    from hrtem_shift.networks.residual_unet import initialize

    return initialize(build(architecture, norm), seed)


def _from_smp(name: str) -> nn.Module:
    if find_spec("segmentation_models_pytorch") is None:
        raise InputError(
            "segmentation-models-pytorch is not installed",
            where=f"architecture {SMP}{name}",
            why="The architecture comes from that library",
            fix='Install it: pip install -c constraints.txt -e ".[smp]"',
        )
    smp = import_module("segmentation_models_pytorch")
    try:
        # No pretrained encoder: those were trained on photographs.
        return smp.create_model(name, encoder_weights=None, in_channels=1, classes=2)
    except KeyError as error:
        raise InputError(
            f"{error.args[0]}",
            where=f"architecture {SMP}{name}",
            why="segmentation-models-pytorch has no such architecture",
            fix="Use one of its names, such as smp:Unet",
        ) from error
