"""An observation: one image as the networks see it, and what they say of it.

The same steps for a user's image and for the evidence that an answer about it is read off.
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
from hrtem_shift.reliability.image_features import FEATURES, features_of
from hrtem_shift.reliability.signals import SIGNALS, signals_of
from hrtem_shift.reliability.training_domain import Range

MOST_ENLARGED = 4.0
"""Coarser pixels are made this many times as fine at most: more interpolation shows nothing."""

SMALLEST_PX = 32
"""Sides [px] below which an image has no statistics to compare."""

MOST_PATCHES = 36
"""Patches of an image that its features are read off, spread evenly over it."""

INPUTS = (*SIGNALS, *FEATURES)
"""Names of all numbers that an expected Dice is read off."""


@dataclass(frozen=True, eq=False)
class Observation:
    """One image as the networks see it, and what they say of it.

    Parameters
    ----------
    prediction : Prediction
        On the grid that the networks saw.
    inputs : ndarray of float64, shape (len(INPUTS),), or None
        Signals and features; None where the image is too small or holds but one number.
    seen_pixel_size_nm : float
        Edge of the pixels that the networks saw [nm].
    """

    prediction: Prediction
    inputs: NDArray[np.float64] | None
    seen_pixel_size_nm: float


def seen_pixel_size_nm(pixel_size_nm: float, trained_nm: Range) -> float:
    """Edge of the pixels [nm] that an image is resampled to.

    Those of training; its own where they differ by less than a calibration does; and not finer
    than `MOST_ENLARGED` allows.
    """
    if trained_nm.excess(pixel_size_nm) <= AS_CALIBRATED:
        return pixel_size_nm
    return max(trained_nm.nearest(pixel_size_nm), pixel_size_nm / MOST_ENLARGED)


def memory_bytes(shape: tuple[int, ...], factor: float) -> float:
    """Memory that segmenting an image takes at its peak, estimated.

    Measured on one and five networks: maps of 24 bytes a pixel on both grids, 70 more for the
    features of a network on as many pixels as are predicted at once, 0.4 GiB for the program.

    Parameters
    ----------
    shape : tuple
        (H, W) as recorded.
    factor : float
        How many times as fine the networks see it.
    """
    recorded_px = float(np.prod(shape, dtype=np.float64))
    seen_px = recorded_px * factor**2
    return 24 * (recorded_px + seen_px) + 70 * min(seen_px, WHOLE_PX) + 0.4 * 2**30


def observe(
    pixels: NDArray,
    pixel_size_nm: float,
    ensemble: Sequence[Predictor],
    preparation: Preparation,
    trained_nm: Range,
    *,
    marks: NDArray[np.bool_] | None = None,
    threshold: float = 0.5,
    whole_px: int = WHOLE_PX,
) -> Observation:
    """Prepare and predict one image, and read off what its answer depends on.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Counts as recorded, hot pixels repaired.
    pixel_size_nm : float
        Edge of a pixel as recorded [nm].
    ensemble, preparation, trained_nm
        Networks, how their images were prepared, and the pixel sizes [nm] they were trained at.
    marks : ndarray of bool, shape (H, W), optional
        Burned-in letters and bars: they are painted over with the median of the image.
    threshold : float
        Probability above which a pixel is particle.
    whole_px : int
        See `Predictor.probability`.

    Returns
    -------
    Observation

    Raises
    ------
    InputError
        As `prepare` does.
    """
    if marks is not None and marks.any() and not marks.all():
        pixels = np.where(marks, np.median(pixels[~marks]), pixels).astype(np.float32)
    seen_nm = seen_pixel_size_nm(pixel_size_nm, trained_nm)
    prepared = prepare(pixels, preparation, pixel_size_nm / seen_nm).pixels
    prediction = predict(ensemble, prepared, threshold=threshold, whole_px=whole_px)
    return Observation(prediction, _inputs(prepared, prediction, ensemble, preparation), seen_nm)


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
    """At most `MOST_PATCHES` patches (N, p, p), spread evenly; smaller in a smaller image.

    Saturated ones that hold but one number are left out: they have no statistics.
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
