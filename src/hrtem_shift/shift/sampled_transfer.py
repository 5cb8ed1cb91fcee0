"""Contrast and wave transfer of many conditions at the nodes of a band, in chunks.

T is the contrast transfer function of `hrtem_shift.microscope.aberrations`: abs T <= 1, where 1
is an ideal phase plate. H is the transfer of the wave.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.aberrations import aberration_polynomial, log_envelope_polynomial
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import Frequencies, TransferMeasure

if TYPE_CHECKING:
    import torch

VALUES_AT_ONCE = {"cpu": 2**21, "cuda": 2**26}


@dataclass(frozen=True, eq=False)
class Transferred:
    """Transfer of N conditions at some of the nodes, in double precision.

    Attributes
    ----------
    weight : tensor, shape (q,)
        Of the nodes.
    even, log_even : tensor, shape (N, q)
        Parts of chi [rad] and ln E that are even in q.
    has_odd : tensor of bool, shape (N,)
        Lenses whose chi(-q) is not chi(q), by coma or threefold astigmatism.
    odd, log_odd : tensor, shape (M, q)
        Parts of these M lenses that are odd in q.
    amplitude_fraction : float
        Q.
    """

    weight: torch.Tensor
    even: torch.Tensor
    log_even: torch.Tensor
    has_odd: torch.Tensor
    odd: torch.Tensor
    log_odd: torch.Tensor
    amplitude_fraction: float

    @cached_property
    def contrast(self) -> torch.Tensor:
        """T, (N, q); complex only where a lens has an odd part."""
        amplitude, phase = self.amplitude_fraction, math.sqrt(1 - self.amplitude_fraction**2)
        seen = -phase * self.even.sin()
        if amplitude:
            seen += amplitude * self.even.cos()
        seen *= self.log_even.exp()
        if not self.has_odd.any():
            return seen
        scattered = complex(amplitude, -phase)
        there, back = (self._wave(sign) for sign in (1, -1))
        contrast = seen.to(there.dtype)
        contrast[self.has_odd] = (scattered * there + (scattered * back).conj()) / 2
        return contrast

    @cached_property
    def magnitude(self) -> torch.Tensor:
        """abs T, (N, q)."""
        import torch

        if not self.contrast.is_complex():
            return self.contrast.abs()
        return torch.view_as_real(self.contrast).square().sum(dim=-1).sqrt()

    @property
    def wave(self) -> torch.Tensor:
        """H = E exp(-i chi), complex (N, q)."""
        import torch

        wave = torch.polar(self.log_even.exp(), -self.even)
        if self.has_odd.any():
            wave[self.has_odd] = self._wave(1)
        return wave

    def _wave(self, sign: int) -> torch.Tensor:
        """H at q or at -q, of the lenses with odd parts, (M, q)."""
        import torch

        even, log_even = self.even[self.has_odd], self.log_even[self.has_odd]
        return torch.polar((log_even + sign * self.log_odd).exp(), -(even + sign * self.odd))


def transfers(
    lenses: Sequence[Lens],
    measure: TransferMeasure,
    frequencies: Frequencies,
    device: torch.device | str = "cpu",
) -> Iterator[Transferred]:
    """T and H of many conditions, in chunks of nodes.

    chi and ln E are polynomials in qy and qx, evaluated for all lenses at all nodes by one
    matrix product.

    Parameters
    ----------
    lenses : sequence of Lens, N of them
        Aberrations and coherence.
    measure : TransferMeasure
        Energy and amplitude fraction.
    frequencies : Frequencies
        From `sample_band`, of these lenses or more.
    device : torch.device or str
        Where to compute.

    Yields
    ------
    Transferred
        All nodes, chunk by chunk.
    """
    import torch

    energy_keV = measure.energy_keV
    polynomials = [
        np.stack([polynomial(lens, energy_keV) for lens in lenses])
        for polynomial in (aberration_polynomial, log_envelope_polynomial)
    ]
    has_odd = _has_odd(polynomials[0])
    chi, log_e = (_Polynomials(each, has_odd, device) for each in polynomials)
    kind = torch.device(device).type
    at_once = max(1, VALUES_AT_ONCE.get(kind, VALUES_AT_ONCE["cuda"]) // max(1, len(lenses)))
    nodes = np.stack([frequencies.qy_per_nm, frequencies.qx_per_nm, frequencies.weight])
    for qy, qx, weight in torch.from_numpy(nodes).to(device).split(at_once, dim=1):
        even, log_even = (part.even(qy, qx) for part in (chi, log_e))
        odd, log_odd = (part.odd(qy, qx) for part in (chi, log_e))
        flags = torch.from_numpy(has_odd).to(device)
        yield Transferred(weight, even, log_even, flags, odd, log_odd, measure.amplitude_fraction)


def _has_odd(coefficients: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a polynomial of qy and qx has an odd power, (N, J, K) -> (N,)."""
    powers = np.add.outer(*(np.arange(n) for n in coefficients.shape[1:]))
    return np.array([bool(each[powers % 2 == 1].any()) for each in coefficients])


class _Polynomials:
    """Polynomials in qy and qx, (N, J, K), split into parts even and odd in q."""

    def __init__(
        self,
        coefficients: NDArray[np.float64],
        has_odd: NDArray[np.bool_],
        device: torch.device | str,
    ) -> None:
        import torch

        used = np.argwhere(np.any(coefficients != 0, axis=0))
        is_odd = used.sum(axis=1) % 2 == 1
        self._even, self._odd = (
            (terms, torch.from_numpy(c[:, terms[:, 0], terms[:, 1]]).to(device))
            for terms, c in ((used[~is_odd], coefficients), (used[is_odd], coefficients[has_odd]))
        )

    def even(self, qy: torch.Tensor, qx: torch.Tensor) -> torch.Tensor:
        """Part even in q, of nodes (q,): (N, q)."""
        return self._value(*self._even, qy, qx)

    def odd(self, qy: torch.Tensor, qx: torch.Tensor) -> torch.Tensor:
        """Part odd in q of the lenses that have one, (M, q)."""
        return self._value(*self._odd, qy, qx)

    @staticmethod
    def _value(
        terms: NDArray[np.intp], c: torch.Tensor, qy: torch.Tensor, qx: torch.Tensor
    ) -> torch.Tensor:
        monomials = qy.new_empty(len(terms), len(qy))
        for row, (i, j) in zip(monomials, terms, strict=True):
            row.copy_(qy ** int(i) * qx ** int(j))
        return c @ monomials
