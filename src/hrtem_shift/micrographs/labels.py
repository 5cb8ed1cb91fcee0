"""Labels: semantic, instance, thickness and distance maps of a scene's particles.

A rule sees the particles alone, never an image, so that a mask cannot depend on defocus,
dose or any other condition of imaging. The rule's name is recorded with each micrograph,
since two reasonable rules differ by more than networks do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import pi
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.microscope.multislice import exit_wave
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.structures.scenes import Scene, chord_map_nm

LabelRule = Literal["outline", "projected_atoms", "exit_wave_phase"]

ATOM_RADIUS_NM = 0.18
"""Rule ``projected_atoms``: a pixel belongs to a particle within this of one of its nuclei."""
PHASE_THRESHOLD_RAD = pi / 16
"""Rule ``exit_wave_phase``: from here on a phase is a particle's."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What is where in a micrograph, by construction.

    Attributes
    ----------
    rule : str
        How instances were outlined.
    instance : array of uint8, shape (H, W)
        0 on the background, k on particle k; where several project onto a pixel, the
        thickest there.
    thickness_nm : array of float32, shape (H, W)
        Path of the beam inside all particles, nm.
    """

    rule: str
    instance: NDArray[np.uint8]
    thickness_nm: NDArray[np.float32]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Semantic mask: True on any particle."""
        return self.instance > 0


def particle_labels(
    scene: Scene,
    pixels: int,
    rule: LabelRule = "outline",
    *,
    multislice: MultisliceSettings | None = None,
    smoothing_nm: float = 0.16,
    device: str = "cpu",
) -> Labels:
    """Labels of a scene's particles.

    Parameters
    ----------
    scene : Scene
        Up to 255 particles.
    pixels : int
        Samples along each edge, at the places of the exit wave's.
    rule : str
        ``outline``: where the beam passes through the ideal volume. ``projected_atoms``:
        within `ATOM_RADIUS_NM` of a particle's nucleus, seen along the beam.
        ``exit_wave_phase``: where the phase behind the particle alone in vacuum, smoothed,
        is above `PHASE_THRESHOLD_RAD` (DOI 10.69761/kjte5358).
    multislice : MultisliceSettings, optional
        How that phase is computed; `pixels` has the last word on the grid, and atoms are at
        rest.
    smoothing_nm : float
        Standard deviation of the Gaussian that smooths the phase, nm. Published: 0.1 nm for
        C, Fe and Co3O4, 0.16 nm for ZnS, CdSe, Cu, Ag, Si and Fe3O4.
    device : str
        Where waves are computed.

    Returns
    -------
    Labels
    """
    settings = multislice or MultisliceSettings(pixels=pixels)
    at_rest = settings.model_copy(update={"pixels": pixels, "phonon_configurations": 0})
    rules: dict[LabelRule, Rule] = {
        "outline": _outline,
        "projected_atoms": _projected_atoms,
        "exit_wave_phase": partial(
            _exit_wave_phase, settings=at_rest, smoothing_nm=smoothing_nm, device=device
        ),
    }
    count = len(scene.particles)
    chords = np.stack(
        [np.zeros((pixels, pixels))]
        + [chord_map_nm(scene, particle, pixels) for particle in scene.particles]
    )
    belongs = np.stack(
        [np.zeros((pixels, pixels), bool)]
        + [rules[rule](scene, k, chords[k], pixels) for k in range(1, count + 1)]
    )
    # Rim pixels of projected atoms have no chord: any particle there beats the background.
    depth = np.where(belongs, chords + 1e-6, 0)
    return Labels(
        rule=rule,
        instance=np.argmax(depth, axis=0).astype(np.uint8),
        thickness_nm=chords.sum(axis=0).astype(np.float32),
    )


def edge_distance_nm(mask: NDArray[np.bool_], pixel_size_nm: float) -> NDArray[np.float32]:
    """Distance of each pixel to the nearest edge of a particle, nm.

    Parameters
    ----------
    mask : array of bool, shape (H, W)
        Semantic mask.
    pixel_size_nm : float
        Edge of a pixel, nm.

    Returns
    -------
    array of float32, shape (H, W)
        Positive inside, negative outside, half a pixel at the rim; infinite where there is
        no edge.
    """
    from scipy.ndimage import distance_transform_edt

    if mask.all() or not mask.any():
        return np.full(mask.shape, np.inf if mask.all() else -np.inf, np.float32)
    inside, outside = distance_transform_edt(mask), distance_transform_edt(~mask)
    signed = np.where(mask, inside - 0.5, 0.5 - outside)
    return (signed * pixel_size_nm).astype(np.float32)


def outline_mask(thickness_nm: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mask by the rule ``outline``: every pixel where the beam passes through a particle."""
    return thickness_nm > 0


def _outline(
    scene: Scene, particle: int, chord_nm: NDArray[np.float64], pixels: int
) -> NDArray[np.bool_]:
    return outline_mask(chord_nm)


def _projected_atoms(
    scene: Scene, particle: int, chord_nm: NDArray[np.float64], pixels: int
) -> NDArray[np.bool_]:
    from scipy.spatial import cKDTree

    x_nm, y_nm, _ = scene.size_nm
    atoms = scene.positions_nm[scene.object_id == particle, :2] % (x_nm, y_nm)
    y, x = np.meshgrid(
        np.arange(pixels) * (y_nm / pixels), np.arange(pixels) * (x_nm / pixels), indexing="ij"
    )
    if not len(atoms):
        return np.zeros((pixels, pixels), bool)
    tree = cKDTree(atoms, boxsize=(x_nm, y_nm))
    away, _ = tree.query(
        np.stack([x.ravel(), y.ravel()], axis=1), distance_upper_bound=ATOM_RADIUS_NM
    )
    return np.isfinite(away).reshape(pixels, pixels)


def _exit_wave_phase(
    scene: Scene,
    particle: int,
    chord_nm: NDArray[np.float64],
    pixels: int,
    *,
    settings: MultisliceSettings,
    smoothing_nm: float,
    device: str,
) -> NDArray[np.bool_]:
    from scipy.ndimage import gaussian_filter

    wave = exit_wave(_in_vacuum(scene, particle), settings, device).cpu().numpy()
    phase_rad = np.angle(wave)
    phase_rad[phase_rad < -PHASE_THRESHOLD_RAD] += 2 * pi  # behind heavy columns, beyond pi
    std_px = smoothing_nm / (scene.size_nm[0] / pixels)
    # Smoothed before it is compared: the gaps between the columns of a crystal that stands on
    # an axis are wide and empty, and a mask smoothed afterwards may vanish altogether.
    smooth: NDArray[np.float32] = gaussian_filter(phase_rad, std_px, mode="wrap")
    return smooth > PHASE_THRESHOLD_RAD


def _in_vacuum(scene: Scene, particle: int) -> Scene:
    """One particle of a scene without anything else, the exit plane at its highest atom."""
    in_particle = scene.object_id == particle
    positions_nm = scene.positions_nm[in_particle]
    top_nm = float(positions_nm[:, 2].max(initial=0.0)) or scene.size_nm[2]
    return Scene(
        size_nm=(*scene.size_nm[:2], top_nm),
        positions_nm=positions_nm,
        atomic_numbers=scene.atomic_numbers[in_particle],
        object_id=scene.object_id[in_particle],
        particles=(scene.particles[particle - 1],),
    )


Rule = Callable[[Scene, int, NDArray[np.float64], int], NDArray[np.bool_]]
