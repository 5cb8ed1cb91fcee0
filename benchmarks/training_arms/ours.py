"""Ours: packs of networks on patches that stay on the device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.fused import FusedNetworks
from hrtem_shift.training.device_patches import DevicePatches
from hrtem_shift.training.loop import NetworkSpec, TrainedNetwork, train_networks
from hrtem_shift.training.recipe import Recipe, TrainingNoise


def device_patches(images: NDArray, masks: NDArray) -> DevicePatches:
    """Patches where they are, and the median of each one's background."""
    background = [np.median(i[m == 0]) for i, m in zip(images, masks, strict=True)]
    return DevicePatches(
        torch.from_numpy(images),
        torch.from_numpy(masks),
        torch.tensor(np.array(background, np.float32)),
    )


def train(
    patches: DevicePatches,
    n_train: int,
    members: int,
    recipe: Recipe,
    on_epoch: Callable[[int, dict[str, float]], None] = lambda member, row: None,
) -> list[TrainedNetwork]:
    """Networks of as many seeds; the first patches train, the others validate."""
    split = np.split(np.arange(len(patches.images)), [n_train])
    pack = [NetworkSpec(*split, TrainingNoise(), seed) for seed in range(members)]
    return train_networks(patches, pack, recipe, on_epoch=on_epoch)


def steps_without_data(size: int, members: int, batch: int, steps: int) -> None:
    """Steps on one batch that is always the same: the most that a loop could reach."""
    networks = FusedNetworks([new_network(seed) for seed in range(members)])
    optimizer = torch.optim.Adam([{"params": [row]} for row in networks.rows], fused=True)
    x = torch.randn(batch, members, size, size)
    y = (x > 0).float()
    for _ in range(steps):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = networks(x)
        difference = (logits[:, :, 1] - logits[:, :, 0]).float()
        loss = F.binary_cross_entropy_with_logits(difference, y, reduction="none")
        optimizer.zero_grad()
        loss.mean((0, 2, 3)).sum().backward()
        optimizer.step()
