"""From an exit wave to an image: lens, interference contrast, absorption.

Parameter blocks live here without torch, so that a pipeline can read them cheaply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hrtem_shift.microscope.aberrations import aberration_phase, temporal_envelope
from hrtem_shift.parameters import ParameterBlock

if TYPE_CHECKING:
    import torch


class ImagingConditions(ParameterBlock):
    """Everything between an exit wave and one micrograph."""

    defocus_nm: float  # positive = underfocus
    cs_mm: float
    focal_spread_std_nm: float = Field(ge=0)
    interference_contrast: float = Field(default=0.5, ge=0, le=1)
    absorption_length_nm: float = Field(default=150, gt=0)
    dose_e_per_A2: float = Field(gt=0)
    mtf_std_px: float = Field(default=0.75, ge=0)


class ImagingDistribution(ParameterBlock):
    """What the conditions of a micrograph are drawn from; the dose belongs to its data set."""

    defocus_nm_mean: float = 10.0  # positive = underfocus
    defocus_nm_std: float = Field(default=2.0, ge=0)
    cs_mm: float = 0.005  # aberration-corrected
    focal_spread_std_nm: float = Field(default=1.5, ge=0)
    interference_contrast: float = Field(default=0.5, ge=0, le=1)  # Stobbs factor
    absorption_length_nm: float = Field(default=150, gt=0)  # of the intensity
    mtf_std_px: float = Field(default=0.75, ge=0)

    def draw(self, rng: np.random.Generator, dose_e_per_A2: float) -> ImagingConditions:
        """Conditions of one micrograph: a normal defocus, the rest as given."""
        return ImagingConditions(
            defocus_nm=float(rng.normal(self.defocus_nm_mean, self.defocus_nm_std)),
            cs_mm=self.cs_mm,
            focal_spread_std_nm=self.focal_spread_std_nm,
            interference_contrast=self.interference_contrast,
            absorption_length_nm=self.absorption_length_nm,
            dose_e_per_A2=dose_e_per_A2,
            mtf_std_px=self.mtf_std_px,
        )


def image_intensity(
    wave: torch.Tensor,
    conditions: ImagingConditions,
    energy_keV: float,
    pixel_size_nm: float,
    thickness_nm: NDArray[np.floating],
) -> NDArray[np.float32]:
    """Image of an exit wave, before the camera.

    I = [1 + c (I_coh - mean I_coh)] exp(-t / Lambda): I_coh is the image of a quasi-coherent
    lens, c the interference contrast (experiments show about half the contrast of
    simulations: Hytch and Stobbs, Ultramicroscopy 53 (1994) 191), t the thickness of the
    particle and Lambda its absorption length. The mean over the field before absorption is
    1: electrons that the lens damps arrive as an even background.

    Parameters
    ----------
    wave : complex tensor, shape (H, W)
        Exit wave with incident amplitude 1.
    conditions : ImagingConditions
        Lens, contrast and absorption; dose and camera are not used here.
    energy_keV : float
        Energy of the electrons, keV.
    pixel_size_nm : float
        Edge of a pixel, nm.
    thickness_nm : array, shape (H, W)
        Path inside the particles, nm.

    Returns
    -------
    array of float32, shape (H, W)
        Intensity where vacuum is 1, never negative.
    """
    coherent = coherent_intensity(wave, conditions, energy_keV, pixel_size_nm)
    interference = conditions.interference_contrast * (coherent - coherent.mean(dtype=np.float64))
    transmitted = np.exp(-np.asarray(thickness_nm) / conditions.absorption_length_nm)
    # With c <= 1 and a mean of at most 1 only rounding can fall below zero.
    return np.maximum((1 + interference) * transmitted, 0).astype(np.float32)


def coherent_intensity(
    wave: torch.Tensor, conditions: ImagingConditions, energy_keV: float, pixel_size_nm: float
) -> NDArray[np.float32]:
    """Intensity abs(F⁻¹[E exp(-i chi) F psi])², shape (H, W): the lens alone."""
    import torch

    transfer = wave_transfer((wave.shape[0], wave.shape[1]), conditions, energy_keV, pixel_size_nm)
    spectrum = torch.fft.fft2(wave) * torch.from_numpy(transfer).to(wave.device)
    image = torch.fft.ifft2(spectrum)
    intensity = image.real.square() + image.imag.square()
    return intensity.to(dtype=torch.float32).cpu().numpy()


def wave_transfer(
    shape: tuple[int, int], conditions: ImagingConditions, energy_keV: float, pixel_size_nm: float
) -> NDArray[np.complex64]:
    """E exp(-i chi) at the frequencies of an unshifted FFT, shape (H, W)."""
    qy_per_nm, qx_per_nm = (np.fft.fftfreq(n, pixel_size_nm) for n in shape)
    # A round lens is even in qy and qx: compute one quadrant, repeat it.
    rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in shape)
    quadrant = np.hypot(qy_per_nm[: shape[0] // 2 + 1, None], qx_per_nm[None, : shape[1] // 2 + 1])
    chi = aberration_phase(
        quadrant,
        defocus_nm=conditions.defocus_nm,
        cs_mm=conditions.cs_mm,
        energy_keV=energy_keV,
    )
    envelope = temporal_envelope(
        quadrant, focal_spread_std_nm=conditions.focal_spread_std_nm, energy_keV=energy_keV
    )
    transfer = (envelope * np.exp(-1j * chi)).astype(np.complex64)
    return transfer[rows[:, None], columns[None, :]]
