"""Contrast and wave transfer of many conditions at the nodes of a band, in chunks.

T is the contrast transfer function of `hrtem_shift.microscope.aberrations`: abs T <= 1, where 1
is an ideal phase plate. H is the transfer of the wave.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    odd, log_odd : tensor, shape (N, q), or None
        Parts that are odd in q; None where no lens has any.
    amplitude_fraction : float
        Q.
    """

    weight: torch.Tensor
    even: torch.Tensor
    log_even: torch.Tensor
    odd: torch.Tensor | None
    log_odd: torch.Tensor | None
    amplitude_fraction: float

    @property
    def contrast(self) -> torch.Tensor:
        """T, (N, q); complex only where a lens has an odd part."""
        amplitude, phase = self.amplitude_fraction, math.sqrt(1 - self.amplitude_fraction**2)
        if self.odd is None:
            seen = -phase * self.even.sin()
            return self.log_even.exp() * (seen + amplitude * self.even.cos() if amplitude else seen)
        scattered = complex(amplitude, -phase)
        return (scattered * self._wave(1) + (scattered * self._wave(-1)).conj()) / 2

    @property
    def wave(self) -> torch.Tensor:
        """H = E exp(-i chi), complex (N, q)."""
        return self._wave(1)

    def _wave(self, sign: int) -> torch.Tensor:
        """H at q or at -q."""
        import torch

        chi, log_envelope = self.even, self.log_even
        if self.odd is not None and self.log_odd is not None:
            chi, log_envelope = chi + sign * self.odd, log_envelope + sign * self.log_odd
        return torch.polar(log_envelope.exp(), -chi)


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
    chi = _Polynomials([aberration_polynomial(lens, energy_keV) for lens in lenses], device)
    log_e = _Polynomials([log_envelope_polynomial(lens, energy_keV) for lens in lenses], device)
    kind = torch.device(device).type
    at_once = max(1, VALUES_AT_ONCE.get(kind, VALUES_AT_ONCE["cuda"]) // max(1, len(lenses)))
    nodes = np.stack([frequencies.qy_per_nm, frequencies.qx_per_nm, frequencies.weight])
    for qy, qx, weight in torch.from_numpy(nodes).to(device).split(at_once, dim=1):
        even, log_even = (part.even(qy, qx) for part in (chi, log_e))
        odd, log_odd = (part.odd(qy, qx) if chi.has_odd else None for part in (chi, log_e))
        yield Transferred(weight, even, log_even, odd, log_odd, measure.amplitude_fraction)


class _Polynomials:
    """Polynomials in qy and qx, split into parts even and odd in q."""

    def __init__(
        self, coefficients: Sequence[NDArray[np.float64]], device: torch.device | str
    ) -> None:
        import torch

        c = np.stack(coefficients)
        used = np.argwhere(np.any(c != 0, axis=0))
        is_odd = used.sum(axis=1) % 2 == 1
        self.has_odd = bool(is_odd.any())
        self._even, self._odd = (
            (terms, torch.from_numpy(c[:, terms[:, 0], terms[:, 1]]).to(device))
            for terms in (used[~is_odd], used[is_odd])
        )

    def even(self, qy: torch.Tensor, qx: torch.Tensor) -> torch.Tensor:
        """Part even in q, of nodes (q,): (N, q)."""
        return self._value(*self._even, qy, qx)

    def odd(self, qy: torch.Tensor, qx: torch.Tensor) -> torch.Tensor:
        """Part odd in q, as `even`."""
        return self._value(*self._odd, qy, qx)

    @staticmethod
    def _value(
        terms: NDArray[np.intp], c: torch.Tensor, qy: torch.Tensor, qx: torch.Tensor
    ) -> torch.Tensor:
        monomials = qy.new_empty(len(terms), len(qy))
        for row, (i, j) in zip(monomials, terms, strict=True):
            row.copy_(qy ** int(i) * qx ** int(j))
        return c @ monomials
