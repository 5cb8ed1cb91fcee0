"""The training of a `ParticleUNet` on scenes that are made while it trains.

There is no fixed set to overfit and no epoch to choose: the weights are the average over the last
steps. Whatever is random has an address, so a training that was
stopped goes on from its checkpoint, on one thread of a CPU bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hrtem_shift.execution.devices import resolve_precision
from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.cores import core_mask, touching
from hrtem_shift.networks.prediction import on_device
from hrtem_shift.networks.weights import Weights, network_from, weights_of, with_architecture
from hrtem_shift.preparation.rescaling import standardize
from hrtem_shift.seeds import generator_at, seed_at
from hrtem_shift.training.checkpoints import Checkpoints
from hrtem_shift.training.particle_augmentations import Sample, as_part_of_a_larger_image
from hrtem_shift.training.particle_recipe import ParticleRecipe

ARCHITECTURE = "particle_unet"


Source = Callable[[int], Sample]
"""Gives the sample of a number, always the same for the same number."""


@dataclass(frozen=True)
class TrainedParticleNetwork:
    """Averaged weights, and how they came about."""

    weights: Weights
    curve: list[dict[str, float]]
    """A row each `steps_per_row`: its number (epoch), step, train_loss, and validation's loss and
    Dice."""


def train_particle_network(
    source: Source,
    validation: Sequence[Sample],
    recipe: ParticleRecipe,
    *,
    seed: int,
    start: Weights | None = None,
    device: str = "cpu",
    checkpoints: Checkpoints | None = None,
    on_row: Callable[[dict[str, float]], None] | None = None,
) -> TrainedParticleNetwork:
    """Train one network.

    Parameters
    ----------
    source : callable
        Sample number 0 to steps x batch size - 1, each of `patch_px` squared.
    validation : sequence of Sample
        Scenes that `source` does not give; they choose nothing.
    recipe : ParticleRecipe
    seed : int
        Of the initial weights, and of the levels of samples.
    start : dict, optional
        Weights to begin with, of a `ParticleUNet`.
    device : str
        To train on.
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save.
    on_row : callable, optional
        Receives each row of the curve as it is made.

    Returns
    -------
    TrainedParticleNetwork

    Raises
    ------
    FloatingPointError
        The loss is NaN or infinite; a lower learning rate helps.
    InputError
        The disk is full.
    """
    network = new_network(seed_at(seed, "weights"), ARCHITECTURE)
    training = Training(recipe, network_from(start) if start else network, device)
    training.restore(checkpoints)
    precision = resolve_precision(recipe.precision, torch.device(device).type)
    standardized = [sample_of_levels(sample) for sample in validation]
    held_out = [batch_of(standardized[k : k + 16], device) for k in range(0, len(validation), 16)]
    losses = torch.zeros((), device=device)
    while training.step < recipe.steps:
        first = training.step * recipe.batch_size
        numbers = range(first, first + recipe.batch_size)
        samples = [
            sample_of_levels(source(number), generator_at(seed, "levels", number))
            for number in numbers
        ]
        losses += training.learn(batch_of(samples, device), precision)
        due = training.step % recipe.steps_per_row == 0
        if due or training.step == recipe.steps:
            since = (training.step - 1) % recipe.steps_per_row + 1
            row = {"epoch": float(len(training.curve)), "step": float(training.step)}
            row["train_loss"] = float(losses) / since
            losses.zero_()
            if not math.isfinite(row["train_loss"]):
                raise FloatingPointError(f"the loss is {row['train_loss']} at step {training.step}")
            row |= _validated(training.averaged, held_out, recipe, precision)
            training.curve.append(row)
            if checkpoints:
                training.save(checkpoints)
            if on_row:
                on_row(row)
    return TrainedParticleNetwork(training.weights, training.curve)


@dataclass(frozen=True, eq=False)
class Batch:
    """Images (B, 1, H, W); particles and cores (B, 2, H, W), 0 or 1; where particles touch
    (B, H, W), 0 or 1. All float32."""

    images: Tensor
    targets: Tensor
    touching: Tensor


def batch_of(samples: Sequence[Sample], device: str) -> Batch:
    """Samples of one size, with the pixels that the network sees."""
    images = np.stack([sample.pixels for sample in samples])[:, None]
    targets = [np.stack([each.labels > 0, core_mask(each.labels)]) for each in samples]
    near = [touching(sample.labels) for sample in samples]
    return Batch(
        torch.from_numpy(images).to(device).contiguous(memory_format=torch.channels_last),
        torch.from_numpy(np.stack(targets).astype(np.float32)).to(device),
        torch.from_numpy(np.stack(near).astype(np.float32)).to(device),
    )


def sample_of_levels(sample: Sample, levels: np.random.Generator | None = None) -> Sample:
    """Standardized; with other levels where there is a generator to draw them."""
    pixels = standardize(sample.pixels)
    if levels is not None:
        pixels = as_part_of_a_larger_image(pixels, levels)
    return Sample(pixels, sample.labels)


class Training:
    """Network, optimizer and averaged weights after some steps.

    Parameters
    ----------
    recipe : ParticleRecipe
    network : Module
        To train; it is changed.
    device : str
        To train on.
    fixed_norms : bool
        Whether batch norms keep their means and variances, and use them in training, too.
    """

    def __init__(
        self, recipe: ParticleRecipe, network: nn.Module, device: str, *, fixed_norms: bool = False
    ) -> None:
        self.recipe, self.step, self.curve = recipe, 0, list[dict[str, float]]()
        self.network = on_device(network, device)
        self.averaged = deepcopy(self.network).eval()
        self.fixed_norms = fixed_norms
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), weight_decay=recipe.weight_decay, fused=True
        )

    @property
    def weights(self) -> Weights:
        """The averaged weights."""
        return with_architecture(weights_of(self.averaged), ARCHITECTURE, "batch")

    def learn(self, batch: Batch, precision: torch.dtype) -> Tensor:
        """One step; its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.recipe, self.step)
        self.network.train()
        if self.fixed_norms:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        loss, _ = _loss(self.network, batch, self.recipe, precision)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.largest_gradient)
        self.optimizer.step()
        self.step += 1
        # Early on the average is over a tenth of all steps so far.
        share = 1 / min(self.recipe.averaged_steps, 1 + self.step / 10)
        with torch.no_grad():
            state = self.network.state_dict()
            for name, value in self.averaged.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(state[name], share)
                else:
                    value.copy_(state[name])
        return loss.detach()

    def save(self, checkpoints: Checkpoints) -> None:
        """Write a checkpoint."""
        tensors = {f"now.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"mean.{name}": value for name, value in self.averaged.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            for moment, value in self.optimizer.state[parameter].items():
                tensors[f"adam.{moment}.{name}"] = value
        checkpoints.save(self.step, tensors, {"curve": self.curve})

    def restore(self, checkpoints: Checkpoints | None) -> None:
        """Go on from the newest checkpoint, where there is one."""
        latest = checkpoints.latest() if checkpoints else None
        if not latest:
            return
        self.step, tensors, about = latest
        self.curve = about["curve"]

        def part(prefix: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(prefix): value
                for name, value in tensors.items()
                if name.startswith(prefix)
            }

        self.network.load_state_dict(part("now."))
        self.averaged.load_state_dict(part("mean."))
        moments = {moment: part(f"adam.{moment}.") for moment in ("step", "exp_avg", "exp_avg_sq")}
        for name, parameter in self.network.named_parameters():
            # In the parameter's own memory format, which the fused optimizer relies on.
            self.optimizer.state[parameter] = {
                moment: values[name]
                if moment == "step"
                else torch.empty_like(parameter).copy_(values[name])
                for moment, values in moments.items()
            }


def learning_rate_at(recipe: ParticleRecipe, step: int) -> float:
    """Learning rate of step 0 <= `step` < steps: a linear rise, then a cosine to zero."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    rest = max(recipe.steps - recipe.warmup_steps, 1)
    return recipe.learning_rate * (1 + math.cos(math.pi * (step - recipe.warmup_steps) / rest)) / 2


def _loss(
    network: nn.Module, batch: Batch, recipe: ParticleRecipe, precision: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Loss, and logits of particles (B, H, W).

    Of particles and of cores: cross-entropy, and one minus the soft Dice of each image (V-Net,
    arXiv 1606.04797), damped by 20 px so that images of few particle pixels do not dominate.
    """
    enabled = precision != torch.float32
    with torch.autocast(batch.images.device.type, dtype=torch.bfloat16, enabled=enabled):
        logits = network(batch.images)
    logits = logits.float()
    probability = torch.sigmoid(logits)
    both = (probability * batch.targets).sum((2, 3))  # (B, 2)
    dice = (2 * both + 20) / (probability.sum((2, 3)) + batch.targets.sum((2, 3)) + 20)
    entropy = F.binary_cross_entropy_with_logits(logits, batch.targets, reduction="none")
    weight = 1 + recipe.touching_weight * batch.touching[:, None]
    losses = (entropy * weight).mean((0, 2, 3)) + recipe.dice_weight * (1 - dice.mean(0))
    return losses[0] + recipe.core_weight * losses[1], logits[:, 0]


def _validated(
    network: nn.Module, batches: Sequence[Batch], recipe: ParticleRecipe, precision: torch.dtype
) -> dict[str, float]:
    """Mean loss, and mean hard Dice of the images that show particles."""
    losses, dices = [], list[Tensor]()
    with torch.inference_mode():
        for batch in batches:
            loss, logits = _loss(network, batch, recipe, precision)
            losses += [float(loss)] * len(logits)
            mask, truth = logits > 0, batch.targets[:, 0] > 0
            total = mask.sum((1, 2)) + truth.sum((1, 2))
            dice = 2 * (mask & truth).sum((1, 2)) / total.clamp(min=1)
            dices.append(dice[truth.any(2).any(1)])
    dice = torch.cat(dices) if dices else torch.empty(0)
    return {
        "validation_loss": float(np.mean(losses)) if losses else math.nan,
        "validation_dice": float(dice.mean()) if len(dice) else math.nan,
    }
