"""Transfer of one condition: share of power, of amplitude, of the band.

A reconstruction (see `hrtem_shift.shift.measure`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.aberrations import contrast_transfer, wave_aberration, wave_transfer
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import TransferMeasure, sample_band
from hrtem_shift.shift.sampled_transfer import transfers

if TYPE_CHECKING:
    import pandas as pd
    import torch

HALF_POWER = 1 / math.sqrt(2)


def transfer_power(
    lenses: Sequence[Lens], measure: TransferMeasure, device: torch.device | str = "cpu"
) -> NDArray[np.float64]:
    """Share of power that conditions transfer, <T, T>, between 0 and 1.

    It is 1 for an ideal phase plate; rapid oscillation halves it.

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
    """Weighted mean of abs T, between `transfer_power` and its square root; same arguments."""
    return _mean(lenses, measure, lambda magnitude: magnitude, device)


def transfer_coverage(
    lenses: Sequence[Lens],
    measure: TransferMeasure,
    threshold: float = HALF_POWER,
    device: torch.device | str = "cpu",
) -> NDArray[np.float64]:
    """Share of the band where abs T reaches a threshold; same arguments as `transfer_power`.

    It is discontinuous, hence not suited to a fit.
    """
    return _mean(lenses, measure, lambda magnitude: (magnitude >= threshold).double(), device)


def _mean(
    lenses: Sequence[Lens],
    measure: TransferMeasure,
    of: Callable[[torch.Tensor], torch.Tensor],
    device: torch.device | str,
) -> NDArray[np.float64]:
    """Weighted mean of a function of abs T, (N,)."""
    import torch

    total = torch.zeros(len(lenses), dtype=torch.float64, device=device)
    frequencies = sample_band(lenses, measure, of_waves=False)
    for part in transfers(lenses, measure, frequencies, device):
        total += of(part.magnitude) @ part.weight
    return total.cpu().numpy()


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
        all azimuths), envelope (along +x). Of coma and other odd aberrations only the damping is
        shown, not the shift of fringes.
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
    """T without the fringe shift of coma and threefold astigmatism: real and signed.

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
    aberration, opposite = (
        wave_aberration(sign * qy_per_nm, sign * qx_per_nm, lens, energy_keV) for sign in (1, -1)
    )
    unshifted: NDArray[np.float64] = (transfer * np.exp(0.5j * (aberration - opposite))).real
    return unshifted
