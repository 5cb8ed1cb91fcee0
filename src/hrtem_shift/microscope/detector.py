"""The camera: electrons that arrive one by one, and what it makes of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.microscope.conditions import Camera, Illumination, ImagingConditions

ANGSTROM_PER_NM = 10.0


def record(
    intensity: NDArray[np.floating],
    conditions: ImagingConditions,
    pixel_size_nm: float,
    rng: np.random.Generator,
    pattern_rng: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """Expose the camera.

    Step by step: the expected electrons of each pixel, dose x pixel area x intensity x
    illumination, are blurred by the scattering, since electrons that are displaced at random
    are again Poisson; a Poisson number arrives; each makes a spot of light of random
    strength, with Gamma(k) / k, k = dqe_zero / (1 - dqe_zero), so that n electrons have the
    variance n / dqe_zero and none is negative; spots overlap; the read-out adds white noise;
    each pixel has a gain; x-rays strike a few.

    Parameters
    ----------
    intensity : array, shape (H, W)
        Image where vacuum is 1.
    conditions : ImagingConditions
        Those of `Illumination` and `Camera` are used.
    pixel_size_nm : float
        Edge of a pixel, nm.
    rng : numpy.random.Generator
        Source of the random numbers of this exposure.
    pattern_rng : numpy.random.Generator or None
        Source of the pixels' gains: in the same state for all exposures of a session. None:
        every exposure has gains of its own.

    Returns
    -------
    array of float32, shape (H, W)
        Counts. Electrons per pixel, all whole numbers, by the camera's default values.
    """
    from hrtem_shift.microscope.poisson import poisson_counts

    expected = _expected_electrons(intensity, conditions, pixel_size_nm)
    electrons = poisson_counts(expected, rng)
    if conditions.dqe_zero < 1:
        k = conditions.dqe_zero / (1 - conditions.dqe_zero)
        electrons = rng.standard_gamma(k * electrons, dtype=np.float32) / k
    electrons = _blur(electrons, conditions.spot_std_px)
    if conditions.read_noise_e > 0:
        noise = rng.standard_normal(electrons.shape, dtype=np.float32)
        electrons += conditions.read_noise_e * noise
    if conditions.gain_error_std > 0:
        error = (pattern_rng or rng).standard_normal(electrons.shape, dtype=np.float32)
        electrons *= 1 + conditions.gain_error_std * error
    counts = conditions.counts_per_electron * electrons + conditions.dark_counts
    if conditions.xrays_per_image > 0:
        struck = rng.integers(counts.size, size=rng.poisson(conditions.xrays_per_image))
        np.add.at(counts.reshape(-1), struck, rng.exponential(conditions.xray_counts, struck.size))
    return counts


def illumination_map(shape: tuple[int, int], illumination: Illumination) -> NDArray[np.float64]:
    """Relative dose of each pixel under a round Gaussian beam.

    Parameters
    ----------
    shape : tuple of int
        Pixels (H, W). The field's width reaches from the left edge of its first pixel to the
        right edge of its last.
    illumination : Illumination
        Drop and centre of the beam; the dose is not used.

    Returns
    -------
    array of float64, shape (H, W)
        (1 - drop)^(r² / R²), R half the diagonal, r from the beam's centre, divided by its
        mean over the field.
    """
    steepness = 4 * np.log1p(-illumination.illumination_drop) / (shape[0] ** 2 + shape[1] ** 2)
    centre = (illumination.illumination_centre_y, illumination.illumination_centre_x)
    profiles = [
        np.exp(steepness * (np.arange(n) + 0.5 - fraction * n) ** 2)
        for n, fraction in zip(shape, centre, strict=True)
    ]
    down, across = (profile / profile.mean() for profile in profiles)
    return down[:, None] * across


def mtf(q_cycles_per_px: ArrayLike, camera: Camera) -> NDArray[np.float64]:
    """Modulation transfer of scattering and spot.

    Parameters
    ----------
    q_cycles_per_px : array_like
        Spatial frequency, cycles/px; Nyquist is 0.5.
    camera : Camera
        Its two widths are used.

    Returns
    -------
    array of float64
        exp(-2 pi² q² (scatter² + spot²)), 1 at q = 0.
    """
    return _transfer(q_cycles_per_px, float(np.hypot(camera.scatter_std_px, camera.spot_std_px)))


def dqe(q_cycles_per_px: ArrayLike, camera: Camera, electrons_per_px: float) -> NDArray[np.float64]:
    """Detective quantum efficiency: what a camera leaves of the squared signal-to-noise ratio.

    Parameters
    ----------
    q_cycles_per_px : array_like
        Spatial frequency, cycles/px.
    camera : Camera
        All but its dark counts and x-rays are used.
    electrons_per_px : float
        Mean number n of electrons: the fewer, the more read noise matters; the more, the
        more the error of the gain.

    Returns
    -------
    array of float64
        n MTF² / N, with the noise power N = n spot² / dqe_zero + read² + (n gain_error)² of a
        flat field in electrons² and spot the transfer of the spot alone. Terms of the order
        n gain_error² are left out.
    """
    noise = (
        electrons_per_px * _transfer(q_cycles_per_px, camera.spot_std_px) ** 2 / camera.dqe_zero
        + camera.read_noise_e**2
        + (electrons_per_px * camera.gain_error_std) ** 2
    )
    return electrons_per_px * mtf(q_cycles_per_px, camera) ** 2 / noise


def _expected_electrons(
    intensity: NDArray[np.floating], conditions: ImagingConditions, pixel_size_nm: float
) -> NDArray[np.floating]:
    electrons_per_px = conditions.dose_e_per_A2 * (pixel_size_nm * ANGSTROM_PER_NM) ** 2
    expected = electrons_per_px * np.asarray(intensity, dtype=np.float32)
    if conditions.illumination_drop > 0:
        expected = expected * illumination_map(expected.shape, conditions)
    # Beside a bright edge the blur of a black area may ring below zero.
    return np.maximum(_blur(expected, conditions.scatter_std_px), 0)


def _blur(image: NDArray[np.floating], std_px: float) -> NDArray[np.floating]:
    """Convolve with a Gaussian, periodic at the borders.

    Its transfer is exact at every frequency; a sampled kernel of 0.65 px passes 0.25 at
    Nyquist in place of 0.12, and takes longer.
    """
    from scipy import fft

    if std_px == 0:
        return image
    down, across = fft.fftfreq(image.shape[0]), fft.rfftfreq(image.shape[1])
    transfer = _transfer(down, std_px)[:, None] * _transfer(across, std_px)
    spectrum = fft.rfft2(image) * transfer.astype(image.dtype)
    return fft.irfft2(spectrum, s=image.shape, overwrite_x=True)


def _transfer(q_cycles_per_px: ArrayLike, std_px: float) -> NDArray[np.float64]:
    return np.exp(-2 * (np.pi * std_px * np.asarray(q_cycles_per_px, dtype=np.float64)) ** 2)
