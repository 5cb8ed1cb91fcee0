"""Probabilities of a prepared micrograph by an ensemble; large images in strips.

A strip has a halo as wide as the receptive field, which is cropped: the result is that of the
whole image, without seams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hrtem_shift.networks.prediction import logit_of, optimize_for_inference
from hrtem_shift.networks.residual_unet import STRIDE_PX, ResidualUNet

WHOLE_PX = 4096**2
"""Larger images are predicted in strips."""

SIDE_BY_SIDE_PX = 1024**2
"""Smaller images are not split over the cores: they would mostly compute halos."""

HALO_PX = 112
"""Receptive field of the residual U-Net beyond a strip, in rows.

Two 3x3 convolutions at each level, with pixels of 1, 2, 4, 8 px in the encoder and in the decoder
and 16 px at the bottleneck: 2 (15 + 16 + 15) = 92 px. Pooling and upsampling work on blocks of
16 px and add at most 15; a multiple of 16 keeps the blocks aligned.
"""


@dataclass(frozen=True, eq=False)
class Prediction:
    """Prediction of an ensemble for each pixel.

    Parameters
    ----------
    probability : ndarray of float32, shape (H, W)
        Probability of a particle: mean over the networks.
    spread : ndarray of float32, shape (H, W), or None
        Standard deviation (ddof 1) over the networks; None for a single one.
    agreement : float
        Mean hard Dice of each network's mask with the ensemble's mask; NaN for a single one.
    soft_dice : float
        Soft Dice Confidence, 2 sum(p m) / (sum(p) + sum(m)) of a network's probabilities p and
        their mask m: mean over the networks (arXiv 2402.10665); 1 where both are zero.
    """

    probability: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    agreement: float
    soft_dice: float


class Predictor:
    """A network for inference on a device.

    Parameters
    ----------
    network : Module
        In evaluation mode, images (B, 1, H, W) -> logits (B, 2, H, W).
    device : str
        ``cpu`` or a GPU of torch.
    """

    def __init__(self, network: nn.Module, device: str = "cpu") -> None:
        # Group norms take the statistics of the whole image.
        self._has_finite_field = isinstance(network, ResidualUNet) and not any(
            isinstance(module, nn.GroupNorm) for module in network.modules()
        )
        self.network, self._device = optimize_for_inference(network, device), device

    def probability(
        self, pixels: NDArray[np.float32], whole_px: int = WHOLE_PX
    ) -> NDArray[np.float32]:
        """Probabilities (H, W) on an image whose sides are multiples of 16 px.

        Parameters
        ----------
        whole_px : int
            Larger images are predicted in strips of at most so many pixels, if the receptive
            field of the network is at most `HALO_PX`; otherwise always as a whole.
        """
        height, width = pixels.shape
        probability = np.empty(pixels.shape, np.float32)

        def fill(strip: tuple[int, int]) -> None:
            start, stop = strip
            first, last = max(start - HALO_PX, 0), min(stop + HALO_PX, height)
            with_halo = self._probabilities(pixels[None, first:last])[0]
            probability[start:stop] = with_halo[start - first : stop - first]

        threads = torch.get_num_threads() if self._device == "cpu" else 1
        if not self._has_finite_field:
            fill((0, height))
        elif threads == 1 or pixels.size < SIDE_BY_SIDE_PX:
            for strip in strips_of(height, width, whole_px):
                fill(strip)
        else:
            at_once_px = whole_px if pixels.size <= whole_px else whole_px // threads
            strips = strips_of(height, width, at_once_px, threads)
            with _single_threaded_pool(threads) as pool:
                list(pool.map(fill, strips))
        return probability

    def of_patches(self, patches: NDArray[np.float32], batch_size: int = 32) -> NDArray[np.float32]:
        """Probabilities (N, p, p) of patches."""
        starts = range(0, len(patches), batch_size)
        return np.concatenate([self._probabilities(patches[k : k + batch_size]) for k in starts])

    def _probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(images)).to(self._device)
            logits = logit_of(self.network, batch, torch.float32)
            return torch.sigmoid(logits).cpu().numpy()


def predict(
    ensemble: Sequence[Predictor],
    pixels: NDArray[np.float32],
    *,
    threshold: float = 0.5,
    whole_px: int = WHOLE_PX,
) -> Prediction:
    """Probabilities of one micrograph by an ensemble, one network at a time.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Prepared micrograph; its sides are mirrored at the right and lower edge to multiples of
        16 px.
    threshold : float
        Probability above which masks are compared for `Prediction.agreement`.
    whole_px : int
        See `Predictor.probability`.
    """
    height, width = pixels.shape
    padding = [(0, -side % STRIDE_PX) for side in pixels.shape]
    padded = np.pad(pixels, padding, mode="symmetric") if any(p for _, p in padding) else pixels
    mean = np.zeros((height, width), np.float32)
    squares = np.zeros_like(mean) if len(ensemble) > 1 else None
    masks, soft_dice = [], []
    for number, network in enumerate(ensemble, start=1):
        probability = network.probability(padded, whole_px)[:height, :width]
        soft_dice.append(_soft_dice(probability, threshold))
        deviation = probability - mean
        mean += deviation / np.float32(number)  # Welford 1962
        if squares is not None:
            squares += deviation * (probability - mean)
            masks.append(np.packbits(probability > threshold))
    if squares is None:
        return Prediction(mean, None, float("nan"), soft_dice[0])
    spread = np.sqrt(squares / np.float32(len(ensemble) - 1))
    consensus = np.packbits(mean > threshold)
    agreement = float(np.mean([_dice_of_bits(mask, consensus) for mask in masks]))
    return Prediction(mean, spread, agreement, float(np.mean(soft_dice)))


def strips_of(height: int, width: int, whole_px: int, fewest: int = 1) -> Iterator[tuple[int, int]]:
    """First row of each strip and the row after its last; with halos at most `whole_px` pixels.

    Strips begin at multiples of 16 and have at least 16 rows. There are at least `fewest`, if
    the image has so many times 16 rows.
    """
    rows = height
    if height * width > whole_px:
        rows = max((whole_px // width - 2 * HALO_PX) // STRIDE_PX, 1) * STRIDE_PX
    if fewest > 1:
        rows = min(rows, -(-height // fewest // STRIDE_PX) * STRIDE_PX)
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


@contextmanager
def _single_threaded_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that use one core each; afterwards torch has `threads` threads again."""
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)


def _soft_dice(probability: NDArray[np.float32], threshold: float) -> float:
    mask = probability > threshold
    total = float(probability.sum(dtype=np.float64)) + int(mask.sum())
    return 2 * float(probability.sum(dtype=np.float64, where=mask)) / total if total else 1.0


def _dice_of_bits(mask: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Hard Dice of two packed masks; 1 where both are empty."""
    total = int(np.bitwise_count(mask).sum()) + int(np.bitwise_count(other).sum())
    return 2 * int(np.bitwise_count(mask & other).sum()) / total if total else 1.0
