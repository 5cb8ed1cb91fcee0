"""Detect masks that are inverted, flipped or rotated against their images.

Two tests, without a network. Orientation: along the edges of a mask that
fits, brightness or roughness differs between inside and outside; that contrast is compared with
the contrast of the same mask rotated and mirrored. Inverted: particles are compact and the support
between them is not, so the pieces that a mask covers are compared with those that it leaves out.

Measured on hand labels of 265 recorded images (245 of EMPS, doi 10.1021/acs.jcim.0c01455, and 20
of microscopy-seg-track, doi 10.69761/HDTA8338), on which the thresholds below were chosen, too.
Each image alone, as a folder of one: none as labelled gets a warning; 92 % or more do in each of
seven other orientations; inverted, all 20 of the one set and 64 % of the other. Of 1,000 folders of
five images drawn from EMPS, none gets a warning as labelled, all do flipped or rotated, and 98 %
inverted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST = 0.6
"""Masks that cover more of an image, as a fraction of its pixels, are suspicious."""
_COMPACT = 0.9  # fraction of its convex hull that a particle fills, at least
_MUCH, _CLEARLY = 0.3, 0.2  # coverage and excess of compactness of doubtful masks below MOST
_FITS = 0.3  # contrast of a mask that fits; those of the 265 images have 0.35 to 0.95
_ENOUGH = 3  # images
_BETTER, _BETTER_OF_FEW = 0.2, 0.35  # least gain of contrast, of _ENOUGH images and of fewer
_BETTER_SHARE = 0.75  # of the images

_GRID_PX = 256  # edge of the coarse images that are compared
_BLUR_PX, _BAND_PX = 1.5, 8.0  # on that grid
_CLIPPED = (1.0, 99.0)  # percentiles; hot pixels and burned-in marks lie beyond
_SPECK_PX = 8  # pieces up to this area on that grid have no shape

_TRANSFORMS: dict[str, Callable[[NDArray], NDArray]] = {
    "upside down": np.flipud,
    "mirrored": np.fliplr,
    "rotated by 180°": lambda mask: np.rot90(mask, 2),
    "transposed": np.transpose,
    "transposed and rotated by 180°": lambda mask: np.rot90(mask.T, 2),
    "rotated by 90° counter-clockwise": np.rot90,
    "rotated by 90° clockwise": lambda mask: np.rot90(mask, -1),
}


class MaskFit(NamedTuple):
    """How well a mask fits its image.

    Attributes
    ----------
    particle_fraction : float
        Fraction of the pixels that are particle.
    given : float
        Contrast along the mask's edges: correlation of inside and outside with brightness or
        with roughness, whichever is stronger, 0 to 1; NaN where the mask has no edge.
    transformed : dict
        The same of the flipped or rotated mask, by name; where height and width stay.
    mask_solidity : float
        Fraction of the convex hulls of a mask's pieces that is particle, weighted by area.
    gap_solidity : float
        The same of what is not particle.
    """

    particle_fraction: float
    given: float
    transformed: dict[str, float]
    mask_solidity: float
    gap_solidity: float

    @property
    def covers_most(self) -> bool:
        """Whether more than `MOST` of the image is particle."""
        return self.particle_fraction > MOST

    @property
    def looks_inverted(self) -> bool:
        """Whether what is left out is compact, as particles are, and what is covered is not."""
        excess = self.gap_solidity - self.mask_solidity
        if self.covers_most:
            return self.gap_solidity > _COMPACT and excess > 0
        return self.particle_fraction > _MUCH and excess > _CLEARLY


def doubts_about(fits: Mapping[str, MaskFit]) -> list[str]:
    """Suspicions about the masks of a folder, with numbers; none where all is well.

    Parameters
    ----------
    fits : mapping
        Name of the micrograph -> how its mask fits; those without an edge are ignored.

    Returns
    -------
    list of str
        At most one line about inverted masks and one about masks flipped or rotated.
    """
    edged = {name: fit for name, fit in fits.items() if not np.isnan(fit.given)}
    return [doubt for doubt in (_inverted(edged), _misoriented(list(edged.values()))) if doubt]


def _inverted(fits: Mapping[str, MaskFit]) -> str:
    covering = [fit for fit in fits.values() if fit.covers_most]
    if 2 * len(covering) > len(fits) and _excess(covering) > 0:
        fractions = [fit.particle_fraction for fit in covering]
        return (
            f"particles cover most of {len(covering)} of {len(fits)} images ({min(fractions):.0%} "
            f"to {max(fractions):.0%}, mean {np.mean(fractions):.0%}), and {_shapes(covering)}: "
            "the masks look inverted. 255 means particle, 0 background"
        )
    inverted = {name: fit for name, fit in fits.items() if fit.looks_inverted}
    if not inverted:
        return ""
    names = ", ".join(list(inverted)[:5]) + (", ..." if len(inverted) > 5 else "")
    return (
        f"{len(inverted)} of {len(fits)} masks look inverted ({names}): "
        f"{_shapes(list(inverted.values()))}. 255 means particle, 0 background"
    )


def _excess(fits: Sequence[MaskFit]) -> float:
    return float(np.mean([fit.gap_solidity - fit.mask_solidity for fit in fits]))


def _shapes(fits: Sequence[MaskFit]) -> str:
    gaps = np.mean([fit.gap_solidity for fit in fits])
    masks = np.mean([fit.mask_solidity for fit in fits])
    return (
        f"what they leave out is more compact, as particles are (its pieces fill {gaps:.0%} of "
        f"their convex hulls, the masks' {masks:.0%})"
    )


def _misoriented(fits: Sequence[MaskFit]) -> str:
    """Transform after which masks fit clearly better, if there is one."""
    best_gain, warning = 0.0, ""
    for name in _TRANSFORMS:
        pairs = [(fit.given, fit.transformed[name]) for fit in fits if name in fit.transformed]
        if not pairs:
            continue
        given, transformed = np.mean(pairs, axis=0)
        n_better = sum(after > before for before, after in pairs)
        needed = _BETTER if len(pairs) >= _ENOUGH else _BETTER_OF_FEW
        clear = transformed > _FITS and n_better >= _BETTER_SHARE * len(pairs)
        if clear and transformed - given > max(best_gain, needed):
            best_gain = transformed - given
            warning = (
                f"masks fit their images better {name}: the contrast along their edges is then "
                f"{transformed:.2f}, as given {given:.2f} (mean of {len(pairs)} images, better in "
                f"{n_better}; 0 is none, 1 the most)"
            )
    return warning


def mask_fit(pixels: NDArray[np.float32], mask: NDArray[np.bool_]) -> MaskFit:
    """Compare a mask with its image.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Intensities, any unit.
    mask : ndarray of bool, shape (H, W)
        True on particles.

    Returns
    -------
    MaskFit
        Measured on a grid of at most 256 x 256 means.
    """
    from scipy.ndimage import distance_transform_edt

    fraction = float(mask.mean())
    step = max(1, -(-max(mask.shape) // _GRID_PX))
    coarse = _block_means(mask.astype(np.float32), step) >= 0.5
    if coarse.all() or not coarse.any():
        return MaskFit(fraction, np.nan, {}, 1.0, 1.0)
    edge_px = np.where(coarse, distance_transform_edt(coarse), -distance_transform_edt(~coarse))
    features = _features(pixels, step)
    transformed = {
        name: _contrast(features, transform(edge_px))
        for name, transform in _TRANSFORMS.items()
        if transform(edge_px).shape == edge_px.shape
    }
    return MaskFit(
        fraction, _contrast(features, edge_px), transformed, solidity(coarse), solidity(~coarse)
    )


def _features(pixels: NDArray[np.float32], step: int) -> list[NDArray[np.float64]]:
    """Brightness and logarithm of roughness on the coarse grid, blurred."""
    from scipy.ndimage import gaussian_filter

    lowest, highest = map(float, np.percentile(pixels[::step, ::step], _CLIPPED))
    values = np.clip(pixels.astype(np.float32, copy=False), lowest, highest)
    values -= values.mean(dtype=np.float64)
    means = _block_means(values, step)
    within = _block_means(values**2, step) - means**2
    fine = means - gaussian_filter(means, _BLUR_PX)
    roughness = gaussian_filter(fine**2 + np.maximum(within, 0), _BLUR_PX)
    floor = 1e-6 * (float(values.var(dtype=np.float64)) or 1.0)
    return [gaussian_filter(means, _BLUR_PX), np.log(roughness + floor)]


def _contrast(features: Sequence[NDArray[np.float64]], edge_px: NDArray[np.float64]) -> float:
    """Strongest correlation of a feature with inside and outside, near the edges."""
    near = np.abs(edge_px) <= _BAND_PX
    inside = edge_px[near] > 0
    if inside.all() or not inside.any():
        return float("nan")
    correlations = []
    for feature in features:
        values = feature[near]
        spread = values.std() or 1.0
        share = inside.mean()
        difference = values[inside].mean() - values[~inside].mean()
        correlations.append(abs(difference) * np.sqrt(share * (1 - share)) / spread)
    return float(max(correlations))


def _block_means(values: NDArray, step: int) -> NDArray:
    height, width = (length // step for length in values.shape)
    blocks = values[: height * step, : width * step].reshape(height, step, width, step)
    return blocks.mean(axis=(1, 3), dtype=np.float64)


def solidity(pieces: NDArray[np.bool_]) -> float:
    """How compact the pieces of a mask are.

    Parameters
    ----------
    pieces : ndarray of bool, shape (H, W)
        Specks are left out.

    Returns
    -------
    float
        Area of a piece over that of its convex hull, mean weighted by area; 1 without a piece.
    """
    from skimage.measure import label, regionprops

    areas, solidities = [], []
    for region in regionprops(label(pieces, connectivity=1)):
        if region.area > _SPECK_PX:
            areas.append(region.area)
            solidities.append(region.solidity)
    return float(np.average(solidities, weights=areas)) if areas else 1.0
