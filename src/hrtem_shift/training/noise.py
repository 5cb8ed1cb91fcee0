"""Gaussian noise of a sample's pixels, computed from its key, the same on every device.

Each pixel takes 16 random bits, an index into the 65,536 quantiles of the normal distribution:
four pixels a hash, and exactly the same numbers on a CPU and a GPU. The largest is 4.2 standard
deviations, and the variance is 1.

This module imports numba; import it where networks are trained, not where parameters are read.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from hrtem_shift.compiled import compiled
from hrtem_shift.training.counter_rng import FIRST, GOLDEN, SECOND, Keys

_G, _A, _B = np.uint64(GOLDEN), np.uint64(FIRST), np.uint64(SECOND)
_ONE, _BITS = np.uint64(1), np.uint64(0xFFFF)
_S16, _S27, _S30, _S31 = np.uint64(16), np.uint64(27), np.uint64(30), np.uint64(31)


def add_noise(images: Tensor, noise_std: NDArray[np.float32], keys: Keys) -> Tensor:
    """Add noise and rescale, so that a standardized image stays standardized.

    Parameters
    ----------
    images : Tensor of float32, shape (M, p, p)
        Contiguous; overwritten.
    noise_std : ndarray of float32, shape (M,)
        0 leaves an image unchanged.
    keys : ndarray of uint64, shape (M,)

    Returns
    -------
    Tensor of float32, shape (M, p, p)
        (x + N(0, s)) / sqrt(1 + s^2).

    Notes
    -----
    Noise augmentation of arXiv 2306.11853.
    """
    if not noise_std.any():
        return images
    if images.device.type == "cpu":
        flat = images.numpy().reshape(len(images), -1)
        _add_noise(flat, noise_std, keys, _quantiles())
        return images
    return add_noise_in_torch(images, noise_std, keys)


def add_noise_in_torch(images: Tensor, noise_std: NDArray[np.float32], keys: Keys) -> Tensor:
    """`add_noise` in torch operations, for any device."""
    std = torch.from_numpy(noise_std).to(images.device)[:, None]
    flat = images.flatten(1)
    start = torch.from_numpy(keys.view(np.int64)).to(images.device)[:, None]
    fours = torch.arange(1, -(-flat.shape[1] // 4) + 1, device=images.device)
    bits = _hashed(start + fours * _signed(GOLDEN))
    lanes = torch.stack([(bits >> shift) & 0xFFFF for shift in (0, 16, 32, 48)], dim=-1)
    table = torch.from_numpy(_quantiles()).to(images.device)
    white = table[lanes.flatten(1)[:, : flat.shape[1]]]
    return ((flat + std * white) / torch.sqrt(1 + std**2)).view_as(images)


def _hashed(z: Tensor) -> Tensor:
    """`counter_rng.hashed` on signed integers, whose right shifts copy the sign unless masked."""
    z = (z ^ ((z >> 30) & (2**34 - 1))) * _signed(FIRST)
    z = (z ^ ((z >> 27) & (2**37 - 1))) * _signed(SECOND)
    return z ^ ((z >> 31) & (2**33 - 1))


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


@cache
def _quantiles() -> NDArray[np.float32]:
    quantiles = ndtri((np.arange(2**16) + 0.5) / 2**16)
    return (quantiles / quantiles.std()).astype(np.float32)


@compiled
def _add_noise(images, noise_std, keys, quantiles):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for sample in range(len(images)):
        std = noise_std[sample]
        if std == 0:
            continue
        scale = np.float32(1) / np.sqrt(np.float32(1) + std * std)
        image = images[sample]
        counter = keys[sample]
        for first in range(0, len(image), 4):
            counter += _G
            z = (counter ^ (counter >> _S30)) * _A
            z = (z ^ (z >> _S27)) * _B
            z = z ^ (z >> _S31)
            for pixel in range(first, min(first + 4, len(image))):
                image[pixel] = (image[pixel] + std * quantiles[z & _BITS]) * scale
                z = z >> _S16
