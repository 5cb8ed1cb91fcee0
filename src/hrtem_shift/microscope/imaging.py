"""From an exit wave to images: lens, interference contrast, absorption, motion.

The aberrations of many conditions are one small product of matrices, since chi is a
polynomial in qy and qx; it is reduced to a turn in double precision, so that the rest may be
single. Nothing is computed beyond the band limit of multislice, nor passed: below it
intensities do not alias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.aberrations import (
    DEGREE,
    aberration_polynomial,
    log_envelope_polynomial,
)
from hrtem_shift.microscope.conditions import Blur, ImagingConditions, Lens
from hrtem_shift.microscope.multislice import BAND_LIMIT
from hrtem_shift.microscope.partial_coherence import coherent_lenses

if TYPE_CHECKING:
    import torch

Coherence = Literal["quasi_coherent", "explicit"]

ODD = np.add.outer(np.arange(DEGREE + 1), np.arange(DEGREE + 1)) % 2 == 1
"""Coefficients of chi that change sign with q: coma, threefold and fivefold astigmatism."""
PIXELS_AT_ONCE = {"cpu": 2**18, "cuda": 2**26}
"""Images are made in chunks that fit the cache of a core; a GPU wants large ones."""


def image_intensity(
    wave: torch.Tensor,
    conditions: ImagingConditions,
    energy_keV: float,
    pixel_size_nm: float,
    thickness_nm: NDArray[np.floating],
) -> NDArray[np.float32]:
    """Image of a wave under one condition, (H, W): the case of one of `image_intensities`."""
    images = image_intensities(wave, [conditions], energy_keV, pixel_size_nm, thickness_nm)
    return images[0].cpu().numpy()


def image_intensities(
    waves: torch.Tensor,
    conditions: Sequence[ImagingConditions],
    energy_keV: float,
    pixel_size_nm: float,
    thickness_nm: NDArray[np.floating],
    coherence: Coherence = "quasi_coherent",
) -> torch.Tensor:
    """Images of one scene under many conditions, before the camera.

    I = [1 + c (I_coh - mean I_coh)] exp(-t / Lambda): I_coh is the image of the lens, c the
    interference contrast (experiments show about half the contrast of simulations: Hytch and
    Stobbs, Ultramicroscopy 53 (1994) 191), t the thickness of the particle and Lambda its
    absorption length. The mean over the field before absorption is 1: electrons that the
    lens damps arrive as an even background. Vibration and drift then move I while it is
    exposed.

    Parameters
    ----------
    waves : complex tensor, shape (H, W) or (P, H, W)
        Exit wave with incident amplitude 1, or those of P configurations of moving atoms,
        whose intensities are averaged.
    conditions : sequence of ImagingConditions, N of them
        Lens, contrast and blur; dose and camera are not used here.
    energy_keV : float
        Energy of the electrons, keV.
    pixel_size_nm : float
        Edge of a pixel, nm.
    thickness_nm : array, shape (H, W)
        Path inside the particles, nm.
    coherence : str
        ``quasi_coherent``: envelopes damp the wave. ``explicit``: intensities are averaged
        over focus and tilt, tens to thousands of times slower; see `partial_coherence`.

    Returns
    -------
    float32 tensor, shape (N, H, W), on the device of the waves
        Intensity where vacuum is 1, never negative.

    Raises
    ------
    InputError
        An explicit average would take too many images.
    """
    images = coherent_intensities(waves, conditions, energy_keV, pixel_size_nm, coherence)
    return specimen_intensities(images, conditions, pixel_size_nm, thickness_nm)


def specimen_intensities(
    images: torch.Tensor,
    conditions: Sequence[ImagingConditions],
    pixel_size_nm: float,
    thickness_nm: NDArray[np.floating],
) -> torch.Tensor:
    """What contrast, absorption and motion make of images of the lens; the second half of
    `image_intensities`.

    Parameters
    ----------
    images : float32 tensor, shape (N, H, W)
        From `coherent_intensities`; overwritten.
    conditions, pixel_size_nm, thickness_nm
        As in `image_intensities`.

    Returns
    -------
    float32 tensor, shape (N, H, W)
    """
    import torch

    thickness = torch.as_tensor(thickness_nm, dtype=torch.float32, device=images.device)
    for image, condition in zip(images, conditions, strict=True):
        image.mul_(condition.interference_contrast)
        image.add_(1 - image.mean(dtype=torch.float64))
        if condition.absorption_length_nm is not None:
            image.mul_(torch.exp(thickness / -condition.absorption_length_nm))
        if condition.image_spread_std_nm or condition.drift_x_nm or condition.drift_y_nm:
            image.copy_(_moved(image, condition, pixel_size_nm))
        # With c <= 1 and a mean of at most 1 only rounding and ringing can fall below zero.
        image.clamp_(min=0)
    return images


def coherent_intensities(
    waves: torch.Tensor,
    lenses: Sequence[Lens],
    energy_keV: float,
    pixel_size_nm: float,
    coherence: Coherence = "quasi_coherent",
) -> torch.Tensor:
    """Intensity abs(F⁻¹[E exp(-i chi) F psi])² behind each lens, float32 (N, H, W).

    Parameters
    ----------
    waves, energy_keV, pixel_size_nm, coherence
        As in `image_intensities`.
    lenses : sequence of Lens, N of them
        Aberrations and coherence.

    Returns
    -------
    float32 tensor, shape (N, H, W), on the device of the waves
        Its mean is 1 less what the wave loses to the band limit and to envelopes.
    """
    import torch

    height, width = waves.shape[-2:]
    rows, columns = _band(height), _band(width)
    qy, qx = rows / (height * pixel_size_nm), columns / (width * pixel_size_nm)
    band_per_nm = BAND_LIMIT / 2 / pixel_size_nm
    inside = torch.from_numpy(np.hypot(qy[:, None], qx) <= band_per_nm).to(waves.device)
    spectra = torch.fft.fft2(waves).reshape(-1, height, width)
    spectra = spectra[:, rows % height][:, :, columns % width].mul_(inside)
    transfers = _Transfers(qy, qx, waves.device)
    parts = _parts(lenses, energy_keV, band_per_nm, coherence)
    images = _zeros((len(lenses), height, width), waves.device)
    at_once = max(1, PIXELS_AT_ONCE[waves.device.type] // (height * width))
    padded_shape = (min(at_once, len(parts.lens)), height, width)
    padded = torch.zeros(padded_shape, dtype=spectra.dtype, device=waves.device)
    buffer = torch.empty(padded_shape, dtype=spectra.real.dtype, device=waves.device)
    for first in range(0, len(parts.lens), at_once):
        chunk = slice(first, first + at_once)
        transfer = transfers.of(parts.chi[chunk], parts.log_envelope[chunk])
        weights = parts.weight[chunk] / len(spectra)
        for spectrum in spectra:
            # The band starts at its lowest frequency, not at 0: a phase that abs() forgets.
            band = padded[: len(transfer), : len(rows), : len(columns)]
            torch.mul(transfer, spectrum, out=band)
            wave = torch.fft.ifft2(padded[: len(transfer)])
            squares = torch.view_as_real(wave).square_()
            intensity = torch.add(squares[..., 0], squares[..., 1], out=buffer[: len(transfer)])
            for lens, weight, part in zip(parts.lens[chunk], weights, intensity, strict=True):
                images[lens].add_(part, alpha=weight)
    return images


@dataclass(frozen=True)
class _Parts:
    """Coherent images to make: index of the lens that each belongs to, and its weight there."""

    lens: NDArray[np.intp]
    weight: NDArray[np.float64]
    chi: NDArray[np.float64]
    log_envelope: NDArray[np.float64]


def _parts(
    lenses: Sequence[Lens], energy_keV: float, band_per_nm: float, coherence: Coherence
) -> _Parts:
    if coherence == "quasi_coherent":
        chi = np.array([aberration_polynomial(lens, energy_keV) for lens in lenses])
        log_envelope = np.array([log_envelope_polynomial(lens, energy_keV) for lens in lenses])
        return _Parts(np.arange(len(lenses)), np.ones(len(lenses)), chi, log_envelope)
    averages = [coherent_lenses(lens, energy_keV, band_per_nm) for lens in lenses]
    weight = np.concatenate([weights for _, weights in averages])
    lens = np.repeat(np.arange(len(lenses)), [len(weights) for _, weights in averages])
    chi = np.concatenate([polynomials for polynomials, _ in averages])
    return _Parts(lens, weight, chi, np.zeros((len(lens), 1, 1)))


class _Transfers:
    """Values of polynomials on one grid of frequencies."""

    def __init__(
        self, qy_per_nm: NDArray[np.floating], qx_per_nm: NDArray[np.floating], device: torch.device
    ) -> None:
        import torch

        self.powers_y, self.powers_x = (
            torch.from_numpy(np.vander(q, 2 * DEGREE - 1, increasing=True)).to(device)
            for q in (qy_per_nm, qx_per_nm)
        )

    def of(self, chi: NDArray[np.float64], log_envelope: NDArray[np.float64]) -> torch.Tensor:
        """E exp(-i chi), complex64 (N, h, w)."""
        import torch

        rows = self.powers_y
        even = not chi[:, ODD].any()
        if even:  # the frequencies q and -q pass alike, and stand opposite in the band
            rows = rows[: len(rows) // 2 + 1]
        turns = self._values(rows, chi / (-2 * pi))
        angle = turns.sub_(turns.round()).to(torch.float32).mul_(2 * pi)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        if log_envelope.any():
            envelope = self._values(rows, log_envelope).to(torch.float32).exp_()
            cosine.mul_(envelope)
            sine.mul_(envelope)
        transfer = torch.complex(cosine, sine)
        return torch.cat([transfer, transfer[:, :-1].flip(1, 2)], 1) if even else transfer

    def _values(self, rows: torch.Tensor, coefficients: NDArray[np.float64]) -> torch.Tensor:
        import torch

        c = torch.from_numpy(coefficients).to(rows.device)
        return rows[:, : c.shape[-1]] @ c @ self.powers_x[:, : c.shape[-1]].T


def _zeros(shape: tuple[int, int, int], device: torch.device) -> torch.Tensor:
    """Float32 zeros; NumPy's are in large pages, whose first touch is a seventh of all time."""
    import torch

    if device.type == "cpu":
        return torch.from_numpy(np.zeros(shape, dtype=np.float32))
    return torch.zeros(shape, device=device)


def _band(pixels: int) -> NDArray[np.int64]:
    """Frequencies within the band limit, in cycles a field."""
    highest = int(BAND_LIMIT * pixels / 2)
    return np.arange(-highest, highest + 1)


def _moved(image: torch.Tensor, blur: Blur, pixel_size_nm: float) -> torch.Tensor:
    """Image (H, W) of a specimen that vibrates (Gaussian) and drifts at constant speed."""
    import torch

    height, width = image.shape
    qy = torch.fft.fftfreq(height, pixel_size_nm, device=image.device)[:, None]
    qx = torch.fft.rfftfreq(width, pixel_size_nm, device=image.device)
    along = torch.sinc(qx * blur.drift_x_nm + qy * blur.drift_y_nm)
    spread = torch.exp(-2 * (pi * blur.image_spread_std_nm) ** 2 * (qx.square() + qy.square()))
    return torch.fft.irfft2(torch.fft.rfft2(image) * along * spread, s=(height, width))
