"""Features of a prepared image by which it is laid beside the images of a training set.

None needs a label: roughness, three percentiles of the intensity, and the radial power spectrum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.preparation.image_statistics import roughness

BANDS = 8
"""Rings of the power spectrum, equally wide, from 0 to 0.5 cycles/px."""

INTENSITIES = ("intensity_p01", "intensity_p50", "intensity_p99")
SPECTRUM = tuple(f"log_power_band{band}" for band in range(1, BANDS + 1))
FEATURES = ("log_roughness", *INTENSITIES, *SPECTRUM)
"""Names of the features, in the order of the vectors."""

IN_WORDS = {
    "log_roughness": "roughness (noise and fine detail against the rest)",
    "intensity_p01": "the darkest intensities",
    "intensity_p50": "the median intensity",
    "intensity_p99": "the brightest intensities",
    **{
        name: f"power at {band / (2 * BANDS):.2g} to {(band + 1) / (2 * BANDS):.2g} cycles/px"
        for band, name in enumerate(SPECTRUM)
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
    ndarray of float64, shape (len(FEATURES),)
        Logarithm of the median `roughness`; percentiles 1, 50 and 99 of the intensity, in the
        unit of the rescaling; decimal logarithms of the share of the power in each ring of
        frequency, of patches without their mean under a Hann window, averaged over patches.
        Not finite where the patches hold nothing but one number.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        log_roughness = np.log10(np.median(roughness(patches)))
        spectrum = np.log10(_ring_shares(patches))
    intensities = np.percentile(patches.astype(np.float32, copy=False), [1, 50, 99])
    return np.concatenate([[log_roughness], intensities, spectrum])


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
    ring = (k * 2 * BANDS).astype(int)  # corners beyond 0.5 cycles/px are in no ring
    inside = ring < BANDS
    shares = np.bincount(ring[inside], power[inside], minlength=BANDS)
    return shares / shares.sum()
