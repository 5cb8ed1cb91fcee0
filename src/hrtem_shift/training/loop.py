"""The training of a pack of networks, on one page.

A pack is K networks (folds, seeds, noises, learning rates) that are trained in step on one
patch set: one fused network computes them all. Whatever is random is computed from its address
(`draws`), so a training that was stopped goes on from its checkpoint as if it had not been.
What K does to a network's bits: see `hrtem_shift.networks.fused`.
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
from hrtem_shift.preparation.folds import Split
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.seeds import generator_at, seed_at
from hrtem_shift.training.augmentation import add_noise_only, augment
from hrtem_shift.training.checkpoints import Checkpoints
from hrtem_shift.training.counter_rng import Samples, interleave, samples_of, stream_of
from hrtem_shift.training.cuda_graphs import capture_training_step
from hrtem_shift.training.device_patches import DevicePatches, to_device
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
    """One network of a pack: what it learns from, and its own choices.

    Parameters
    ----------
    train, validation : ndarray of int64
        Indices of patches.
    noise : TrainingNoise
        Added to training and validation patches.
    seed : int
        Decides initial weights, order and augmentation.
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
    """Result of one training: the weights of its best epoch and how it got there."""

    weights: Weights
    best_epoch: int
    curve: Curve
    """One row an epoch: epoch, train_loss, validation_loss, validation_dice."""


class Diverged(Exception):
    """A loss is no number any more; of a pack, every member's may be."""


def train_networks(
    resident: DevicePatches,
    members: Sequence[NetworkSpec],
    recipe: Recipe,
    *,
    steps: int | None = None,
    on_epoch: Callable[[int, dict[str, float]], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> list[TrainedNetwork]:
    """Train a pack of networks and keep of each the weights of its lowest validation loss.

    Adam on the cross-entropy. Patches come in an endless row of passes, each in a new order;
    a step takes the next batch of it. On a CPU with one thread the result depends on the
    arguments alone, bit for bit, whether or not it was stopped in between.

    Parameters
    ----------
    resident : DevicePatches
        On the device to train on.
    members : sequence of NetworkSpec
        At least one; several if the architecture can be fused.
    steps : int, optional
        Steps of an epoch; as many as the longest training set asks for by default.
    on_epoch : callable, optional
        Receives the place of a member and each row of its curve as it is made.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save.

    Raises
    ------
    Diverged
        A loss is not finite. Members of a pack may have drawn others with them: train them
        one by one to know which.
    InputError
        The disk is full, or the architecture's library is missing.
    """
    device = resident.device
    precision = resolve_precision(recipe.precision, device.type)
    steps = steps or max(steps_per_epoch(recipe, len(one.train)) for one in members)
    fresh = [
        new_network(seed_at(one.seed, "weights"), recipe.architecture, recipe.norm)
        for one in members
    ]
    networks = FusedNetworks(fresh, device)
    optimizer = torch.optim.Adam([{"params": [row]} for row in networks.rows], fused=True)
    validation = _padded_validation(members)
    if supports_cuda_graphs(device):
        capture_training_step(networks, recipe.batch_size, resident.images.shape[-1], precision)
    progress = _Progress(networks, optimizer, checkpoints)
    for epoch in range(progress.epochs, recipe.epochs):
        networks.train()
        train_loss = torch.zeros(len(members), device=device)
        for step in range(epoch * steps, (epoch + 1) * steps):
            samples = interleave([_next_batch(one, step, recipe.batch_size) for one in members])
            images, masks = augment(
                resident,
                samples,
                rotation_probability=recipe.rotation_probability,
                label_rotation=recipe.label_rotation,
            )  # (B K, p, p)
            for one, group in zip(members, optimizer.param_groups, strict=True):
                rate = learning_rate_at(recipe, step, recipe.epochs * steps)
                group["lr"] = one.learning_rate_factor * rate
            losses, _ = _losses(networks, images, masks, precision)  # (B, K)
            optimizer.zero_grad()
            losses.mean(0).sum().backward()
            optimizer.step()
            train_loss += losses.detach().mean(0)
        measures = [train_loss / steps, *_validate(networks, resident, validation, precision)]
        rows = torch.stack(measures, dim=1).tolist()  # (K, 3), and the only wait for the device
        if not all(math.isfinite(value) for row in rows for value in row):
            raise Diverged(f"In epoch {epoch} the loss is no number; use a lower learning rate")
        progress.note(epoch, rows)
        if checkpoints and checkpoints.due(epoch + 1, recipe.epochs):
            progress.save(checkpoints)
        if on_epoch:
            for place, curve in enumerate(progress.curves):
                on_epoch(place, curve[-1])
    return progress.results(recipe)


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
    """Train one network on a patch set: `train_networks` with a single member."""
    member = NetworkSpec(split.train, split.validation, noise, seed)
    show = (lambda place, row: on_epoch(row)) if on_epoch else None
    (trained,) = train_networks(to_device(patch_set, device), [member], recipe, on_epoch=show)
    return trained


def _next_batch(member: NetworkSpec, step: int, batch_size: int) -> Samples:
    """Samples of a step: the next ones of the endless row of passes."""
    places = np.arange(step * batch_size, (step + 1) * batch_size)
    passes, place = np.divmod(places, len(member.train))
    patches = np.empty(batch_size, np.int64)
    for one in np.unique(passes):
        order = generator_at(member.seed, "order", int(one)).permutation(member.train)
        patches[passes == one] = order[place[passes == one]]
    stream = stream_of(member.seed, "augment")
    return samples_of(patches, passes, stream=stream, noise=member.noise)


def _losses(
    networks: FusedNetworks, images: Tensor, masks: Tensor, precision: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Cross-entropy (B, K) of each sample, and whether each pixel is called particle.

    The cross-entropy of two classes is that of the difference of their logits.
    """
    shape = (-1, networks.members, *images.shape[1:])
    enabled = precision != torch.float32
    with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=enabled):
        logits = networks(images.view(shape))
    difference = (logits[:, :, 1] - logits[:, :, 0]).float()  # (B, K, p, p)
    target = masks.view(shape).float()
    losses = F.binary_cross_entropy_with_logits(difference, target, reduction="none")
    return losses.mean(dim=(2, 3)), difference > 0


def _padded_validation(members: Sequence[NetworkSpec]) -> tuple[Samples, NDArray[np.bool_]]:
    """Validation samples of all members (V K), and which count: shorter sets are filled up.

    They have the training's noise, the same in every epoch.
    """
    longest = max(len(one.validation) for one in members)
    samples = [
        samples_of(
            np.resize(one.validation, longest),
            0,
            stream=stream_of(one.seed, "validation"),
            noise=one.noise,
        )
        for one in members
    ]
    counts = np.arange(longest)[:, None] < [len(one.validation) for one in members]
    return interleave(samples), counts


def _validate(
    networks: FusedNetworks,
    resident: DevicePatches,
    validation: tuple[Samples, NDArray[np.bool_]],
    precision: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy (K,), and pooled hard Dice (K,), of the validation patches."""
    networks.eval()
    samples, counted = validation
    counts = torch.from_numpy(counted).to(resident.device)
    loss, both, either = (torch.zeros_like(counts[0], dtype=torch.float64) for _ in range(3))
    with torch.inference_mode():
        for start in range(0, len(counts), VALIDATION_BATCH):
            part = slice(start, start + VALIDATION_BATCH)
            whole = slice(start * networks.members, (start + VALIDATION_BATCH) * networks.members)
            images, masks = add_noise_only(resident, samples[whole])
            losses, found = _losses(networks, images, masks, precision)
            particle = masks.view_as(found) == 1
            loss += (losses * counts[part]).sum(0)
            both += ((found & particle).sum((2, 3)) * counts[part]).sum(0)
            either += ((found.sum((2, 3)) + particle.sum((2, 3))) * counts[part]).sum(0)
    dice = torch.where(either > 0, 2 * both / either.clamp(min=1), 1.0)
    return (loss / counts.sum(0)).float(), dice.float()


class _Progress:
    """How far a training has come: curves, and the best state of each member so far."""

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

    def note(self, epoch: int, rows: list[list[float]]) -> None:
        """Add a row to each curve; take the state of those that are better than before."""
        names = ("train_loss", "validation_loss", "validation_dice")
        better = []
        for curve, row in zip(self.curves, rows, strict=True):
            curve.append({"epoch": epoch, **dict(zip(names, row, strict=True))})
            better.append(_best_epoch(curve) == epoch)
        for name, value in self.networks.state().items():
            for place in np.flatnonzero(better):
                self.best[name][place] = value[place]
        self.epochs = epoch + 1

    def save(self, checkpoints: Checkpoints) -> None:
        """Write a checkpoint."""
        moments = [self.optimizer.state[row] for row in self.networks.rows]
        tensors = {f"best.{name}": value for name, value in self.best.items()}
        tensors |= {f"now.{name}": value for name, value in self.networks.state().items()}
        tensors |= {
            f"adam.{place}.{name}": value
            for place, moment in enumerate(moments)
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
        for place, row in enumerate(self.networks.rows):
            self.optimizer.state[row] = part(f"adam.{place}.")

    def results(self, recipe: Recipe) -> list[TrainedNetwork]:
        """Each member's best weights."""
        kind = recipe.architecture, recipe.norm
        return [
            TrainedNetwork(
                with_architecture(member_weights(self.best, k), *kind), _best_epoch(curve), curve
            )
            for k, curve in enumerate(self.curves)
        ]


def _best_epoch(curve: Curve) -> int:
    """The first of the lowest validation loss."""
    return int(np.argmin([row["validation_loss"] for row in curve]))
