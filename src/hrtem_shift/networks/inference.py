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

from hrtem_shift.execution.devices import Precision, resolve_precision
from hrtem_shift.networks import particle_unet
from hrtem_shift.networks.cores import CORE_LEVEL
from hrtem_shift.networks.particle_unet import ParticleUNet
from hrtem_shift.networks.prediction import logits_of, optimize_for_inference
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
    core : ndarray of float32, shape (H, W), or None
        Probability of a particle's core: mean over the networks that predict it.
    """

    probability: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    agreement: float
    soft_dice: float
    core: NDArray[np.float32] | None = None

    @property
    def core_confidence(self) -> float:
        """Soft Dice Confidence of the cores at `CORE_LEVEL`; 0 where networks predict none."""
        return 0.0 if self.core is None else _soft_dice(self.core, CORE_LEVEL)


class Predictor:
    """A network for inference on a device.

    Parameters
    ----------
    network : Module
        In evaluation mode, images (B, 1, H, W) -> logits (B, 2, H, W).
    device : str
        ``cpu`` or a GPU of torch.

    Attributes
    ----------
    network : Module
        From `optimize_for_inference`.
    trained : Module
        The network as it was given.
    device : str
    stride_px : int
        Sides of an image must be multiples of this.
    halo_px : int or None
        Receptive field beyond a strip, in rows; None: the network sees the whole image.
    predicts_cores : bool
        Whether there is a second map, of particles' cores.
    """

    def __init__(self, network: nn.Module, device: str = "cpu") -> None:
        self.predicts_cores = isinstance(network, ParticleUNet)
        self.stride_px, self.halo_px = _receptive_field(network)
        self.network, self.device = optimize_for_inference(network, device), device
        self.trained = network
        # Networks for particles are trained in the precision that is fastest.
        precision: Precision = "auto" if self.predicts_cores else "float32"
        self._precision = resolve_precision(precision, torch.device(device).type)

    def maps(self, pixels: NDArray[np.float32], whole_px: int = WHOLE_PX) -> NDArray[np.float32]:
        """Probabilities (1, H, W) of a particle, or (2, H, W) of a particle and of its core.

        Parameters
        ----------
        pixels : ndarray of float32, shape (H, W)
            Sides are multiples of `stride_px`.
        whole_px : int
            Larger images are predicted in strips of at most so many pixels, if the receptive
            field of the network is finite; otherwise always as a whole.
        """
        height, width = pixels.shape
        maps = np.empty((1 + self.predicts_cores, height, width), np.float32)
        halo = self.halo_px or 0

        def fill(strip: tuple[int, int]) -> None:
            start, stop = strip
            first, last = max(start - halo, 0), min(stop + halo, height)
            with_halo = self._probabilities(pixels[None, first:last])[0]
            maps[:, start:stop] = with_halo[:, start - first : stop - first]

        threads = torch.get_num_threads() if self.device == "cpu" else 1
        if self.halo_px is None:
            fill((0, height))
        elif threads == 1 or pixels.size < SIDE_BY_SIDE_PX:
            for strip in strips_of(height, width, whole_px, 1, self.stride_px, halo):
                fill(strip)
        else:
            at_once_px = whole_px if pixels.size <= whole_px else whole_px // threads
            strips = strips_of(height, width, at_once_px, threads, self.stride_px, halo)
            with _single_threaded_pool(threads) as pool:
                list(pool.map(fill, strips))
        return maps

    def probability(
        self, pixels: NDArray[np.float32], whole_px: int = WHOLE_PX
    ) -> NDArray[np.float32]:
        """Probabilities of a particle (H, W); see `maps`."""
        return self.maps(pixels, whole_px)[0]

    def of_patches(self, patches: NDArray[np.float32], batch_size: int = 32) -> NDArray[np.float32]:
        """Probabilities of a particle (N, p, p) of patches."""
        starts = range(0, len(patches), batch_size)
        parts = [self._probabilities(patches[k : k + batch_size])[:, 0] for k in starts]
        return np.concatenate(parts)

    def _probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps (N, 1 or 2, H, W) of images (N, H, W)."""
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
            logits = logits_of(self.network, batch, self._precision)
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
        the networks' stride.
    threshold : float
        Probability above which masks are compared for `Prediction.agreement`.
    whole_px : int
        See `Predictor.probability`.
    """
    height, width = pixels.shape
    stride_px = max(network.stride_px for network in ensemble)
    padding = [(0, -side % stride_px) for side in pixels.shape]
    padded = np.pad(pixels, padding, mode="symmetric") if any(p for _, p in padding) else pixels
    mean = np.zeros((height, width), np.float32)
    squares = np.zeros_like(mean) if len(ensemble) > 1 else None
    masks, soft_dice = [], []
    n_cores = sum(network.predicts_cores for network in ensemble)
    core = np.zeros_like(mean) if n_cores else None
    for number, network in enumerate(ensemble, start=1):
        maps = network.maps(padded, whole_px)[:, :height, :width]
        probability = maps[0]
        if core is not None and network.predicts_cores:
            core += maps[1] / np.float32(n_cores)
        soft_dice.append(_soft_dice(probability, threshold))
        deviation = probability - mean
        mean += deviation / np.float32(number)  # Welford 1962
        if squares is not None:
            squares += deviation * (probability - mean)
            masks.append(np.packbits(probability > threshold))
    if squares is None:
        return Prediction(mean, None, float("nan"), soft_dice[0], core)
    spread = np.sqrt(squares / np.float32(len(ensemble) - 1))
    consensus = np.packbits(mean > threshold)
    agreement = float(np.mean([_dice_of_bits(mask, consensus) for mask in masks]))
    return Prediction(mean, spread, agreement, float(np.mean(soft_dice)), core)


def strips_of(
    height: int,
    width: int,
    whole_px: int,
    fewest: int = 1,
    stride_px: int = STRIDE_PX,
    halo_px: int = HALO_PX,
) -> Iterator[tuple[int, int]]:
    """First row of each strip and the row after its last; with halos at most `whole_px` pixels.

    Strips begin at multiples of the stride and have at least so many rows. There are at least
    `fewest`, if the image has so many strides.
    """
    rows = height
    if height * width > whole_px:
        rows = max((whole_px // width - 2 * halo_px) // stride_px, 1) * stride_px
    if fewest > 1:
        rows = min(rows, -(-height // fewest // stride_px) * stride_px)
    for start in range(0, height, rows):
        yield start, min(start + rows, height)


def _receptive_field(network: nn.Module) -> tuple[int, int | None]:
    """Stride and halo of a network [px]; no halo where group norms see the whole image."""
    if isinstance(network, ParticleUNet):
        return particle_unet.STRIDE_px, particle_unet.HALO_px
    sees_all = any(isinstance(module, nn.GroupNorm) for module in network.modules())
    has_finite_field = isinstance(network, ResidualUNet) and not sees_all
    return STRIDE_PX, HALO_PX if has_finite_field else None


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
