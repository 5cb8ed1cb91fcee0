"""What one condition transfers: share of power, of amplitude, of the band, of information.

A reconstruction (see `hrtem_shift.shift.measure`). T is the contrast transfer function of
`hrtem_shift.microscope.aberrations`: abs T <= 1, where 1 is an ideal phase plate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.aberrations import (
    aberration_polynomial,
    contrast_transfer,
    log_envelope_polynomial,
    wave_aberration,
    wave_transfer,
)
from hrtem_shift.microscope.conditions import ImagingConditions, Lens
from hrtem_shift.microscope.electrons import interaction_per_V_nm
from hrtem_shift.microscope.scattering import POTENTIAL_V_nm2, scattering_factor_nm
from hrtem_shift.shift.measure import FlatWeight, Frequencies, TransferMeasure, sample_band

if TYPE_CHECKING:
    import pandas as pd
    import torch

VALUES_AT_ONCE = {"cpu": 2**21, "cuda": 2**26}
A2_PER_NM2 = 100.0
HALF_POWER = 1 / math.sqrt(2)

PhasePower = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Frequencies [1/nm] -> power of the object's phase, rad² A²; times DQE for a camera."""


@dataclass(frozen=True, eq=False)
class Transferred:
    """Transfer of N conditions at some of the nodes, in double precision.

    Attributes
    ----------
    weight : tensor, shape (q,)
        Of the nodes.
    even, log_even : tensor, shape (N, q)
        Parts of chi [rad] and ln E that are the same at q and -q.
    odd, log_odd : tensor, shape (N, q), or None
        Parts that change their sign; None where no lens has any.
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
    """T and H of many conditions, a few nodes at a time.

    chi and ln E are polynomials in qy and qx: those of all lenses at all nodes are one
    product of matrices.

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
        All nodes in turn.
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
    """Polynomials in qy and qx, in parts that keep and that change their sign with q."""

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
        """The part that is the same at q and -q, of nodes (q,): (N, q)."""
        return self._value(*self._even, qy, qx)

    def odd(self, qy: torch.Tensor, qx: torch.Tensor) -> torch.Tensor:
        """The part that changes its sign with q, as `even`."""
        return self._value(*self._odd, qy, qx)

    @staticmethod
    def _value(
        terms: NDArray[np.intp], c: torch.Tensor, qy: torch.Tensor, qx: torch.Tensor
    ) -> torch.Tensor:
        monomials = qy.new_empty(len(terms), len(qy))
        for row, (i, j) in zip(monomials, terms, strict=True):
            row.copy_(qy ** int(i) * qx ** int(j))
        return c @ monomials


def transfer_power(
    lenses: Sequence[Lens], measure: TransferMeasure, device: torch.device | str = "cpu"
) -> NDArray[np.float64]:
    """Share of power that conditions transfer, <T, T>, between 0 and 1.

    An ideal phase plate has 1, rapid oscillation half of what the envelopes leave.

    Parameters
    ----------
    lenses : sequence of Lens, N of them
        Conditions.
    measure : TransferMeasure
        Band and weight.
    device : torch.device or str
        Where to compute.

    Returns
    -------
    array of float64, shape (N,)
    """
    return _mean(lenses, measure, lambda magnitude: magnitude.square(), device)


def transfer_amplitude(
    lenses: Sequence[Lens], measure: TransferMeasure, device: torch.device | str = "cpu"
) -> NDArray[np.float64]:
    """Weighted mean of abs T, between `transfer_power` and its square root; else as that."""
    return _mean(lenses, measure, lambda magnitude: magnitude, device)


def transfer_coverage(
    lenses: Sequence[Lens],
    measure: TransferMeasure,
    threshold: float = HALF_POWER,
    device: torch.device | str = "cpu",
) -> NDArray[np.float64]:
    """Share of the band where abs T reaches a threshold; else as `transfer_power`.

    It jumps where a whole band crosses the threshold: no measure for a fit.
    """
    return _mean(lenses, measure, lambda magnitude: (magnitude >= threshold).double(), device)


def transfer_information(
    conditions: Sequence[ImagingConditions],
    measure: TransferMeasure,
    phase_power: PhasePower,
    device: torch.device | str = "cpu",
) -> pd.DataFrame:
    """Shannon information of images of a weak object, the one that knows the dose.

    i = pi times the integral of q log2(1 + 4 D P abs(T)²) dq, the capacity of a Gaussian
    channel for a spectral signal-to-noise ratio of 4 D P abs(T)² (D the dose, P the phase
    power). It grows with the dose as long as that is low, and with its logarithm later.

    Parameters
    ----------
    conditions : sequence of ImagingConditions, N of them
        Lens and dose; the camera counts only through `phase_power`.
    measure : TransferMeasure
        Band; the weight is the area.
    phase_power : callable
        See `PhasePower`, `random_atoms_phase_power`.
    device : torch.device or str
        Where to compute.

    Returns
    -------
    DataFrame
        One row a condition: bits_per_A2, and share, that of an ideal transfer T = 1 at the
        same dose, between 0 and 1.
    """
    import pandas as pd
    import torch

    bits = torch.zeros(2, len(conditions), dtype=torch.float64, device=device)
    for weight, *ratios in signal_to_noise(conditions, measure, phase_power, device):
        for row, ratio in zip(bits, ratios, strict=True):
            row += torch.log1p(ratio) @ weight / math.log(2)
    found, best = (bits * measure.area_per_nm2 / 2 / A2_PER_NM2).cpu().numpy()
    share = np.divide(found, best, out=np.zeros_like(found), where=best > 0)
    return pd.DataFrame({"bits_per_A2": found, "share": share})


def signal_to_noise(
    conditions: Sequence[ImagingConditions],
    measure: TransferMeasure,
    phase_power: PhasePower,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Spectral signal-to-noise ratio 4 D P abs(T)², a few nodes at a time.

    Parameters
    ----------
    conditions, measure, phase_power, device
        As in `transfer_information`.

    Yields
    ------
    weight : float64 tensor, shape (q,)
        Share of the band's area.
    passed, ideal : float64 tensor, shape (N, q)
        Of the condition, and of T = 1 at its dose.
    """
    import torch

    flat = measure.model_copy(update={"weight": FlatWeight()})
    frequencies = sample_band(conditions, flat)
    q_per_nm = np.hypot(frequencies.qy_per_nm, frequencies.qx_per_nm)
    signal = torch.from_numpy(4 * phase_power(q_per_nm)).to(device)
    doses = [[one.dose_e_per_A2] for one in conditions]
    dose = torch.tensor(doses, dtype=torch.float64, device=device)
    first = 0
    for part in transfers(conditions, flat, frequencies, device):
        ideal = dose * signal[first : first + len(part.weight)]
        first += len(part.weight)
        yield part.weight, part.contrast.abs().square() * ideal, ideal


def random_atoms_phase_power(
    atomic_number: int, atoms_per_nm2: float, energy_keV: float
) -> PhasePower:
    """Phase power of atoms at random places, n (sigma V)².

    Parameters
    ----------
    atomic_number : int
        Element.
    atoms_per_nm2 : float
        Atoms an area, seen along the beam.
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    callable
        See `PhasePower`.
    """
    rad_nm = interaction_per_V_nm(energy_keV) * POTENTIAL_V_nm2

    def power_A2(q_per_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        phase_nm2 = rad_nm * scattering_factor_nm(atomic_number, q_per_nm)
        return atoms_per_nm2 * phase_nm2**2 * A2_PER_NM2

    return power_A2


def transfer_table(
    lenses: Sequence[Lens], measure: TransferMeasure, device: torch.device | str = "cpu"
) -> pd.DataFrame:
    """power, amplitude and coverage of conditions, one row each."""
    import pandas as pd

    return pd.DataFrame(
        {
            "power": transfer_power(lenses, measure, device),
            "amplitude": transfer_amplitude(lenses, measure, device),
            "coverage": transfer_coverage(lenses, measure, device=device),
        }
    )


def transfer_curves(
    lenses: Mapping[str, Lens], measure: TransferMeasure, points: int = 800
) -> pd.DataFrame:
    """T against spatial frequency, for drawing.

    Parameters
    ----------
    lenses : mapping
        Name of a condition -> its lens.
    measure : TransferMeasure
        Energy, amplitude fraction, and q_max to draw to.
    points : int
        Frequencies from 0 to q_max.

    Returns
    -------
    DataFrame
        condition, q_per_nm, transfer (along +x, positive is dark), lowest and highest (over
        all azimuths), envelope (along +x). Of coma and the like only what damps is shown,
        not the shift of fringes.
    """
    import pandas as pd

    q = np.linspace(0, measure.q_max_per_nm, points)
    angle_rad = np.arange(72) * math.pi / 72
    qy, qx = np.outer(np.sin(angle_rad), q), np.outer(np.cos(angle_rad), q)
    tables = []
    for name, lens in lenses.items():
        transfer = unshifted_transfer(qy, qx, lens, measure)
        curves = {
            "q_per_nm": q,
            "transfer": transfer[0],
            "lowest": transfer.min(axis=0),
            "highest": transfer.max(axis=0),
            "envelope": np.abs(wave_transfer(qy[0], qx[0], lens, measure.energy_keV)),
        }
        tables.append(pd.DataFrame(curves).assign(condition=name))
    return pd.concat(tables, ignore_index=True)


def unshifted_transfer(
    qy_per_nm: NDArray[np.float64],
    qx_per_nm: NDArray[np.float64],
    lens: Lens,
    measure: TransferMeasure,
) -> NDArray[np.float64]:
    """T without the shift of fringes that coma and threefold astigmatism make: real, signed.

    Parameters
    ----------
    qy_per_nm, qx_per_nm : array, same shape
        Spatial frequencies 1/d, 1/nm.
    lens, measure
        As in `transfer_power`.

    Returns
    -------
    array of float64, same shape
        Between -1 and 1.
    """
    energy_keV = measure.energy_keV
    transfer = contrast_transfer(qy_per_nm, qx_per_nm, lens, energy_keV, measure.amplitude_fraction)
    here, opposite = (
        wave_aberration(sign * qy_per_nm, sign * qx_per_nm, lens, energy_keV) for sign in (1, -1)
    )
    unshifted: NDArray[np.float64] = (transfer * np.exp(0.5j * (here - opposite))).real
    return unshifted


def _mean(
    lenses: Sequence[Lens],
    measure: TransferMeasure,
    of: Callable[[torch.Tensor], torch.Tensor],
    device: torch.device | str,
) -> NDArray[np.float64]:
    """Weighted mean of a function of abs T, (N,)."""
    import torch

    total = torch.zeros(len(lenses), dtype=torch.float64, device=device)
    for part in transfers(lenses, measure, sample_band(lenses, measure), device):
        total += of(part.contrast.abs()) @ part.weight
    return total.cpu().numpy()
