"""Where defocus counts from: the focus in which a particle in vacuum has the least contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.microscope.imaging import coherent_intensities

if TYPE_CHECKING:
    import torch

    from hrtem_shift.microscope.settings import MultisliceSettings
    from hrtem_shift.structures.scenes import Scene

COARSE_STEP_NM, FINE_STEP_NM = 0.1, 0.01
AT_ONCE = 64
"""Images that are held at the same time."""


def minimum_contrast_nm(scene: Scene, settings: MultisliceSettings, device: str) -> float:
    """`zero_defocus_nm` of a scene's particles without their support, atoms at rest [nm]."""
    from dataclasses import replace

    from hrtem_shift.microscope.multislice import exit_wave
    from hrtem_shift.structures.scenes import SUPPORT

    particles = scene.object_id != SUPPORT
    in_vacuum = replace(
        scene,
        positions_nm=scene.positions_nm[particles],
        atomic_numbers=scene.atomic_numbers[particles],
        object_id=scene.object_id[particles],
        region=None,
    )
    at_rest = settings.model_copy(update={"phonon_configurations": 0})
    wave = exit_wave(in_vacuum, at_rest, device)
    x_nm, _, z_nm = scene.size_nm
    return zero_defocus_nm(wave, at_rest.energy_keV, x_nm / at_rest.pixels, z_nm)


def zero_defocus_nm(
    waves: torch.Tensor,
    energy_keV: float,
    pixel_size_nm: float,
    height_nm: float,
    lens: Lens | None = None,
) -> float:
    """Defocus at which the image of a wave varies least.

    A thin object of pure phase is invisible in focus. Every defocus within the scene is
    tried in steps of 0.1 nm, then those around the best in steps of 0.01 nm, the steps of
    the article DOI 10.69761/kjte5358.

    Parameters
    ----------
    waves : complex tensor, shape (H, W) or (P, H, W)
        Exit wave of a particle in vacuum.
    energy_keV : float
        Energy of the electrons, keV.
    pixel_size_nm : float
        Edge of a pixel, nm.
    height_nm : float
        Height of the scene, nm: the plane is looked for from 0 to there.
    lens : Lens, optional
        The lens of the calibration; its defocus is not used. Default: a perfect one.

    Returns
    -------
    float
        Defocus from the exit plane, nm, positive = underfocus: add it to a defocus that
        counts from the particle.
    """
    lens = lens or Lens()

    def best(defoci_nm: NDArray[np.floating]) -> float:
        variances = [
            coherent_intensities(
                waves,
                [lens.model_copy(update={"defocus_nm": float(defocus)}) for defocus in chunk],
                energy_keV,
                pixel_size_nm,
            ).var(dim=(1, 2))
            for chunk in np.split(defoci_nm, range(AT_ONCE, len(defoci_nm), AT_ONCE))
        ]
        return float(defoci_nm[np.concatenate([v.cpu().numpy() for v in variances]).argmin()])

    coarse_nm = best(np.arange(round(height_nm / COARSE_STEP_NM) + 1) * COARSE_STEP_NM)
    return best(coarse_nm + np.arange(-10, 11) * FINE_STEP_NM)
