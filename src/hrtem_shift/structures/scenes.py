"""Scenes: objects put together by precedence, and which atom belongs to which of them.

Coordinates are (x, y, z) in nm with the beam along +z. Scenes repeat in x and y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.volumes import Volume

SUPPORT = 0
"""Object id of the support; particles count from 1."""


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One object of a scene: its atoms, the volume that they fill, and its precedence.

    Attributes
    ----------
    name : str
        What it is, such as ``Au`` or ``carbon``.
    atoms : Atoms
        Its atoms, in the scene's coordinates.
    volume : Volume or None
        Where it is; None for what has no outline of its own, such as an amorphous film.
    precedence : int
        Where two objects meet, the one with the lower number keeps its atoms.
    """

    name: str
    atoms: Atoms
    volume: Volume | None
    precedence: int


@dataclass(frozen=True, eq=False)
class Scene:
    """Atoms in a box, and which object and region each belongs to.

    Attributes
    ----------
    size_nm : tuple of float
        Edges (x, y, z) of the box, nm.
    positions_nm : array, shape (N, 3)
        Atoms (x, y, z), nm.
    atomic_numbers : array, shape (N,)
        Their elements.
    object_id : array, shape (N,)
        0 is the support, k >= 1 is ``particles[k - 1]``.
    particles : tuple of Volume
        The ideal particles: what masks and thickness maps are made from.
    region : array, shape (N,), optional
        Part of its object that an atom belongs to: grain, variant, core, shell.
    """

    size_nm: tuple[float, float, float]
    positions_nm: NDArray[np.float64]
    atomic_numbers: NDArray[np.int64]
    object_id: NDArray[np.int64]
    particles: tuple[Volume, ...]
    region: NDArray[np.int64] | None = None


def assemble(
    support: SceneObject | None,
    particles: Sequence[SceneObject],
    size_nm: tuple[float, float, float],
    min_distance_nm: float,
) -> Scene:
    """Put objects together; where two meet, the one with precedence keeps its atoms.

    An atom goes when it lies in the volume of an object with a lower precedence number, or
    nearer than `min_distance_nm` to one of that object's atoms (across the x and y borders
    too). Objects of equal precedence may not touch. An object without atoms is a hole: it
    clears its volume, and gets no id.

    Parameters
    ----------
    support : SceneObject or None
        Gets object id 0.
    particles : sequence of SceneObject
        Get object ids 1, 2, ... in this order.
    size_nm : tuple of float
        Edges (x, y, z) of the box, nm.
    min_distance_nm : float
        Least distance between atoms of different objects, nm.

    Returns
    -------
    Scene
        Support first, then the particles in their order.

    Raises
    ------
    InputError
        Two objects of equal precedence overlap, or a particle has no volume.

    Notes
    -----
    Each atom is judged against the objects as they were given, so that the result does not
    depend on the order of the list.
    """
    solid = [particle for particle in particles if len(particle.atoms)]
    holes = [particle for particle in particles if not len(particle.atoms)]
    outlines = [particle.volume for particle in solid if particle.volume is not None]
    if len(outlines) < len(solid):
        raise InputError(
            "a particle without a volume",
            where="scene",
            why="Masks and thickness maps are made from it",
            fix="Give the particle the volume that it was cut with",
        )
    numbered = [(SUPPORT, support)] if support else []
    numbered += list(enumerate(solid, start=1))
    kept: list[Atoms] = []
    ids: list[NDArray[np.int64]] = []
    for object_id, item in numbered:
        clear = np.ones(len(item.atoms), dtype=bool)
        for other in [*(other for _, other in numbered), *holes]:
            if other is item or other.precedence > item.precedence:
                continue
            in_the_way = _meets(item.atoms, other, size_nm, min_distance_nm)
            if other.precedence == item.precedence and in_the_way.any():
                raise _overlap(item, other, min_distance_nm)
            clear &= ~in_the_way
        kept.append(item.atoms.select(clear))
        ids.append(np.full(int(clear.sum()), object_id, dtype=np.int64))
    atoms = Atoms.joined(kept)
    return Scene(
        size_nm=size_nm,
        positions_nm=atoms.positions_nm,
        atomic_numbers=atoms.atomic_numbers,
        object_id=np.concatenate(ids) if ids else np.empty(0, np.int64),
        particles=tuple(outlines),
        region=atoms.region,
    )


def projected_thickness_nm(scene: Scene, pixels: int) -> NDArray[np.float32]:
    """Length of the beam's path inside the particles.

    Parameters
    ----------
    scene : Scene
        Only its size and its particles' volumes are used: no atom, no image.
    pixels : int
        Samples along each edge. Sample i stands at i times the pixel size, like those of
        the exit wave.

    Returns
    -------
    array of float32, shape (H, W)
        Sum of the chords over the particles, nm; zero outside.
    """
    chords = [chord_map_nm(scene, particle, pixels) for particle in scene.particles]
    return np.sum([np.zeros((pixels, pixels)), *chords], axis=0).astype(np.float32)


def chord_map_nm(scene: Scene, volume: Volume, pixels: int) -> NDArray[np.float64]:
    """Length of the beam's path inside one volume, shape (H, W), nm."""
    x_nm = np.arange(pixels) * (scene.size_nm[0] / pixels)
    y_nm = np.arange(pixels) * (scene.size_nm[1] / pixels)
    (x0, y0, _), (x1, y1, _) = volume.bounds_nm()
    columns, rows = (
        slice(int(np.searchsorted(at, low)), int(np.searchsorted(at, high, side="right")))
        for at, low, high in ((x_nm, x0, x1), (y_nm, y0, y1))
    )
    chords = np.zeros((pixels, pixels))
    chords[rows, columns] = volume.chord_nm(x_nm[None, columns], y_nm[rows, None])
    return chords


def _meets(
    atoms: Atoms, other: SceneObject, size_nm: tuple[float, float, float], distance_nm: float
) -> NDArray[np.bool_]:
    """Which atoms lie in the other's volume, or nearer than a distance to its atoms."""
    from scipy.spatial import cKDTree

    met = np.zeros(len(atoms), dtype=bool)
    if other.volume is not None:
        met |= other.volume.contains(atoms.positions_nm)
    if not len(other.atoms):
        return met
    z_nm, reach_nm = atoms.positions_nm[:, 2], other.atoms.positions_nm[:, 2]
    near = np.flatnonzero(
        (z_nm > reach_nm.min() - distance_nm) & (z_nm < reach_nm.max() + distance_nm)
    )
    if not len(near):
        return met
    edges = np.array([size_nm[0], size_nm[1], 0.0])
    tree = cKDTree(_wrapped(other.atoms.positions_nm, size_nm), boxsize=edges)
    gap_nm, _ = tree.query(
        _wrapped(atoms.positions_nm[near], size_nm), distance_upper_bound=distance_nm
    )
    met[near] |= np.isfinite(gap_nm)  # the tree says inf where nothing is nearer
    return met


def _wrapped(
    positions_nm: NDArray[np.float64], size_nm: tuple[float, float, float]
) -> NDArray[np.float64]:
    wrapped = positions_nm.copy()
    wrapped[:, 0] %= size_nm[0]
    wrapped[:, 1] %= size_nm[1]
    return wrapped


def _overlap(first: SceneObject, second: SceneObject, distance_nm: float) -> InputError:
    return InputError(
        f"{first.name} and {second.name} come nearer than {distance_nm:g} nm",
        where="scene",
        why=f"Both have precedence {first.precedence}, so neither gives way",
        fix="Give them different precedences, or move them apart",
    )
