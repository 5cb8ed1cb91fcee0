"""From a prepared micrograph to probabilities: whole where memory suffices, else in strips.

A strip is predicted with a halo as wide as a network sees, and the halo is thrown away: the
result is that of the whole image, not a stitching of tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hrtem_shift.networks.prediction import for_prediction, logit_of
from hrtem_shift.networks.residual_unet import STRIDE_PX, ResidualUNet

WHOLE_PX = 4096**2
"""Pixels up to which an image is predicted in one pass."""

HALO_PX = 112
"""Rows beyond a strip that can matter to it.

The residual U-Net adds two 3x3 convolutions at each of its levels, of 1, 2, 4, 8 px on the way
down, 16 at the bottom, and on the way up: 2 (15 + 16 + 15) = 92 px. Pooling and upsampling
reach over blocks of 16 px, at most 15 more; a multiple of 16 keeps blocks where they are.
"""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What an ensemble says of each pixel.

    Parameters
    ----------
    probability : ndarray of float32, shape (H, W)
        That it belongs to a particle: mean over the networks.
    spread : ndarray of float32, shape (H, W), or None
        Standard deviation (ddof 1) over the networks; None for a single one.
    agreement : float
        Mean hard Dice of each network's mask with the mask of all; NaN for a single one.
    """

    probability: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    agreement: float


def predict(
    networks: Sequence[nn.Module],
    pixels: NDArray[np.float32],
    *,
    threshold: float = 0.5,
    device: str = "cpu",
    whole_px: int = WHOLE_PX,
) -> Prediction:
    """Probabilities of one micrograph by an ensemble, one network at a time.

    Parameters
    ----------
    networks : sequence of Module
        In evaluation mode, images (B, 1, H, W) -> logits (B, 2, H, W).
    pixels : ndarray of float32, shape (H, W)
        Prepared micrograph; its sides are mirrored at the right and lower edge to multiples of
        16 px.
    threshold : float
        Probability above which masks are compared for `Prediction.agreement`.
    whole_px : int
        More pixels than this are predicted in strips of at most so many, where the network sees
        no farther than `HALO_PX`; any other sees the whole image always.

    Returns
    -------
    Prediction
    """
    height, width = pixels.shape
    padding = [(0, -side % STRIDE_PX) for side in pixels.shape]
    padded = np.pad(pixels, padding, mode="symmetric") if any(p for _, p in padding) else pixels
    mean = np.zeros((height, width), np.float32)
    squares = np.zeros_like(mean) if len(networks) > 1 else None
    masks = []
    for number, network in enumerate(networks, start=1):
        found = probability_of(network, padded, device, whole_px)[:height, :width]
        off = found - mean
        mean += off / np.float32(number)  # Welford 1962
        if squares is not None:
            squares += off * (found - mean)
            masks.append(np.packbits(found > threshold))
    if squares is None:
        return Prediction(mean, None, float("nan"))
    spread = np.sqrt(squares / np.float32(len(networks) - 1))
    together = np.packbits(mean > threshold)
    agreement = float(np.mean([_dice_of_bits(mask, together) for mask in masks]))
    return Prediction(mean, spread, agreement)


def probability_of(
    network: nn.Module,
    pixels: NDArray[np.float32],
    device: str = "cpu",
    whole_px: int = WHOLE_PX,
) -> NDArray[np.float32]:
    """Probabilities (H, W) of one network on an image whose sides are multiples of 16 px."""
    height, width = pixels.shape
    sees_no_farther = isinstance(network, ResidualUNet) and not _looks_at_all(network)
    strips = strips_of(height, width, whole_px) if sees_no_farther else [(0, height)]
    network = for_prediction(network, device)
    probability = np.empty(pixels.shape, np.float32)
    for start, stop in strips:
        first, last = max(start - HALO_PX, 0), min(stop + HALO_PX, height)
        found = _probabilities(network, pixels[None, first:last], device)[0]
        probability[start:stop] = found[start - first : stop - first]
    return probability


def patch_probabilities(
    network: nn.Module, patches: NDArray[np.float32], device: str = "cpu", batch_size: int = 32
) -> NDArray[np.float32]:
    """Probabilities (N, p, p) of one network on patches, each by itself."""
    network = for_prediction(network, device)
    starts = range(0, len(patches), batch_size)
    return np.concatenate(
        [_probabilities(network, patches[k : k + batch_size], device) for k in starts]
    )


def _probabilities(
    network: nn.Module, images: NDArray[np.float32], device: str
) -> NDArray[np.float32]:
    with torch.inference_mode():
        batch = torch.from_numpy(np.ascontiguousarray(images)).to(device)
        return torch.sigmoid(logit_of(network, batch, torch.float32)).cpu().numpy()


def strips_of(height: int, width: int, whole_px: int) -> Iterator[tuple[int, int]]:
    """First row, and the row after the last, of strips that with their halos are small enough.

    A strip has at least 16 rows, and begins at a multiple of 16.
    """
    if height * width <= whole_px:
        yield 0, height
        return
    rows = max((whole_px // width - 2 * HALO_PX) // STRIDE_PX, 1) * STRIDE_PX
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def _looks_at_all(network: nn.Module) -> bool:
    """Whether features are normalized by the whole image."""
    return any(isinstance(module, nn.GroupNorm) for module in network.modules())


def _dice_of_bits(mask: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Hard Dice of two packed masks; 1 where both are empty."""
    total = int(np.bitwise_count(mask).sum()) + int(np.bitwise_count(other).sum())
    return 2 * int(np.bitwise_count(mask & other).sum()) / total if total else 1.0
