"""abTEM's arm: the fastest script that its interface allows, on structures made by a plain loop.

Eager, float32, FFTW with measured plans on one thread (abTEM's own defaults but for `lazy`),
infinite projections. Its ensembles are outer products, so that 100 joint conditions are a
loop; the wave stays in Fourier space, which saves one transform an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import radians, sqrt

import abtem
import ase
import numpy as np
from numpy.typing import NDArray
from simulation_arms.sequential_carbon import sequential_carbon
from simulation_arms.task import CARBON_nm, DIAMETER_nm, ENERGY_keV, FIELD_nm, SLICE_nm

from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.structures.ase_bridge import to_ase
from hrtem_shift.structures.scenes import SUPPORT, Scene

abtem.config.set({"diagnostics.progress_bar": False, "fftw.threads": 1})


def atoms_of(scene: Scene) -> ase.Atoms:
    """The same atoms, in Å."""
    return to_ase(scene)


def structure(scene: Scene, index: int) -> ase.Atoms:
    """Fresh carbon by the plain loop; the particle is given, without cost."""
    rng = np.random.default_rng(index)
    gold = to_ase(scene)[scene.object_id != SUPPORT]
    carbon_A = sequential_carbon((10 * FIELD_nm, 10 * FIELD_nm, 10 * CARBON_nm), rng)
    middle_A = (gold.positions.max(axis=0) + gold.positions.min(axis=0)) / 2
    outside = np.linalg.norm(carbon_A - middle_A, axis=1) > 5 * DIAMETER_nm
    carbon = ase.Atoms(f"C{outside.sum()}", positions=carbon_A[outside])
    return gold + carbon


def exit_wave(atoms: ase.Atoms, pixels: int) -> abtem.Waves:
    """Wave behind the atoms."""
    potential = abtem.Potential(
        atoms,
        gpts=pixels,
        slice_thickness=10 * SLICE_nm,
        parametrization="lobato",
        projection="infinite",
    )
    return abtem.PlaneWave(energy=1e3 * ENERGY_keV).multislice(potential, lazy=False)


def images(
    wave: abtem.Waves, conditions: Sequence[ImagingConditions]
) -> list[abtem.measurements.Images]:
    """One contrast transfer function a condition."""
    spectrum = wave.ensure_reciprocal_space()
    return [spectrum.apply_ctf(transfer(one)).intensity() for one in conditions]


def transfer(one: ImagingConditions) -> abtem.CTF:
    """The same lens in abTEM's units: Å, rad, and a 1/e half width in place of a deviation.

    All of them Python's floats: one NumPy scalar among them turns float32 arrays into float64,
    and the loop takes twice as long.
    """
    return abtem.CTF(
        defocus=10 * one.defocus_nm,
        C30=1e7 * one.cs_mm,
        C12=10 * one.c12_nm,
        phi12=radians(one.c12_azimuth_deg),
        focal_spread=10 * sqrt(2) * one.focal_spread_std_nm,
    )


def counts(
    intensities: list[abtem.measurements.Images], conditions: Sequence[ImagingConditions]
) -> NDArray[np.float32]:
    """Poisson noise of each image."""
    return np.stack(
        [
            image.poisson_noise(dose_per_area=one.dose_e_per_A2, seed=k).array
            for k, (image, one) in enumerate(zip(intensities, conditions, strict=True))
        ]
    )


def wave_from(array: NDArray[np.complex64]) -> abtem.Waves:
    """What `images` takes."""
    sampling_A = 10 * FIELD_nm / len(array)
    return abtem.Waves(np.ascontiguousarray(array.T), energy=1e3 * ENERGY_keV, sampling=sampling_A)


def as_array(wave_or_images: abtem.Waves | list[abtem.measurements.Images]) -> NDArray[np.generic]:
    """(y, x) in memory; abTEM's first axis is x."""
    if isinstance(wave_or_images, list):
        return np.stack([image.array.T for image in wave_or_images])
    return wave_or_images.ensure_real_space().array.T
