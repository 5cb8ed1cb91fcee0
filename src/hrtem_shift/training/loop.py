"""The training loop, for a pack of networks.

A pack is K networks (folds, seeds, noises, learning rates) that are trained together on one patch
set, fused into one. Random numbers are computed from their address (`counter_rng`), so that a
resumed training has the same result as one that was not stopped. How a network depends on its
companions: see `hrtem_shift.networks.fused`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from hrtem_shift.execution.devices import resolve_precision, supports_cuda_graphs
from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.fused import FusedNetworks, State, member_weights
from hrtem_shift.networks.weights import Weights, with_architecture
from hrtem_shift.seeds import generator_at, seed_at
from hrtem_shift.training.augmentation import add_noise_only, augment
from hrtem_shift.training.checkpoints import Checkpoints
from hrtem_shift.training.counter_rng import Samples, interleave, samples_of, stream_of
from hrtem_shift.training.cuda_graphs import capture_training_step
from hrtem_shift.training.device_patches import DevicePatches
from hrtem_shift.training.recipe import (
    Recipe,
    TrainingNoise,
    learning_rate_at,
    steps_per_epoch,
)

Curve = list[dict[str, float]]
VALIDATION_BATCH = 32


@dataclass(frozen=True, eq=False)
class NetworkSpec:
    """One network of a pack: its patches and settings.

    Parameters
    ----------
    train, validation : ndarray of int64
        Indices of patches.
    noise : TrainingNoise
        Added to training and validation patches.
    seed : int
        Of initial weights, order of patches and augmentation.
    learning_rate_factor : float
        Multiplies the recipe's learning rate.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    noise: TrainingNoise
    seed: int
    learning_rate_factor: float = 1.0


@dataclass(frozen=True)
class TrainedNetwork:
    """Result of a training: the weights of the best epoch, and the learning curve."""

    weights: Weights
    best_epoch: int
    curve: Curve
    """One row an epoch: epoch, train_loss, validation_loss, validation_dice."""


class Diverged(Exception):
    """Raised when a loss is NaN or infinite; one diverging network can spoil its whole pack."""


def train_networks(
    patches: DevicePatches,
    specs: Sequence[NetworkSpec],
    recipe: Recipe,
    *,
    steps: int | None = None,
    on_epoch: Callable[[int, dict[str, float]], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> list[TrainedNetwork]:
    """Train a pack of networks and keep the weights of each at its lowest validation loss.

    Adam on the cross-entropy; each pass over the patches has a new order. On a CPU with one
    thread the result depends on the arguments alone, bit for bit, even if it was resumed.

    Parameters
    ----------
    patches : DevicePatches
        On the device to train on.
    specs : sequence of NetworkSpec
        At least one; several if the architecture can be fused.
    steps : int, optional
        Steps of an epoch; by default those of the largest training set.
    on_epoch : callable, optional
        Receives the index of a network and each new row of its curve.
    checkpoints : Checkpoints, optional
        To resume from and to save to.

    Raises
    ------
    Diverged
        A loss is not finite. It spreads within a pack: train the networks one by one.
    InputError
        The disk is full, or the architecture's library is missing.
    """
    device = patches.device
    precision = resolve_precision(recipe.precision, device.type)
    steps = steps or max(steps_per_epoch(recipe, len(spec.train)) for spec in specs)
    untrained = [
        new_network(seed_at(spec.seed, "weights"), recipe.architecture, recipe.norm)
        for spec in specs
    ]
    networks = FusedNetworks(untrained, device)
    optimizer = torch.optim.Adam([{"params": [row]} for row in networks.rows], fused=True)
    validation = _padded_validation(specs)
    if supports_cuda_graphs(device):
        capture_training_step(networks, recipe.batch_size, patches.images.shape[-1], precision)
    progress = _Progress(networks, optimizer, checkpoints)
    for epoch in range(progress.epochs, recipe.epochs):
        networks.train()
        train_loss = torch.zeros(len(specs), device=device)
        for step in range(epoch * steps, (epoch + 1) * steps):
            samples = interleave([_next_batch(spec, step, recipe.batch_size) for spec in specs])
            images, masks = augment(
                patches,
                samples,
                rotation_probability=recipe.rotation_probability,
                label_rotation=recipe.label_rotation,
            )  # (B K, p, p)
            for spec, group in zip(specs, optimizer.param_groups, strict=True):
                rate = learning_rate_at(recipe, step, recipe.epochs * steps)
                group["lr"] = spec.learning_rate_factor * rate
            losses, _ = _losses(networks, images, masks, precision)  # (B, K)
            optimizer.zero_grad()
            losses.mean(0).sum().backward()
            optimizer.step()
            train_loss += losses.detach().mean(0)
        measures = [train_loss / steps, *_validate(networks, patches, validation, precision)]
        rows = torch.stack(measures, dim=1).tolist()  # (K, 3); the only synchronization
        if not all(math.isfinite(value) for row in rows for value in row):
            raise Diverged(f"The loss is not finite in epoch {epoch}; use a lower learning rate")
        progress.add(epoch, rows)
        if checkpoints and checkpoints.due(epoch + 1, recipe.epochs):
            progress.save(checkpoints)
        if on_epoch:
            for index, curve in enumerate(progress.curves):
                on_epoch(index, curve[-1])
    return progress.results(recipe)


def _next_batch(spec: NetworkSpec, step: int, batch_size: int) -> Samples:
    """Samples of a step; passes over the patches follow each other without a gap."""
    positions = np.arange(step * batch_size, (step + 1) * batch_size)
    passes, position = np.divmod(positions, len(spec.train))
    patches = np.empty(batch_size, np.int64)
    for number in np.unique(passes):
        order = generator_at(spec.seed, "order", int(number)).permutation(spec.train)
        patches[passes == number] = order[position[passes == number]]
    stream = stream_of(spec.seed, "augment")
    return samples_of(patches, passes, stream=stream, noise=spec.noise)


def _losses(
    networks: FusedNetworks, images: Tensor, masks: Tensor, precision: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cross-entropy (B, K) of each sample, and predicted masks (B, K, p, p).

    The cross-entropy of two classes is a function of the difference of their logits.
    """
    shape = (-1, networks.members, *images.shape[1:])
    enabled = precision != torch.float32
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=enabled):
        logits = networks(images.view(shape))
    difference = (logits[:, :, 1] - logits[:, :, 0]).float()  # (B, K, p, p)
    target = masks.view(shape).float()
    losses = F.binary_cross_entropy_with_logits(difference, target, reduction="none")
    return losses.mean(dim=(2, 3)), difference > 0


def _padded_validation(specs: Sequence[NetworkSpec]) -> tuple[Samples, NDArray[np.bool_]]:
    """Validation samples (V K) of all networks, and which count (V, K): smaller sets are padded.

    They have the noise of the training, the same in every epoch.
    """
    largest = max(len(spec.validation) for spec in specs)
    samples = [
        samples_of(
            np.resize(spec.validation, largest),
            0,
            stream=stream_of(spec.seed, "validation"),
            noise=spec.noise,
        )
        for spec in specs
    ]
    counts = np.arange(largest)[:, None] < [len(spec.validation) for spec in specs]
    return interleave(samples), counts


def _validate(
    networks: FusedNetworks,
    patches: DevicePatches,
    validation: tuple[Samples, NDArray[np.bool_]],
    precision: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy (K,) and pooled hard Dice (K,) of the validation patches."""
    networks.eval()
    samples, counted = validation
    counts = torch.from_numpy(counted).to(patches.device)
    loss, overlap, total = (torch.zeros_like(counts[0], dtype=torch.float64) for _ in range(3))
    with torch.inference_mode():
        for start in range(0, len(counts), VALIDATION_BATCH):
            part = slice(start, start + VALIDATION_BATCH)
            whole = slice(start * networks.members, (start + VALIDATION_BATCH) * networks.members)
            images, masks = add_noise_only(patches, samples[whole])
            losses, predicted = _losses(networks, images, masks, precision)
            particle = masks.view_as(predicted) == 1
            loss += (losses * counts[part]).sum(0)
            overlap += ((predicted & particle).sum((2, 3)) * counts[part]).sum(0)
            total += ((predicted.sum((2, 3)) + particle.sum((2, 3))) * counts[part]).sum(0)
    dice = torch.where(total > 0, 2 * overlap / total.clamp(min=1), 1.0)
    return (loss / counts.sum(0)).float(), dice.float()


class _Progress:
    """State of a training: curves, and the best state of each network so far."""

    def __init__(
        self,
        networks: FusedNetworks,
        optimizer: torch.optim.Adam,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.networks, self.optimizer = networks, optimizer
        self.epochs = 0
        self.curves: list[Curve] = [[] for _ in networks.rows]
        self.best: State = networks.state()
        latest = checkpoints.latest() if checkpoints else None
        if latest:
            self._restore(*latest)

    def add(self, epoch: int, rows: list[list[float]]) -> None:
        """Add a row to each curve, and keep the state of networks that are better than before."""
        names = ("train_loss", "validation_loss", "validation_dice")
        better = []
        for curve, row in zip(self.curves, rows, strict=True):
            curve.append({"epoch": epoch, **dict(zip(names, row, strict=True))})
            better.append(_best_epoch(curve) == epoch)
        for name, value in self.networks.state().items():
            for index in np.flatnonzero(better):
                self.best[name][index] = value[index]
        self.epochs = epoch + 1

    def save(self, checkpoints: Checkpoints) -> None:
        """Write a checkpoint."""
        moments = [self.optimizer.state[row] for row in self.networks.rows]
        tensors = {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {f"now.{name}": value for name, value in self.networks.state().items()}
        tensors |= {
            f"adam.{index}.{name}": value
            for index, moment in enumerate(moments)
            for name, value in moment.items()
        }
        checkpoints.save(self.epochs, tensors, {"curves": self.curves})

    def _restore(self, epochs: int, tensors: dict[str, Tensor], about: dict[str, list]) -> None:
        device = self.networks.rows[0].device

        def part(name: str) -> dict[str, Tensor]:
            return {
                key.removeprefix(name): value.to(device)
                for key, value in tensors.items()
                if key.startswith(name)
            }

        self.epochs, self.curves = epochs, about["curves"]
        self.best = part("best.")
        self.networks.load(part("now."))
        for index, row in enumerate(self.networks.rows):
            self.optimizer.state[row] = part(f"adam.{index}.")

    def results(self, recipe: Recipe) -> list[TrainedNetwork]:
        """Best weights of each network."""
        kind = recipe.architecture, recipe.norm
        return [
            TrainedNetwork(
                with_architecture(member_weights(self.best, k), *kind), _best_epoch(curve), curve
            )
            for k, curve in enumerate(self.curves)
        ]


def _best_epoch(curve: Curve) -> int:
    """The first epoch with the lowest validation loss."""
    return int(np.argmin([row["validation_loss"] for row in curve]))
