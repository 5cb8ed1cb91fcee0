"""Projected potentials of slices, exact to about 1e-5 up to Nyquist.

A non-uniform Fourier transform of type 1: atoms are spread by a narrow window onto a grid 1.25
times finer, transformed, freed from the window, multiplied by their scattering
factor, and cropped in Fourier space to the wave's grid. Nothing is cut below Nyquist: a
potential cut to the band limit *before* the exponential doubles the error of the wave.

Two slices are made at once, one as the real and one as the imaginary part: the transforms
are linear, and the factors between them real and even.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, pi
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.scattering import (
    Parametrization,
    POTENTIAL_V_nm2,
    scattering_factor_nm,
)

if TYPE_CHECKING:
    import torch

OVERSAMPLING = 1.25
WINDOW_WIDTH = 8
WINDOW_SHAPE = 0.98 * pi * WINDOW_WIDTH * (1 - 1 / (2 * OVERSAMPLING))
"""The window is exp(shape (sqrt(1 - (2 t / width)²) - 1)), as narrow in frequency as the best.

Barnett, Magland and af Klinteberg, SIAM J. Sci. Comput. 41 (2019) C479, section 4.
"""

Planes = dict[int, "tuple[torch.Tensor, torch.Tensor, torch.Tensor]"]
"""Atomic number -> x and y (float64, nm) and plane (int64) of its atoms, each of shape (n,).

Plane 2 k is the real part of pair k, plane 2 k + 1 its imaginary part.
"""


@dataclass(frozen=True)
class Grid:
    """A square, periodic grid: sample i stands at i times the pixel size."""

    pixels: int
    field_nm: float

    @property
    def fine_pixels(self) -> int:
        """Samples along an edge of the finer grid that atoms are spread on.

        Even, and quick to transform.
        """
        from scipy.fft import next_fast_len

        return 2 * next_fast_len(ceil(OVERSAMPLING * self.pixels / 2), real=True)

    @property
    def pixel_size_nm(self) -> float:
        """Distance between samples, nm."""
        return self.field_nm / self.pixels

    def q_per_nm(self) -> NDArray[np.float64]:
        """Frequencies of an unshifted FFT along one axis, 1/nm, shape (pixels,)."""
        return np.fft.fftfreq(self.pixels, self.pixel_size_nm).astype(np.float64)


class SlicePotentials:
    """Makes the potential of any set of atoms on one grid; keeps a factor per element.

    Parameters
    ----------
    grid : Grid
        Grid of the wave.
    device : torch.device
        Where to compute.
    parametrization : {"lobato", "kirkland"}
        Table of scattering factors.
    """

    def __init__(
        self, grid: Grid, device: torch.device, parametrization: Parametrization = "lobato"
    ) -> None:
        self.grid, self.device, self.parametrization = grid, device, parametrization
        self._factors: dict[int, torch.Tensor] = {}

    def pairs_V_nm(self, planes: Planes, pairs: int) -> torch.Tensor:
        """Projected potentials of twice as many slices as there are pairs.

        Parameters
        ----------
        planes : Planes
            The atoms, and which plane each belongs to.
        pairs : int
            How many pairs of planes.

        Returns
        -------
        complex64 tensor, shape (pairs, H, W)
            Potential integrated along the beam, V nm: that of even planes is the real part,
            that of odd planes the imaginary part.
        """
        import torch

        n = self.grid.pixels
        spectrum = torch.zeros((pairs, n, n), dtype=torch.complex64, device=self.device)
        for element, (x_nm, y_nm, plane) in planes.items():
            fine = torch.fft.fft2(spread(x_nm, y_nm, plane, pairs, self.grid))
            factor = self._factor(element)
            for corner in corners(n):
                spectrum[corner].addcmul_(fine[corner], factor[corner])
        return torch.fft.ifft2(spectrum, norm="forward")

    def _factor(self, element: int) -> torch.Tensor:
        import torch

        if element not in self._factors:
            factor = torch.from_numpy(potential_factor(element, self.grid, self.parametrization))
            self._factors[element] = factor.to(self.device)
        return self._factors[element]


def potential_factor(
    element: int, grid: Grid, parametrization: Parametrization = "lobato"
) -> NDArray[np.float32]:
    """What turns the transform of spread atoms into that of their potential.

    h²/(2 pi m e) f_e(q) / area / window, zero at Nyquist, shape (H, W), V nm.
    """
    half = grid.pixels // 2
    q_per_nm = grid.q_per_nm()[: half + 1]
    amplitude_nm = scattering_factor_nm(
        element, np.hypot(q_per_nm[:, None], q_per_nm[None, :]), parametrization
    )
    window = window_transform(np.arange(half + 1) / grid.fine_pixels)
    factor = POTENTIAL_V_nm2 / grid.field_nm**2 * amplitude_nm
    factor /= window[:, None] * window[None, :]
    factor[half, :] = factor[:, half] = 0  # a real grid holds only half of these waves
    there_and_back = np.minimum(np.arange(grid.pixels), grid.pixels - np.arange(grid.pixels))
    return factor.astype(np.float32)[there_and_back[:, None], there_and_back[None, :]]


def spread(
    x_nm: torch.Tensor, y_nm: torch.Tensor, plane: torch.Tensor, pairs: int, grid: Grid
) -> torch.Tensor:
    """Sum of a window around each atom, on the finer grid, complex64 (pairs, M, M), periodic."""
    import torch

    m = grid.fine_pixels
    columns, x_weights = _window_around(x_nm * (m / grid.field_nm), m)
    rows, y_weights = _window_around(y_nm * (m / grid.field_nm), m)
    pair, part = plane // 2, plane % 2
    lines = (pair[:, None] * m + rows) * (2 * m) + part[:, None]
    places = lines[:, :, None] + (2 * columns)[:, None, :]  # (n, 8, 8)
    weights = y_weights[:, :, None] * x_weights[:, None, :]
    fine = torch.zeros(pairs * m * m * 2, dtype=torch.float32, device=x_nm.device)
    fine.index_add_(0, places.flatten(), weights.flatten())
    return torch.view_as_complex(fine.view(pairs, m, m, 2))


def corners(pixels: int) -> list[tuple[Any, slice, slice]]:
    """Where an unshifted spectrum of any size holds the frequencies of `pixels` samples."""
    halves = slice(None, pixels // 2), slice(-(pixels // 2), None)
    return [(..., rows, columns) for rows in halves for columns in halves]


def window_transform(cycles_per_sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fourier transform of the window, by Gauss-Legendre quadrature."""
    x, weights = np.polynomial.legendre.leggauss(64)
    window = np.exp(WINDOW_SHAPE * (np.sqrt(1 - x**2) - 1))
    waves = np.cos(pi * WINDOW_WIDTH * np.multiply.outer(cycles_per_sample, x))
    return waves @ (weights * window) * (WINDOW_WIDTH / 2)


def _window_around(position: torch.Tensor, m: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples (n, 8) within half a window of each position, and their float32 weights."""
    import torch

    first = torch.ceil(position - WINDOW_WIDTH / 2)
    steps = torch.arange(WINDOW_WIDTH, device=position.device)
    away = ((first - position)[:, None] + steps).to(torch.float32)
    inside = 1 - away.mul_(2 / WINDOW_WIDTH).square_()
    weights = inside.clamp_(min=0).sqrt_().sub_(1).mul_(WINDOW_SHAPE).exp_()
    return (first.to(torch.int64)[:, None] + steps) % m, weights
