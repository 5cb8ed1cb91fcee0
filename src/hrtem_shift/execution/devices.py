"""Devices: CPU or GPU, the precision of their arithmetic, and their settings."""

from __future__ import annotations

import ctypes
import os
from typing import Literal

import torch

from hrtem_shift.errors import InputError


def resolve_device(name: str) -> str:
    """Name of a device in torch; ``auto`` is a GPU if there is one.

    Raises
    ------
    InputError
        The device is unknown, or not on this machine.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu" or (name.split(":")[0] == "cuda" and torch.cuda.is_available()):
        return name
    raise InputError(
        f"device '{name}' is not available",
        where="compute.device",
        why="Devices are 'cpu' and, on a machine with a GPU, 'cuda' or 'cuda:N'",
        fix="Use compute.device=auto",
    )


def device_name(device: str) -> str:
    """Product name of a GPU, or ``cpu``."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu"


Precision = Literal["auto", "float32", "bfloat16"]


def resolve_precision(precision: Precision, device: str) -> torch.dtype:
    """Arithmetic of the convolutions on a device."""
    if precision == "auto":
        hardware = (
            torch.cuda.is_bf16_supported()
            if device.startswith("cuda")
            else bool(torch.cpu.get_capabilities().get("avx512_bf16"))
        )
        return torch.bfloat16 if hardware else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def set_determinism(device: str, deterministic: bool) -> None:
    """Let a GPU use deterministic algorithms, or the fastest.

    A CPU with one thread is always deterministic. torch warns of the gradient of pooling, which
    is deterministic here because pooling windows do not overlap.
    """
    if not device.startswith("cuda"):
        return
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as cuBLAS asks for
    torch.backends.cudnn.benchmark = not deterministic
    torch.use_deterministic_algorithms(deterministic, warn_only=True)


def supports_cuda_graphs(device: torch.device) -> bool:
    """Whether the device supports CUDA graphs."""
    return device.type == "cuda"


def disable_malloc_trim() -> None:
    """Let glibc keep freed memory for the next layer's features; no effect on other systems.

    By default glibc returns large blocks at each layer of each step and Linux clears them again:
    a third of the time of a step.
    """
    try:
        set_option = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**28)):
        set_option(option, value)


# Numbers of malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
