"""K residual U-Nets of the same shape fused into one, each on its own data.

Small convolutions waste a processor, which computes 8 channels in the time of 4. So the
convolutions of K networks become one grouped convolution, with one network a group if it has
enough channels, else with several, whose weights are then block-diagonal. The zeros take little
time and have no gradients: the blocks are assembled from the stacked weights
(K, c_out, c_in, 3, 3) in each pass.

Reproducibility: each network computes the same sums as alone but in another order, so that
weights agree to rounding and drift apart over many steps. With the same K, companions and device
a network is the same bit for bit on a CPU; with K = 1 it is the plain network.

A NaN in one network spreads to the others (0 x NaN), so that a pack that diverges must be trained
again one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from hrtem_shift.networks.residual_unet import (
    ResidualUNet,
    SkipConcatConv2d,
    conv_of_upsampled,
)
from hrtem_shift.networks.weights import Weights

GROUP_CHANNELS = 8
"""Most output channels of a group of several networks (docs/evidence/training-speed.md)."""

State = dict[str, Tensor]
"""Parameters and statistics by name, each (K, ...)."""


class FusedConv2d(nn.Module):
    """Convolutions of K networks; channels are ordered by network."""

    def __init__(self, convolutions: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        first = convolutions[0]
        assert first.bias is not None
        self.weight, self.bias = nn.Parameter(first.weight), nn.Parameter(first.bias)
        self.padding = first.padding
        self.shared = _networks_a_group(len(convolutions), first.out_channels)
        self.groups = len(convolutions) // self.shared

    def forward(self, x: Tensor) -> Tensor:
        """(B, K c_in, H, W) -> (B, K c_out, H, W)."""
        return self._conv(x, self.weight)

    def _conv(self, x: Tensor, weight: Tensor) -> Tensor:
        bias, fused = self.bias.reshape(-1), self._fused(weight)
        return F.conv2d(x, fused, bias, padding=self.padding, groups=self.groups)

    def _fused(self, weight: Tensor) -> Tensor:
        """Weights (K, c_out, c_in, h, w) as those of one grouped convolution."""
        if self.shared == 1:
            return weight.flatten(0, 1)
        diagonal = torch.eye(self.shared, device=weight.device)[:, None, :, None, None, None]
        groups = weight.unflatten(0, (self.groups, self.shared))[:, :, :, None] * diagonal
        return groups.flatten(3, 4).flatten(0, 2)  # (K c_out, shared c_in, h, w)


class FusedSkipConcatConv2d(FusedConv2d):
    """`SkipConcatConv2d` of K networks; channels are ordered by network."""

    def __init__(self, convolutions: Sequence[SkipConcatConv2d]) -> None:
        super().__init__(convolutions)
        self.parts = convolutions[0].parts

    def forward(self, skip: Tensor, below: Tensor) -> Tensor:  # type: ignore[override]
        """(B, K c_skip, H, W) and (B, K c_below, H / 2, W / 2) -> (B, K c_out, H, W)."""
        weight_skip, weight_below = self.weight.split(self.parts, dim=2)
        y = self._conv(skip, weight_skip)
        return y.add_(conv_of_upsampled(below, self._fused(weight_below), self.groups))


def _networks_a_group(networks: int, channels: int) -> int:
    """Networks in a group: a divisor of their number."""
    most = max(1, GROUP_CHANNELS // channels)
    return max(n for n in range(1, most + 1) if networks % n == 0)


class FusedBatchNorm2d(nn.Module):
    """Batch norms of K networks; channels are ordered by network."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norms: Sequence[nn.BatchNorm2d]) -> None:
        super().__init__()
        first = norms[0]
        assert first.momentum is not None
        self.weight, self.bias = nn.Parameter(first.weight), nn.Parameter(first.bias)
        self.eps, self.momentum = first.eps, first.momentum
        for name, buffer in first.named_buffers():
            buffers = [norm.get_buffer(name) for norm in norms]
            self.register_buffer(name, torch.cat(buffers) if buffer.dim() else buffer.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Normalized features (B, K c, H, W)."""
        if self.training:
            self.num_batches_tracked += 1
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight.reshape(-1),
            self.bias.reshape(-1),
            self.training,
            self.momentum,
            self.eps,
        )


class FusedGroupNorm(nn.Module):
    """Group norms of K networks; channels are ordered by network."""

    def __init__(self, norms: Sequence[nn.GroupNorm]) -> None:
        super().__init__()
        first = norms[0]
        self.weight, self.bias = nn.Parameter(first.weight), nn.Parameter(first.bias)
        self.eps, self.groups = first.eps, len(norms) * first.num_groups

    def forward(self, x: Tensor) -> Tensor:
        """Normalized features (B, K c, H, W)."""
        weight, bias = self.weight.reshape(-1), self.bias.reshape(-1)
        return F.group_norm(x, self.groups, weight, bias, self.eps)


class FusedNetworks(nn.Module):
    """K networks as one; the parameters of each are one vector.

    Parameters
    ----------
    networks : sequence of Module
        Residual U-Nets, or a single network of any architecture. They are copied.
    device : str
        Where they are trained.

    Attributes
    ----------
    rows : ParameterList of K, each of shape (P,)
        Parameters for the optimizer.
    """

    def __init__(self, networks: Sequence[nn.Module], device: str | torch.device = "cpu") -> None:
        super().__init__()
        self.members = len(networks)
        self.rows = nn.ParameterList(parameters_to_vector(n.parameters()) for n in networks)
        self._shapes = {name: value.shape for name, value in networks[0].named_parameters()}
        self._network = deepcopy(networks[0]).requires_grad_(False)
        if self.members > 1:
            _fuse(self._network, networks)
        self.to(device)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K, 2, H, W) of images (B, K, H, W), one for each network."""
        x = images.contiguous(memory_format=torch.channels_last)
        stacked = self._stacked(torch.stack(list(self.rows)))
        single = self.members == 1
        parameters = {name: value[0] if single else value for name, value in stacked.items()}
        return functional_call(self._network, parameters, x).unflatten(1, (self.members, 2))

    def state(self) -> State:
        """Copy of parameters and statistics, under the names of a single network."""
        state = self._stacked(torch.stack([row.detach() for row in self.rows]))
        for name, buffer in self._network.named_buffers():
            shape = (self.members, -1)
            # A scalar counts steps, which all networks make together.
            stacked = buffer.unflatten(0, shape) if buffer.dim() else buffer.expand(shape[:1])
            state[name] = stacked.clone()
        return state

    def load(self, state: State) -> None:
        """Load parameters and statistics."""
        for name, buffer in self._network.named_buffers():
            buffer.copy_(state[name].flatten(0, 1) if buffer.dim() else state[name][0])
        with torch.no_grad():
            for member, row in enumerate(self.rows):
                row.copy_(torch.cat([state[name][member].flatten() for name in self._shapes]))

    def _stacked(self, matrix: Tensor) -> State:
        """Parameters by name, each (K, ...), of the rows (K, P)."""
        pieces = matrix.split([shape.numel() for shape in self._shapes.values()], dim=1)
        shaped = zip(self._shapes.items(), pieces, strict=True)
        return {name: piece.unflatten(1, shape) for (name, shape), piece in shaped}


def member_weights(state: State, member: int) -> Weights:
    """Weights of one of the networks."""
    return {name: value[member].cpu().contiguous().numpy().copy() for name, value in state.items()}


def _fuse(network: nn.Module, networks: Sequence[nn.Module]) -> None:
    """Replace the layers of a residual U-Net by fused layers of K networks."""
    assert isinstance(network, ResidualUNet)
    for name, layer in list(network.named_modules()):
        fused = next((fused for kind, fused in _FUSED.items() if isinstance(layer, kind)), None)
        if fused:
            parent, _, attribute = name.rpartition(".")
            layers = [member.get_submodule(name) for member in networks]
            setattr(network.get_submodule(parent), attribute, fused(layers))


_FUSED: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    SkipConcatConv2d: FusedSkipConcatConv2d,
    nn.Conv2d: FusedConv2d,
    nn.BatchNorm2d: FusedBatchNorm2d,
    nn.GroupNorm: FusedGroupNorm,
}
"""Layers and their fused form; the first match counts."""
