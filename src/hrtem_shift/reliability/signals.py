"""Signals: quantities of one prediction that indicate a good or bad mask without a label.

Confidence and agreement of the networks; stability of the mask when the image is rotated, noisier,
blurred, halved or reversed in contrast; contrast of the mask against its surroundings; its shape.
`hrtem_shift.reliability.estimator` turns them into an expected hard Dice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.evaluation.dice import mask_dice
from hrtem_shift.micrographs.mask_fit import solidity
from hrtem_shift.networks.inference import Prediction, Predictor
from hrtem_shift.seeds import generator_at

VIEW_PX = 2**20
"""Most pixels of the reduced image on which mask and intensity are compared."""

SHAPE_PX = 256
"""Longest side of the reduced image on which shapes are compared."""

TILE_PX, MOST_TILES, PROBING_NETWORKS = 256, 4, 2
"""Probes: edge and number of the square tiles, and number of the networks that predict them."""

NOISE, BLUR_PX = 0.5, 1.5
"""Probes: added noise [standard deviations of the image], standard deviation of a blur [px]."""

WARM = 3.0
"""Temperature of the second Soft Dice Confidence, against overconfidence under shift."""

SIGNALS = (
    "soft_dice",
    "soft_dice_warm",
    "agreement",
    "log_cover",
    "log_diameter_px",
    "log_particles",
    "holes",
    "roundness",
    "contrast",
    "contrast_far",
    "otsu_dark",
    "otsu_bright",
    "midpoint_near",
    "midpoint_all",
    "log_edge",
    "solidity",
    "gap_solidity",
    "border",
    "otsu_solidity",
    "otsu_border",
    "stable_turned",
    "stable_noisier",
    "stable_blurred",
    "stable_halved",
    "halved_soft_dice",
    "reversed_soft_dice",
    "reversed_overlap",
    "reversed_cover",
)
"""Names of the signals, in the order of the vectors."""


def signals_of(
    pixels: NDArray[np.float32], prediction: Prediction, ensemble: Sequence[Predictor]
) -> NDArray[np.float64]:
    """Signals of one prediction.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        The prepared image that was predicted.
    prediction : Prediction
        Of the networks.
    ensemble : sequence of Predictor
        The networks; the first `PROBING_NETWORKS` make the probes.

    Returns
    -------
    ndarray of float64, shape (len(SIGNALS),)
        agreement is NaN for a single network.

    Notes
    -----
    Soft Dice Confidence: 2 sum(p m) / (sum(p) + sum(m)) of probabilities p and their mask m
    (arXiv 2402.10665). All Dice values between masks are 1 where both are empty.
    """
    image, probability = _reduced(pixels), _reduced(prediction.probability)
    mask = probability > 0.5
    values = {
        "soft_dice": prediction.soft_dice,
        "soft_dice_warm": _soft_dice(_tempered(probability, WARM)),
        "agreement": prediction.agreement,
        **_shape(mask, pixels.size / image.size),
        **_contrast(image, mask),
        **_figure_and_ground(image, mask),
        **_probes(pixels, prediction.probability, ensemble[:PROBING_NETWORKS]),
    }
    return np.array([values[name] for name in SIGNALS], np.float64)


def _reduced(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means over squares of pixels, so that at most `VIEW_PX` remain."""
    by = int(np.ceil(np.sqrt(values.size / VIEW_PX)))
    if by == 1:
        return values
    height, width = (side // by for side in values.shape)
    blocks = values[: height * by, : width * by].reshape(height, by, width, by)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def _tempered(probability: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities whose logits are divided by a temperature (Guo et al. 2017)."""
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    odds = (p / (1 - p)) ** np.float32(1 / temperature)
    return odds / (1 + odds)


def _soft_dice(probability: NDArray[np.float32]) -> float:
    mask = probability > 0.5
    total = float(probability.sum()) + float(mask.sum())
    return 2 * float(probability[mask].sum()) / total if total else 1.0


def _shape(mask: NDArray[np.bool_], px_each: float) -> dict[str, float]:
    """Cover, size, number, holes and roundness of the mask."""
    from scipy.ndimage import binary_fill_holes, label

    area = int(mask.sum())
    ids, _ = label(mask)
    areas = np.bincount(ids.ravel())[1:]
    areas = areas[areas * px_each >= 20]
    edges = int((mask[1:] != mask[:-1]).sum()) + int((mask[:, 1:] != mask[:, :-1]).sum())
    particle_px = float(np.average(areas, weights=areas)) if len(areas) else 1.0
    filled = int(binary_fill_holes(mask).sum())
    round_edges = 4 * np.sqrt(areas / np.pi).sum() * 2  # of discs, by sides of pixels
    return {
        "log_cover": float(np.log10(mask.mean() + 1e-4)),
        "log_diameter_px": float(0.5 * np.log10(particle_px * px_each)),
        "log_particles": float(np.log10(len(areas) + 1)),
        "holes": (filled - area) / max(filled, 1),
        "roundness": float(min(round_edges / edges, 2.0)) if edges else 0.0,
    }


def _contrast(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> dict[str, float]:
    """Brightness inside minus around the mask, and its Dice with masks of plain thresholds.

    Thresholds: Otsu's, and half way between inside and around, within 12 px of the mask and
    everywhere. Also the gradient along the outline over that of the whole image.
    """
    from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
    from skimage.filters import threshold_otsu

    smooth = gaussian_filter(image, 2.0)
    outside = ~maximum_filter(mask, 5)
    around = outside & maximum_filter(mask, 25)
    spread = max(float(smooth.std()), 1e-6)
    inside = float(smooth[mask].mean()) if mask.any() else 0.0
    near = float(smooth[around].mean()) if around.any() else inside
    far = float(smooth[outside].mean()) if outside.any() else inside
    dark = smooth < threshold_otsu(smooth) if np.ptp(smooth) > 0 else np.zeros_like(mask)
    middle = (inside + near) / 2
    alike = smooth < middle if inside < near else smooth > middle
    slope = np.hypot(*np.gradient(smooth))
    outline = mask & ~minimum_filter(mask, 3)
    at_outline = float(slope[outline].mean()) if outline.any() else 0.0
    return {
        "contrast": (inside - near) / spread,
        "contrast_far": (inside - far) / spread,
        "otsu_dark": mask_dice(mask, dark),
        "otsu_bright": mask_dice(mask, ~dark),
        "midpoint_near": mask_dice(mask, alike & maximum_filter(mask, 25)),
        "midpoint_all": mask_dice(mask, alike),
        "log_edge": float(np.log10((at_outline + 1e-3 * spread) / (slope.mean() + 1e-3 * spread))),
    }


def _figure_and_ground(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> dict[str, float]:
    """Solidity and border excess of the mask, of the gaps, and of Otsu's dark pixels.

    A network of dark particles segments the dark background between bright ones: then the gaps
    are compact and away from the border.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.filters import threshold_otsu

    step = -(-max(mask.shape) // SHAPE_PX)
    height, width = (side // step * step for side in mask.shape)

    def coarse(values: NDArray) -> NDArray:
        blocks = values[:height, :width].reshape(height // step, step, width // step, step)
        return blocks.mean(axis=(1, 3))

    small = coarse(mask) > 0.5
    smooth = gaussian_filter(coarse(image), 1.5)
    dark = smooth < threshold_otsu(smooth) if np.ptp(smooth) > 0 else np.zeros_like(small)
    solid = {"mask": solidity(small), "gaps": solidity(~small)}
    return {
        "solidity": solid["mask"],
        "gap_solidity": solid["gaps"],
        "border": _border_excess(small),
        "otsu_solidity": solidity(dark) - solidity(~dark),
        "otsu_border": _border_excess(dark),
    }


def _border_excess(mask: NDArray[np.bool_]) -> float:
    """Share of the border in the mask minus that of the whole image."""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return float(border.mean() - mask.mean())


def _probes(
    pixels: NDArray[np.float32], probability: NDArray[np.float32], ensemble: Sequence[Predictor]
) -> dict[str, float]:
    """Stability of the mask of some tiles when the image is altered."""
    from scipy.ndimage import gaussian_filter

    tiles = _tiles(pixels, probability, 2 * max(network.stride_px for network in ensemble))
    noise = generator_at(0, "probe").standard_normal(tiles.shape[1:]).astype(np.float32)
    spread = max(float(tiles.std()), 1e-6)
    blurred = np.stack([gaussian_filter(tile, BLUR_PX) for tile in tiles])

    def predicted(images: NDArray[np.float32]) -> NDArray[np.float32]:
        together = [network.of_patches(images) for network in ensemble]
        return np.mean(together, axis=0, dtype=np.float32)

    mask = predicted(tiles) > 0.5
    middle = float(tiles.mean())
    reverse = predicted(2 * middle - tiles)
    halved = _halved(tiles)
    half = predicted(halved)
    return {
        "stable_turned": mask_dice(mask, predicted(tiles[:, ::-1, ::-1])[:, ::-1, ::-1] > 0.5),
        "stable_noisier": mask_dice(mask, predicted(tiles + NOISE * spread * noise) > 0.5),
        "stable_blurred": mask_dice(mask, predicted(blurred) > 0.5),
        "stable_halved": mask_dice(_halved(mask.astype(np.float32)) > 0.5, half > 0.5),
        "halved_soft_dice": _soft_dice(half),
        "reversed_soft_dice": _soft_dice(reverse),
        "reversed_overlap": mask_dice(mask, reverse > 0.5),
        "reversed_cover": float(np.log10((reverse > 0.5).mean() + 1e-4)),
    }


def _tiles(
    pixels: NDArray[np.float32], probability: NDArray[np.float32], unit_px: int
) -> NDArray[np.float32]:
    """At most `MOST_TILES` tiles (N, t, t), evenly spaced in the cover of those with particles.

    Shorter sides are mirrored to a multiple of `unit_px`.
    """
    edge = min(TILE_PX, -(-min(pixels.shape) // unit_px) * unit_px)
    padding = [(0, max(edge - side, 0)) for side in pixels.shape]
    pixels = np.pad(pixels, padding, mode="symmetric")
    probability = np.pad(probability, padding, mode="symmetric")
    rows, columns = (side // edge for side in pixels.shape)
    top, left = ((side % edge) // 2 for side in pixels.shape)
    corners = [(top + i * edge, left + j * edge) for i in range(rows) for j in range(columns)]
    cover = np.array([(probability[y : y + edge, x : x + edge] > 0.5).mean() for y, x in corners])
    order = np.argsort(-cover, kind="stable")
    shown = order[: max(int((cover > 0).sum()), min(MOST_TILES, len(order)))]
    chosen = shown[np.linspace(0, len(shown) - 1, min(MOST_TILES, len(shown))).round().astype(int)]
    return np.stack([pixels[y : y + edge, x : x + edge] for y, x in (corners[k] for k in chosen)])


def _halved(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    n, height, width = tiles.shape
    return tiles.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4), dtype=np.float32)
