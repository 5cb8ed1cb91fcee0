"""Shannon information in images of a weak object: a measure that depends on the dose.

A reconstruction (see `hrtem_shift.shift.measure`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.detector import dqe
from hrtem_shift.microscope.electrons import interaction_per_V_nm
from hrtem_shift.microscope.scattering import POTENTIAL_V_nm2, scattering_factor_nm
from hrtem_shift.shift.measure import FlatWeight, TransferMeasure, sample_band
from hrtem_shift.shift.sampled_transfer import transfers
from hrtem_shift.structures.unit_cells import Crystal

if TYPE_CHECKING:
    import pandas as pd
    import torch

A2_PER_NM2 = 100.0

PhasePower = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Frequencies [1/nm] -> power of the object's phase, rad² A²."""

Evidence = Literal["bits", "wiener"]
"""What an image shows at a frequency of signal-to-noise ratio r: ``bits`` log2(1 + r), without
bound; ``wiener`` r / (1 + r), the share of the signal that survives the best linear filter."""


def transfer_information(
    conditions: Sequence[ImagingConditions],
    measure: TransferMeasure,
    phase_power: PhasePower,
    pixel_size_nm: float | None = None,
    device: torch.device | str = "cpu",
) -> pd.DataFrame:
    """Shannon information in images of a weak object.

    i = pi times the integral of q log2(1 + 4 D P abs(T)²) dq, the capacity of a Gaussian
    channel for a spectral signal-to-noise ratio of 4 D P abs(T)² (D the dose, P the phase
    power). It grows with the dose as long as that is low, and with its logarithm later.

    Parameters
    ----------
    conditions : sequence of ImagingConditions, N of them
        Lens, dose and camera.
    measure : TransferMeasure
        Band; the weight is the area.
    phase_power : callable
        See `PhasePower`, `random_atoms_phase_power`.
    pixel_size_nm : float, optional
        As in `signal_to_noise`.
    device : torch.device or str
        Where to compute.

    Returns
    -------
    DataFrame
        One row a condition: bits_per_A2; share, that of an ideal transfer T = 1 at the same
        dose, between 0 and 1; wiener, the mean of r / (1 + r) over the band, 0 to 1.
    """
    import pandas as pd
    import torch

    bits = torch.zeros(2, len(conditions), dtype=torch.float64, device=device)
    wiener = torch.zeros_like(bits[0])
    parts = signal_to_noise(conditions, measure, phase_power, pixel_size_nm, device)
    for weight, *ratios in parts:
        for row, ratio in zip(bits, ratios, strict=True):
            row += evidence_of(ratio, "bits") @ weight
        wiener += evidence_of(ratios[0], "wiener") @ weight
    passed, ideal = (bits * measure.area_per_nm2 / 2 / A2_PER_NM2).cpu().numpy()
    share = np.divide(passed, ideal, out=np.zeros_like(passed), where=ideal > 0)
    columns = {"bits_per_A2": passed, "share": share, "wiener": wiener.cpu().numpy()}
    return pd.DataFrame(columns)


def evidence_of(ratio: torch.Tensor, evidence: Evidence) -> torch.Tensor:
    """What images show, `Evidence`, from a spectral signal-to-noise ratio; the same shape."""
    if evidence == "wiener":
        return ratio / (1 + ratio)
    return ratio.log1p() / math.log(2)


def signal_to_noise(
    conditions: Sequence[ImagingConditions],
    measure: TransferMeasure,
    phase_power: PhasePower,
    pixel_size_nm: float | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Spectral signal-to-noise ratio 4 D P abs(T)² DQE, in chunks of nodes.

    Parameters
    ----------
    conditions, measure, phase_power, device
        As in `transfer_information`.
    pixel_size_nm : float, optional
        Of the camera, for its `hrtem_shift.microscope.detector.dqe`; without it the camera is
        perfect.

    Yields
    ------
    weight : float64 tensor, shape (q,)
        Share of the band's area.
    passed, ideal : float64 tensor, shape (N, q)
        Of the condition, and of T = 1 at its dose with a perfect camera.

    References
    ----------
    Varnavides et al., arXiv 2507.19476: the spectral signal-to-noise ratio as a measure that
    depends on the dose.
    """
    import torch

    flat = measure.model_copy(update={"weight": FlatWeight()})
    frequencies = sample_band(conditions, flat, of_waves=False)
    q_per_nm = np.hypot(frequencies.qy_per_nm, frequencies.qx_per_nm)
    signal = torch.from_numpy(4 * phase_power(q_per_nm)).to(device)
    doses = [[condition.dose_e_per_A2] for condition in conditions]
    dose = torch.tensor(doses, dtype=torch.float64, device=device)
    first = 0
    for part in transfers(conditions, flat, frequencies, device):
        nodes = slice(first, first + len(part.weight))
        first += len(part.weight)
        ideal = dose * signal[nodes]
        passed = part.magnitude.square() * ideal
        if pixel_size_nm is not None:
            passed *= torch.from_numpy(_dqe(conditions, q_per_nm[nodes], pixel_size_nm)).to(device)
        yield part.weight, passed, ideal


def _dqe(
    conditions: Sequence[ImagingConditions], q_per_nm: NDArray[np.float64], pixel_size_nm: float
) -> NDArray[np.float64]:
    """Detective quantum efficiency of each condition's camera, (N, q)."""
    pixel_A2 = pixel_size_nm**2 * A2_PER_NM2
    return np.stack(
        [dqe(q_per_nm * pixel_size_nm, each, each.dose_e_per_A2 * pixel_A2) for each in conditions]
    )


def random_atoms_phase_power(
    atomic_number: int, atoms_per_nm2: float, energy_keV: float
) -> PhasePower:
    """Phase power of atoms at random positions, n (sigma V)².

    Parameters
    ----------
    atomic_number : int
        Element.
    atoms_per_nm2 : float
        Projected atoms an area.
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


def crystal_phase_power(crystal: Crystal, thickness_nm: float, energy_keV: float) -> PhasePower:
    """Phase power of a crystal's atoms as if at random positions, summed over its elements.

    Parameters
    ----------
    crystal : Crystal
        Elements and their number a volume.
    thickness_nm : float
        Mean path through the specimen, nm.
    energy_keV : float
        Energy of the electrons, keV.

    Returns
    -------
    callable
        See `PhasePower`.
    """
    volume_nm3 = abs(float(np.linalg.det(crystal.cell_nm)))
    elements, numbers = np.unique(crystal.atomic_numbers, return_counts=True)
    powers = [
        random_atoms_phase_power(int(element), number / volume_nm3 * thickness_nm, energy_keV)
        for element, number in zip(elements, numbers, strict=True)
    ]

    def power_A2(q_per_nm: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sum([power(q_per_nm) for power in powers], axis=0)

    return power_A2
