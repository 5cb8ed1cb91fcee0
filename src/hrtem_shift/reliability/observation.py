"""An observation: one prepared image and the networks' prediction of it.

A user's image and the evidence behind its verdict take the same steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.networks.inference import WHOLE_PX, Prediction, Predictor, predict
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.resampling import AS_CALIBRATED
from hrtem_shift.preparation.steps import prepare
from hrtem_shift.reliability.image_features import IMAGE_FEATURES, features_of
from hrtem_shift.reliability.signals import SIGNALS, signals_of
from hrtem_shift.reliability.training_domain import Range

MOST_ENLARGED = 4.0
"""Largest factor of upsampling of coarse pixels."""

SMALLEST_PX = 32
"""Shortest side [px] of an image whose statistics are compared."""

SMALLEST_TRIED_PX = 64
"""Shortest side [px] that an image has at a scale that is tried."""

SMALLEST_AREA_nm2, SMALLEST_AREA_px, SMALLEST_SHARE = 1.0, 12, 0.02
"""Smallest particle: at a pixel size of training; at a scale that was tried, in pixels there and as
a share of the typical area (a diameter of 0.14)."""

MIXED_SHARE, MIXED_PX = 0.3, 1024
"""Mixed batch norms: weight of the image's own statistics, and edge of the part they are from."""

MOST_PATCHES = 36
"""Most patches of an image for its features, evenly spaced."""

INPUTS = (*SIGNALS, *IMAGE_FEATURES)
"""Names of all inputs of the expected Dice."""


@dataclass(frozen=True, eq=False)
class Observation:
    """One prepared image and its prediction.

    Parameters
    ----------
    prediction : Prediction
        On the grid that the networks saw.
    inputs : ndarray of float64, shape (len(INPUTS),), or None
        Signals and features; None where the image is too small or constant.
    scale : float
        How many times as fine as the image's pixels those are that the networks saw.
    mixed_norms : float
        Weight of the image's own statistics in the batch norms of the networks.
    """

    prediction: Prediction
    inputs: NDArray[np.float64] | None
    scale: float
    mixed_norms: float = 0.0


@dataclass(frozen=True)
class Scaling:
    """At which scales networks see an image.

    Parameters
    ----------
    trained_nm : Range or None
        Pixel sizes [nm] that they were trained at, to which images are brought.
    scales : tuple of float
        Where they know particles of any size in pixels: the scales that are tried, the best of
        which is used. Then the pixel size does not matter.
    """

    trained_nm: Range | None
    scales: tuple[float, ...] = ()

    def of(self, shape: tuple[int, ...], pixel_size_nm: float) -> tuple[float, ...]:
        """Scales to try on an image of a shape (H, W), the first where nothing can be expected.

        Those at which its shorter side has `SMALLEST_TRIED_PX` and all of it at most `WHOLE_PX`.
        """
        if self.trained_nm is not None and not self.scales:
            return (pixel_size_nm / seen_pixel_size_nm(pixel_size_nm, self.trained_nm),)
        pixels = float(np.prod(shape, dtype=np.float64))
        fit = [
            scale
            for scale in self.scales
            if scale * min(shape) >= SMALLEST_TRIED_PX and scale**2 * pixels <= WHOLE_PX
        ]
        return tuple(sorted(fit, key=lambda scale: abs(np.log(scale)))) or (1.0,)

    @property
    def smallest_share(self) -> float:
        """Share of the typical area below which something is a speck."""
        return SMALLEST_SHARE if self.scales else 0.0

    def smallest_area_nm2(self, pixel_size_nm: float, scale: float) -> float:
        """Area below which something that networks saw at a scale is a speck [nm²]."""
        if not self.scales:
            return SMALLEST_AREA_nm2
        return SMALLEST_AREA_px * (pixel_size_nm / scale) ** 2


def seen_pixel_size_nm(pixel_size_nm: float, trained_nm: Range) -> float:
    """Edge of the pixels [nm] that an image is resampled to.

    Those of training, but unchanged where they differ by less than a calibration error, and
    upsampled by `MOST_ENLARGED` at most.
    """
    if trained_nm.excess(pixel_size_nm) <= AS_CALIBRATED:
        return pixel_size_nm
    return max(trained_nm.nearest(pixel_size_nm), pixel_size_nm / MOST_ENLARGED)


def memory_bytes(shape: tuple[int, ...], factor: float) -> float:
    """Estimated peak memory of segmenting an image, bytes.

    Measured on one and five networks: maps of 24 bytes a pixel on both grids, 70 more for the
    features of a network on the pixels predicted at once, 0.4 GiB for the program.

    Parameters
    ----------
    shape : tuple
        (H, W) as recorded.
    factor : float
        Upsampling factor to the grid of the networks.
    """
    recorded_px = float(np.prod(shape, dtype=np.float64))
    seen_px = recorded_px * factor**2
    return 24 * (recorded_px + seen_px) + 70 * min(seen_px, WHOLE_PX) + 0.4 * 2**30


def observe(
    pixels: NDArray,
    scale: float,
    ensemble: Sequence[Predictor],
    preparation: Preparation,
    *,
    marks: NDArray[np.bool_] | None = None,
    threshold: float = 0.5,
    whole_px: int = WHOLE_PX,
    mixed_norms: float = 0.0,
) -> Observation:
    """Prepare and predict one image, and compute the inputs of its expected Dice.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Counts as recorded, hot pixels repaired.
    scale : float
        See `Observation`; from `Scaling`.
    ensemble, preparation
        Networks, and how their images were prepared.
    marks : ndarray of bool, shape (H, W), optional
        Burned-in letters and bars; replaced by the median of the image.
    threshold : float
        Probability above which a pixel is particle.
    whole_px : int
        See `Predictor.probability`.
    mixed_norms : float
        Weight of the image's own statistics in batch norms
        (`hrtem_shift.networks.mixed_norms`).

    Returns
    -------
    Observation

    Raises
    ------
    InputError
        As `prepare` does.
    """
    prepared = prepared_at_scale(pixels, scale, preparation, marks)
    if mixed_norms:
        ensemble = [_with_mixed_norms(network, prepared, mixed_norms) for network in ensemble]
    prediction = predict(ensemble, prepared, threshold=threshold, whole_px=whole_px)
    inputs = _inputs(prepared, prediction, ensemble, preparation)
    return Observation(prediction, inputs, scale, mixed_norms)


def prepared_at_scale(
    pixels: NDArray, scale: float, preparation: Preparation, marks: NDArray[np.bool_] | None
) -> NDArray[np.float32]:
    """An image as networks see it (h, w); parameters and errors as those of `observe`."""
    if marks is not None and marks.any() and not marks.all():
        pixels = np.where(marks, np.median(pixels[~marks]), pixels).astype(np.float32)
    return prepare(pixels, preparation, scale).pixels


def _with_mixed_norms(
    predictor: Predictor, prepared: NDArray[np.float32], share: float
) -> Predictor:
    """A predictor whose batch norms are mixed with those of the middle of a prepared image."""
    import torch

    from hrtem_shift.networks.mixed_norms import with_mixed_norms

    middle = prepared
    for axis, side in enumerate(prepared.shape):
        start = max(side - MIXED_PX, 0) // 2
        middle = middle.take(range(start, min(start + MIXED_PX, side)), axis=axis)
    padding = [(0, -side % predictor.stride_px) for side in middle.shape]
    images = torch.from_numpy(np.pad(middle, padding, mode="symmetric"))[None, None]
    mixed = with_mixed_norms(predictor.trained, images.to(predictor.device), share)
    return Predictor(mixed, predictor.device)


def _inputs(
    prepared: NDArray[np.float32],
    prediction: Prediction,
    ensemble: Sequence[Predictor],
    preparation: Preparation,
) -> NDArray[np.float64] | None:
    if min(prepared.shape) < SMALLEST_PX or not np.ptp(prepared) > 0:
        return None
    signals = signals_of(prepared, prediction, ensemble)
    inputs = np.concatenate([signals, features_of(_patches(prepared, preparation.patch_px))])
    comparable = np.isfinite(np.delete(inputs, SIGNALS.index("agreement"))).all()
    return inputs if comparable else None


def _patches(prepared: NDArray[np.float32], patch_px: int) -> NDArray[np.float32]:
    """At most `MOST_PATCHES` patches (N, p, p), evenly spaced; smaller in a smaller image.

    Constant (saturated) patches are left out.
    """
    edge = min(patch_px, *prepared.shape)
    rows, columns = (side // edge for side in prepared.shape)
    corners = [(i * edge, j * edge) for i in range(rows) for j in range(columns)]
    spread = np.linspace(0, len(corners) - 1, min(MOST_PATCHES, len(corners))).round().astype(int)
    patches = np.stack(
        [prepared[y : y + edge, x : x + edge] for y, x in (corners[k] for k in spread)]
    )
    varied = np.ptp(patches, axis=(1, 2)) > 0
    return patches[varied] if varied.any() else patches
