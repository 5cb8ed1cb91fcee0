"""Batch norms that take a share of their statistics from the images at hand (alpha-BN).

Images of another dose or camera have features of another mean and variance than those of training.
A network that normalizes by the statistics of training then sees less; one that normalizes by the
images' own loses what the mean itself told it. A mixture of both adapts without training and
without labels.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from hrtem_shift.errors import InputError


def has_batch_norms(network: nn.Module) -> bool:
    """Whether a network has batch norms with the statistics of its training."""
    return bool(_batch_norms(network))


def with_mixed_norms(network: nn.Module, images: Tensor, share: float) -> nn.Module:
    """Copy of a network whose batch norms are mixed with the statistics of some images.

    Parameters
    ----------
    network : Module
        As it was trained, before `hrtem_shift.networks.prediction.optimize_for_inference`, which
        folds batch norms away. It is not changed.
    images : Tensor of float, shape (B, 1, H, W)
        Prepared like those of training, on the network's device; patches of one micrograph, or
        all of it.
    share : float
        Weight of the images' statistics, 0 to 1: 0 leaves those of training, 1 gives what the
        network computes of these images in training mode.

    Returns
    -------
    Module
        In evaluation mode; mean and variance of each batch norm are (1 - share) of training +
        share of the images.

    Raises
    ------
    InputError
        The share is not between 0 and 1, or the network has no batch norms.

    Notes
    -----
    All layers are mixed in one forward pass: the features of a layer come from layers that are
    mixed already. Variances of the images are divided by the number of pixels, as in PyTorch's
    training mode.

    References
    ----------
    You, Li and Zhao, Test-time batch statistics calibration for covariate shift,
    arXiv 2110.04065 (2021).
    """
    if not 0 <= share <= 1:
        raise InputError(
            f"a share of {share:g}",
            where="mixed batch norms",
            why="Statistics of training and of an image are averaged by it",
            fix="Give a number from 0 to 1",
        )
    mixed = deepcopy(network).eval()
    norms = _batch_norms(mixed)
    if not norms:
        raise InputError(
            f"{type(network).__name__} has no batch norms",
            where="mixed batch norms",
            why="Other norms keep no statistics of training",
            fix="Use the network as it is, or train one with norm: batch",
        )

    def mix(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        features: Tensor = inputs[0]  # (B, c, h, w)
        variance, mean = torch.var_mean(features, dim=(0, 2, 3), correction=0)
        norm.running_mean.lerp_(mean, share)  # type: ignore[operator]
        norm.running_var.lerp_(variance, share)  # type: ignore[operator]

    hooks = [norm.register_forward_pre_hook(mix) for norm in norms]
    with torch.no_grad():
        mixed(images)
    for hook in hooks:
        hook.remove()
    return mixed


def _batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [
        module
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d) and module.track_running_stats
    ]
