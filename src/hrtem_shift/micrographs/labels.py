"""Labels: semantic, instance, thickness and distance maps of a scene's particles.

A rule sees the particles alone, never an image, so that a mask cannot depend on defocus,
dose or any other condition of imaging. The rule's name is recorded with each micrograph,
since two reasonable rules differ by more than networks do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.structures.scenes import Scene, chord_map_nm

LabelRule = Literal["outline", "projected_atoms"]

ATOM_RADIUS_NM = 0.18
"""Rule ``projected_atoms``: a pixel belongs to a particle within this of one of its nuclei."""


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


def labels_of(scene: Scene, pixels: int, rule: LabelRule = "outline") -> Labels:
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

    Returns
    -------
    Labels
    """
    count = len(scene.particles)
    chords = np.stack(
        [np.zeros((pixels, pixels))]
        + [chord_map_nm(scene, particle, pixels) for particle in scene.particles]
    )
    belongs = np.stack(
        [np.zeros((pixels, pixels), bool)]
        + [RULES[rule](scene, k, chords[k], pixels) for k in range(1, count + 1)]
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


Rule = Callable[[Scene, int, NDArray[np.float64], int], NDArray[np.bool_]]
RULES: dict[str, Rule] = {"outline": _outline, "projected_atoms": _projected_atoms}
