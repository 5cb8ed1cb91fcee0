"""The training of one network, on one page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from hrtem_shift.networks.prediction import logits_of, on_device
from hrtem_shift.networks.residual_unet import new_network
from hrtem_shift.networks.weights import Weights, weights_of
from hrtem_shift.preparation.folds import Split
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.seeds import generator_at, seed_at
from hrtem_shift.training.augmentation import add_noise, augment
from hrtem_shift.training.devices import resolve_precision
from hrtem_shift.training.recipe import Recipe, TrainingNoise, learning_rate_at

Curve = list[dict[str, float]]


@dataclass(frozen=True)
class TrainedNetwork:
    """Result of one training: the weights of its best epoch and how it got there."""

    weights: Weights
    best_epoch: int
    curve: Curve
    """One row an epoch: epoch, train_loss, validation_loss, validation_dice."""


def train_network(
    patch_set: PatchSet,
    split: Split,
    recipe: Recipe,
    noise: TrainingNoise,
    *,
    seed: int,
    device: str = "cpu",
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> TrainedNetwork:
    """Train a residual U-Net and keep the weights of its lowest validation loss.

    Adam on the cross-entropy; patches in a new order each epoch; the result depends on the
    arguments alone (on a CPU, bit for bit, with one thread).

    Parameters
    ----------
    patch_set : PatchSet
        Images (N, p, p), masks (N, p, p) and background (N,).
    split : Split
        Which patches train and which validate; the test patches are never looked at.
    noise : TrainingNoise
        Added to training and validation patches.
    seed : int
        Decides initial weights, order and augmentation.
    on_epoch : callable, optional
        Receives each row of the curve as it is made.
    """
    precision = resolve_precision(recipe, device)
    network = on_device(new_network(seed_at(seed, "weights")), device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    steps_per_epoch = -(-len(split.train) // recipe.batch_size)
    steps = recipe.epochs * steps_per_epoch
    validation = _validation_batch(patch_set, split.validation, noise, seed, device)
    curve: Curve = []
    best: tuple[float, int, Weights] | None = None
    for epoch in range(recipe.epochs):
        order = generator_at(seed, "order", epoch).permutation(split.train)
        network.train()
        losses = []
        for step, patches in enumerate(np.array_split(order, steps_per_epoch)):
            x, y = augment(
                patch_set.images,
                patch_set.masks,
                patch_set.background,
                patches=patches,
                epoch=epoch,
                seed=seed,
                noise=noise,
                rotation_probability=recipe.rotation_probability,
            )  # (B, 1, p, p), (B, p, p)
            rate = learning_rate_at(recipe, epoch * steps_per_epoch + step, steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(logits_of(network, x.to(device), precision), y.to(device))
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        validation_loss, validation_dice = _validate(network, *validation, precision)
        row = {
            "epoch": epoch,
            "train_loss": torch.stack(losses).mean().item(),
            "validation_loss": validation_loss,
            "validation_dice": validation_dice,
        }
        curve.append(row)
        if best is None or validation_loss < best[0]:
            best = validation_loss, epoch, weights_of(network)
        if on_epoch:
            on_epoch(row)
    assert best is not None
    return TrainedNetwork(weights=best[2], best_epoch=best[1], curve=curve)


def _validation_batch(
    patch_set: PatchSet, patches: np.ndarray, noise: TrainingNoise, seed: int, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Validation images with the training's noise, the same in every epoch."""
    images = np.stack(
        [
            add_noise(
                patch_set.images[patch].astype(np.float32),
                noise,
                generator_at(seed, "validation", int(patch)),
            )
            for patch in patches
        ]
    )
    masks = torch.from_numpy(patch_set.masks[patches].astype(np.int64))
    return torch.from_numpy(images)[:, None].to(device), masks.to(device)


def _validate(
    network: torch.nn.Module, images: torch.Tensor, masks: torch.Tensor, precision: torch.dtype
) -> tuple[float, float]:
    """Mean cross-entropy, and pooled hard Dice, of the validation patches."""
    network.eval()
    total, true_positive, positive = 0.0, 0, 0
    with torch.inference_mode():
        for x, y in zip(images.split(32), masks.split(32), strict=True):
            logits = logits_of(network, x, precision)
            total += F.cross_entropy(logits, y, reduction="sum").item()
            predicted = logits[:, 1] > logits[:, 0]
            true_positive += int((predicted & (y == 1)).sum())
            positive += int(predicted.sum()) + int((y == 1).sum())
    dice = 2 * true_positive / positive if positive else 1.0
    return total / masks.numel(), dice
