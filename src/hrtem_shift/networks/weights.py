"""Weight files: safetensors, which hold arrays and no code.

The architecture, if it is not the published one, is stored as an array of bytes of its name.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import Tensor, nn

from hrtem_shift.errors import InputError
from hrtem_shift.fingerprints import fingerprint_arrays
from hrtem_shift.networks.architectures import PUBLISHED, build, check_architecture
from hrtem_shift.networks.norms import Norm

Weights = dict[str, np.ndarray]
ARCHITECTURE = "architecture"
"""Key of the array that names the architecture; without it, it is the published one."""


def weights_of(network: torch.nn.Module) -> Weights:
    """Copy of a network's state as float32/int64 arrays by parameter name."""
    state: dict[str, Tensor] = network.state_dict()
    return {name: value.cpu().contiguous().numpy().copy() for name, value in state.items()}


def with_architecture(weights: Weights, architecture: str, norm: Norm) -> Weights:
    """Weights with the name of their architecture."""
    if (architecture, norm) == (PUBLISHED, "batch"):
        return weights
    name = f"{architecture} {norm}".encode()
    return {**weights, ARCHITECTURE: np.frombuffer(name, np.uint8)}


def half_precision(weights: Weights) -> Weights:
    """Weights of convolutions as float16, to 0.05 %; statistics of norms stay as they are."""
    return {
        name: value.astype(np.float16) if value.ndim == 4 else value
        for name, value in weights.items()
    }


def network_from(weights: Weights) -> nn.Module:
    """Network in evaluation mode that holds `weights`.

    Raises
    ------
    InputError
        Names or shapes do not fit the architecture, a value is not finite, or the architecture's
        library is missing.
    """
    network = _untrained(weights.get(ARCHITECTURE))
    state = {
        name: torch.from_numpy(np.array(value))
        for name, value in weights.items()
        if name != ARCHITECTURE
    }
    broken = [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise _unusable(str(error).splitlines()[-1].strip()) from error
    if broken:
        raise _unusable(f"values that are not finite in {', '.join(broken[:3])}")
    return network.eval()


def _untrained(name: np.ndarray | None) -> nn.Module:
    if name is None:
        return build()
    architecture, _, norm = name.tobytes().decode(errors="replace").partition(" ")
    try:
        check_architecture(architecture, norm)
    except ValueError as error:
        raise _unusable(str(error)) from error
    return build(architecture, norm)


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
            why="Networks are stored as safetensors",
            fix="Delete the folder of this network and run again to train it anew",
        ) from error


def weights_fingerprint(weights: Weights) -> str:
    """Hash of all weights, in the order of their names."""
    return fingerprint_arrays(*(weights[name] for name in sorted(weights)))


def _unusable(what: str) -> InputError:
    return InputError(
        what,
        where="network weights",
        why="They do not fit their architecture",
        fix="Use a weight file written by this project",
    )
