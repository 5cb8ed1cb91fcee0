"""Weight files: safetensors, which hold numbers and nothing that could run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import Tensor

from hrtem_shift.errors import InputError
from hrtem_shift.fingerprints import fingerprint_arrays
from hrtem_shift.networks.residual_unet import ResidualUNet

Weights = dict[str, np.ndarray]


def weights_of(network: torch.nn.Module) -> Weights:
    """Copy of a network's state as float32/int64 arrays by parameter name."""
    state: dict[str, Tensor] = network.state_dict()
    return {name: value.cpu().contiguous().numpy().copy() for name, value in state.items()}


def network_from(weights: Weights) -> ResidualUNet:
    """Network in evaluation mode that holds `weights`.

    Raises
    ------
    InputError
        Names or shapes are not those of the residual U-Net, or a value is not finite.
    """
    network = ResidualUNet()
    state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    broken = [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise _unusable(str(error).splitlines()[-1].strip()) from error
    if broken:
        raise _unusable(f"values that are not finite in {', '.join(broken[:3])}")
    return network.eval()


def weights_bytes(weights: Weights) -> bytes:
    """Safetensors file as bytes; equal weights give equal bytes."""
    return save({name: weights[name] for name in sorted(weights)})


def read_weights(path: Path) -> Weights:
    """Weights of a safetensors file.

    Raises
    ------
    InputError
        The file is damaged or no safetensors file.
    """
    try:
        return load(Path(path).read_bytes())
    except SafetensorError as error:
        raise InputError(
            f"not a readable weight file ({error})",
            where=str(path),
            why="A network is read from a whole safetensors file",
            fix="Delete the folder of this network and run again: it is trained anew",
        ) from error


def weights_fingerprint(weights: Weights) -> str:
    """Hash of all weights, in the order of their names."""
    return fingerprint_arrays(*(weights[name] for name in sorted(weights)))


def _unusable(what: str) -> InputError:
    return InputError(
        what,
        where="network weights",
        why="They do not fit the residual U-Net of 130,682 parameters",
        fix="Use a weight file written by this project",
    )
