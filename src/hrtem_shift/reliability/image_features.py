"""Features of a prepared image, to compare it with a training set; no label is needed.

Roughness, three percentiles of the intensity, the skewness of fine detail, and the radial power
spectrum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.preparation.image_statistics import roughness

EDGES = (0.0, *(np.arange(2, 12) / 192).tolist(), *np.geomspace(1 / 16, 1 / 2, 14).tolist())
"""Edges of the rings of the power spectrum [cycles/px], narrow at low frequencies, where the Thon
rings of a large defocus are close together."""
BANDS = len(EDGES) - 1

DETAIL_PX = (2.0, 4.0)
"""Widths (std) of blurs; finer detail is mostly shot noise, which is skewed at a low dose."""

_LEAST_SHARE = 1e-12
"""Share of a ring without a frequency, as in a small patch."""

INTENSITIES = ("intensity_p01", "intensity_p50", "intensity_p99")
SKEWNESSES = tuple(f"skewness_below_{width:.0f}px" for width in DETAIL_PX)
SPECTRUM = tuple(f"log_power_band{band}" for band in range(1, BANDS + 1))
IMAGE_FEATURES = ("log_roughness", *INTENSITIES, *SKEWNESSES, *SPECTRUM)
"""Names of the features, in the order of the vectors."""

DESCRIPTIONS = {
    "log_roughness": "noise and fine detail against the rest",
    "intensity_p01": "the darkest intensities",
    "intensity_p50": "the median intensity",
    "intensity_p99": "the brightest intensities",
    **{
        name: f"skewness of detail below {width:.0f} px"
        for name, width in zip(SKEWNESSES, DETAIL_PX, strict=True)
    },
    **{
        name: f"part of the power in detail {1 / high:.3g} to {1 / low:.3g} px wide"
        if low
        else f"part of the power in detail wider than {1 / high:.3g} px"
        for name, low, high in zip(SPECTRUM, EDGES, EDGES[1:], strict=False)
    },
}


def features_of(patches: NDArray) -> NDArray[np.float64]:
    """Features of one micrograph from its patches.

    Parameters
    ----------
    patches : ndarray, shape (N, p, p)
        Prepared (rescaled) patches of one micrograph.

    Returns
    -------
    ndarray of float64, shape (len(IMAGE_FEATURES),)
        Logarithm of the median `roughness`; percentiles 1, 50 and 99 of the intensity, in the
        unit of the rescaling; median skewness of a patch minus its blur by each width of
        `DETAIL_PX`; decimal logarithms of the share of the power in each ring of
        frequency (at least -12), of patches without their mean under a Hann window, averaged
        over patches.
        Not finite where the patches are constant.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        log_roughness = np.log10(np.median(roughness(patches)))
        skewness = np.median([_skewness_of_detail(patch) for patch in patches], axis=0)
        spectrum = np.log10(np.maximum(_ring_shares(patches), _LEAST_SHARE))
    intensities = np.percentile(patches.astype(np.float32, copy=False), [1, 50, 99])
    return np.concatenate([[log_roughness], intensities, skewness, spectrum])


def _skewness_of_detail(patch: NDArray) -> list[float]:
    from scipy.ndimage import gaussian_filter

    values = patch.astype(np.float32)
    details = [values - gaussian_filter(values, width) for width in DETAIL_PX]
    return [float(np.mean(detail**3) / np.mean(detail**2) ** 1.5) for detail in details]


def _ring_shares(patches: NDArray) -> NDArray[np.float64]:
    """Share of the power in each of `BANDS` rings, averaged over patches (Welch 1967)."""
    from scipy import fft

    edge = patches.shape[-1]
    window = np.hanning(edge + 2)[1:-1].astype(np.float32)
    power = np.zeros((edge, edge // 2 + 1))
    for patch in patches:
        values = patch.astype(np.float32)
        values = (values - values.mean()) * window[:, None] * window
        power += np.abs(fft.rfft2(values)) ** 2
    across = fft.rfftfreq(edge)
    power *= np.where((across == 0) | (across == 0.5), 1, 2)  # half of a symmetric transform
    k = np.hypot(fft.fftfreq(edge)[:, None], across)
    ring = np.searchsorted(EDGES, k, side="right") - 1
    inside = ring < BANDS  # corners from 0.5 cycles/px are in no ring
    shares = np.bincount(ring[inside], power[inside], minlength=BANDS)
    return shares / shares.sum()
