"""Flat field: divide out an illumination that differs over the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError

ORDER = 2
"""Order of the Bernstein polynomials along either axis."""

PUBLISHED_SCALE = 0.25
"""Scale of the published study, whose images have 4096 px (arXiv 2306.11853)."""

BLOCK_px = 8
"""Edge of the blocks whose means the method `fast` fits."""

SAMPLED_ROWS = 16
"""`fast` measures the noise on one of so many rows of the rescaled image."""

_BAND_px = 64  # rows of background that stay in the cache

Method = Literal["exact", "fast"]


def flatten(
    pixels: NDArray,
    scale: float = PUBLISHED_SCALE,
    method: Method = "exact",
    out: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Divide an image by its smooth background.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Counts; left unchanged.
    scale, method
        See `fit_background`.
    out : ndarray of float32, shape (H, W), optional
        Where the result goes, `pixels` themselves if they may be lost.

    Returns
    -------
    flat : ndarray of float32, shape (H, W)
        Counts over background, near 1.
    background_range : tuple of float
        Lowest and highest background, counts.

    Raises
    ------
    InputError
        A pixel is NaN or infinite, the image has less than three pixels along an edge after
        rescaling, or the background is not positive everywhere.
    """
    values = np.asarray(pixels, dtype=np.float32)
    down, across = _fitted(values, scale, method)
    flat = np.empty_like(values) if out is None else out
    lowest, highest = np.inf, -np.inf
    for start in range(0, len(values), _BAND_px):
        band = slice(start, start + _BAND_px)
        background = down[band] @ across
        lowest = min(lowest, float(background.min()))
        highest = max(highest, float(background.max()))
        if lowest <= 0:
            raise InputError(
                f"a background of {lowest:.3g} counts",
                where="flatten",
                why="Dividing by a background that is not above 0 everywhere makes no image",
                fix="Leave this image out, or undo a subtraction of the background",
            )
        np.divide(values[band], background, out=flat[band])
    return flat, (lowest, highest)


def fit_background(
    pixels: NDArray, scale: float = PUBLISHED_SCALE, method: Method = "exact"
) -> NDArray[np.float32]:
    """Smooth surface that follows the background of an image and not its particles.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Counts; left unchanged.
    scale : float
        The fit is made on an image this many times as wide, at most 1. It changes the
        result: the smaller, the less noise is left to widen the weights. The published
        study takes 0.25 (of 4096 px).
    method : str
        ``exact`` is the published regression. ``fast`` fits means over blocks of 8 x 8 pixels
        and widens the weights by the noise that they lack, which it measures on some rows:
        within 0.02 standard deviations of the image (root mean square).

    Returns
    -------
    ndarray of float32, shape (H, W)
        Background, counts.

    Raises
    ------
    InputError
        A pixel is NaN or infinite, or the image has less than three pixels along an edge
        after rescaling.

    Notes
    -----
    arXiv 2306.11853: nine Bernstein products of order (2, 2) on the unit square, fitted by
    least squares twice. The second time, both sides are weighted by exp(-3 e / (2 <e>)), e the
    squared residual of the first: particles lie off the background and lose their weight.
    Image and basis are made smaller alike. The nine functions are products of three along y
    and three along x, before and after, so that the normal equations need no array larger
    than the image; what makes it smaller is a sparse matrix along either axis.
    """
    down, across = _fitted(np.asarray(pixels, dtype=np.float32), scale, method)
    return down @ across


def _fitted(
    values: NDArray[np.float32], scale: float, method: Method
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Factors (H, 3) and (3, W) of the background."""
    if min(values.shape) * scale < ORDER + 0.5:
        raise InputError(
            f"an image of {values.shape[0]} x {values.shape[1]} pixels",
            where="fit_background",
            why=f"Rescaled by {scale:g} it must have 3 pixels along each edge",
            fix="Take a larger scale",
        )
    down, across = (_bernstein(n) for n in values.shape)
    rows, columns = (_rescaling(n, scale) for n in values.shape)
    if method == "exact":
        small = _Smaller.of(values, down, across, rows, columns)
        coefficients = _second_fit(small, _first_fit(small), missing=0.0)
    else:
        small = _Smaller.of(values, down, across, *(_block_means(n) for n in values.shape))
        sample = _Smaller.of(values, down, across, rows[::SAMPLED_ROWS], columns)
        first = _first_fit(small)
        missing = _mean_square(sample.residual(first)) - _mean_square(small.residual(first))
        coefficients = _second_fit(small, first, max(missing, 0.0))
    return (down @ coefficients).astype(np.float32), across.T.astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Smaller:
    """An image (h, w) and the bases of its axes (h, 3), (w, 3), all made smaller alike."""

    image: NDArray[np.float64]
    down: NDArray[np.float64]
    across: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray, down: Any, across: Any, rows: Any, columns: Any) -> _Smaller:
        image = (columns @ (rows @ values).T).T.astype(np.float64)
        if not np.isfinite(image).all():
            raise InputError(
                "an image whose pixels are not all finite",
                where="fit_background",
                why="No background can be fitted to NaN or infinity",
                fix="Replace the bad pixels first",
            )
        return cls(image, rows @ down, columns @ across)

    def residual(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.image - self.down @ coefficients @ self.across.T


def _rescaling(pixels: int, scale: float) -> Any:
    """What skimage.transform.rescale does along an axis by default, as a sparse matrix (m, n).

    Linear interpolation after a Gaussian blur of (n / m - 1) / 2 px, cut at 4 standard
    deviations and mirrored at the outer pixels' centres.
    """
    from scipy.sparse import csr_array

    fewer = round(pixels * scale)
    step = pixels / fewer
    std_px = (step - 1) / 2
    reach = int(4 * std_px + 0.5)
    blur = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(std_px, 1e-9)) ** 2)
    blur /= blur.sum()
    centre = (np.arange(fewer)[:, None] + 0.5) * step - 0.5
    left = np.floor(centre)
    weights = (left + 1 - centre) * np.append(blur, 0) + (centre - left) * np.append(0, blur)
    last = pixels - 1
    taps = (left + np.arange(-reach, reach + 2)).astype(int)
    mirrored = np.abs((taps + last) % (2 * last) - last)
    starts = np.arange(fewer + 1) * taps.shape[1]
    matrix = (weights.astype(np.float32).ravel(), mirrored.ravel(), starts)
    return csr_array(matrix, shape=(fewer, pixels))


def _block_means(pixels: int) -> Any:
    """Means along an axis, as a sparse matrix (m, n): at least three, of equal pieces."""
    from scipy.sparse import csr_array

    blocks = max(pixels // BLOCK_px, ORDER + 1)
    starts = np.arange(blocks + 1) * pixels // blocks
    lengths = np.diff(starts)
    weights = np.repeat(1 / lengths, lengths).astype(np.float32)
    return csr_array((weights, np.arange(pixels), starts), shape=(blocks, pixels))


def _first_fit(small: _Smaller) -> NDArray[np.float64]:
    return _least_squares(small, small.image, np.ones_like(small.image))


def _second_fit(small: _Smaller, first: NDArray[np.float64], missing: float) -> NDArray[np.float64]:
    """Weighted by the residual; `missing` is a variance by which the image is too smooth.

    Normal noise of that variance would widen the weight to exp(-3 (1 - k) e / <e>), and of what
    it adds to a residual, the weight would let pass -k times the residual on average.
    """
    residual = small.residual(first)
    mean = _mean_square(residual) + missing
    if mean == 0:
        return first
    k = 6 * missing / (mean + 6 * missing)
    squared_weight = np.exp(-3 * (1 - k) / mean * residual**2)
    return _least_squares(small, small.image - k * residual, squared_weight)


def _mean_square(residual: NDArray[np.float64]) -> float:
    return float(np.mean(residual**2))


def _least_squares(
    small: _Smaller, image: NDArray[np.float64], squared_weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    down, across = small.down, small.across
    a, c = down.shape[1], across.shape[1]
    down_pairs, across_pairs = (
        (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1) for basis in (down, across)
    )
    gram = (down_pairs.T @ squared_weight @ across_pairs).reshape(a, a, c, c).swapaxes(1, 2)
    moments = down.T @ (squared_weight * image) @ across
    solution = np.linalg.solve(gram.reshape(a * c, a * c), moments.reshape(a * c))
    return np.asarray(solution, dtype=np.float64).reshape(a, c)


def _bernstein(pixels: int) -> NDArray[np.float64]:
    """Bernstein polynomials at the pixels of an edge, the first at 0, the last at 1: (n, 3)."""
    from scipy.special import comb

    t, k = np.linspace(0, 1, pixels)[:, None], np.arange(ORDER + 1)
    return comb(ORDER, k) * t**k * (1 - t) ** (ORDER - k)
