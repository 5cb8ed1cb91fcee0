"""Flat field: divide out an illumination that differs over the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError

ORDER = 2
"""Of the Bernstein polynomials, along either axis."""


def flatten(pixels: NDArray, scale: float = 0.25) -> NDArray[np.float32]:
    """Divide an image by its smooth background.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Counts; left unchanged.
    scale : float
        See `fit_background`.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Counts over background, near 1.

    Raises
    ------
    InputError
        A pixel is NaN or infinite, the image has less than three pixels along an edge after
        rescaling, or the background is not positive everywhere.
    """
    background = fit_background(pixels, scale)
    if background.min() <= 0:
        raise InputError(
            f"a background from {background.min():.3g} to {background.max():.3g} counts",
            where="flatten",
            why="Dividing by a background that is not above 0 everywhere makes no image",
            fix="Leave this image out, or undo a subtraction of the background",
        )
    return np.asarray(pixels, dtype=np.float32) / background


def fit_background(pixels: NDArray, scale: float = 0.25) -> NDArray[np.float32]:
    """Smooth surface that follows the most of an image and not its particles.

    Parameters
    ----------
    pixels : ndarray, shape (H, W)
        Counts; left unchanged.
    scale : float
        The fit is made on an image this many times as wide. It decides the result, too: the
        smaller, the less noise is left to widen the weights. The published study takes 0.25
        (of 4096 px).

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
    Image and basis are rescaled alike by skimage.transform.rescale: linear interpolation after
    a Gaussian blur of (1 / scale - 1) / 2 px, its default. The nine functions are products of
    three along y and three along x, before and after rescaling, so that the normal equations
    need no array larger than the image.
    """
    from skimage.transform import rescale

    values = np.asarray(pixels, dtype=np.float32)
    if not np.isfinite(values).all() or min(values.shape) * scale < ORDER + 0.5:
        raise InputError(
            f"an image of {values.shape[0]} x {values.shape[1]} pixels, small or not all finite",
            where="fit_background",
            why=f"Rescaled by {scale:g} it must have 3 pixels along each edge, and no NaN",
            fix="Take a larger scale, or replace the bad pixels first",
        )
    bases = [_bernstein(n) for n in values.shape]
    coefficients = _fit_twice(
        rescale(values, scale).astype(np.float64),
        *(np.stack([rescale(column, scale) for column in basis.T], axis=1) for basis in bases),
    )
    down, across = bases
    return (down @ coefficients).astype(np.float32) @ across.T.astype(np.float32)


def _fit_twice(
    image: NDArray[np.float64], down: NDArray[np.float64], across: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Coefficients (3, 3) of the products of the bases (h, 3) and (w, 3)."""
    coefficients = _least_squares(image, np.ones_like(image), down, across)
    squared_error = (image - down @ coefficients @ across.T) ** 2
    mean = squared_error.mean()
    if mean == 0:
        return coefficients
    squared_weight = np.exp(-3 * squared_error / mean)
    return _least_squares(image, squared_weight, down, across)


def _least_squares(
    image: NDArray[np.float64],
    squared_weight: NDArray[np.float64],
    down: NDArray[np.float64],
    across: NDArray[np.float64],
) -> NDArray[np.float64]:
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
