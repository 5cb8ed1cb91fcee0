"""Devices: CPU or GPU, the precision of their arithmetic, and their settings."""

from __future__ import annotations

import ctypes
import os
from typing import Literal

import torch

from hrtem_shift.errors import InputError


def resolve_device(name: str) -> str:
    """Device for a parameter: ``auto`` takes a GPU when there is one.

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
        why="Networks are trained on 'cpu', 'cuda' or 'cuda:N', and a GPU must be there",
        fix="Use compute.device=auto",
    )


def device_name(device: str) -> str:
    """What the device is called, for the record of a run."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu"


def resolve_precision(
    precision: Literal["auto", "float32", "bfloat16"], device: str
) -> torch.dtype:
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
    """Let a GPU take the fastest algorithms, or those whose sums always have the same order.

    On a CPU with one thread sums have the same order anyway. Pooling's gradient is not promised to
    be deterministic by torch, and is: windows do not overlap, so that nothing is added up.
    """
    if not device.startswith("cuda"):
        return
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as cuBLAS asks for
    torch.backends.cudnn.benchmark = not deterministic
    torch.use_deterministic_algorithms(deterministic, warn_only=True)


def supports_cuda_graphs(device: torch.device) -> bool:
    """Whether a device is told of hundreds of operations at once, instead of one by one."""
    return device.type == "cuda"


def disable_malloc_trim() -> None:
    """Tell this process to keep the memory that it frees, for the next features of that size.

    By default glibc gives large blocks back and asks for them again, at each layer of each step,
    and Linux clears them each time: a third of the time of a step. Elsewhere nothing happens.
    """
    try:
        set_option = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 2**28)):
        set_option(option, value)


# Numbers of malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
