"""Stacks of close-packed layers: a sequence of letters, cut by a volume."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.structures.atoms import Atoms

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

    from hrtem_shift.structures.layers import Layers
    from hrtem_shift.structures.volumes import Volume

CUBIC_STACK_AXES = np.array([[1, -1, 0], [1, 1, -2], [1, 1, 1]]) / np.sqrt([[2], [6], [3]])
"""Axes x, y and z of a stack as rows, in the frame of a cubic cell: [1-10], [11-2], [111]."""


def stack(
    layers: Layers,
    sequence: str,
    volume: Volume,
    *,
    lowest: int | None = None,
    region: NDArray[np.int64] | None = None,
    rotation: Rotation | None = None,
    offset_fractional: ArrayLike = (0.0, 0.0, 0.0),
    origin_nm: ArrayLike = (0.0, 0.0, 0.0),
) -> Atoms:
    """Stack layers in a given sequence and cut a volume out of them.

    Parameters
    ----------
    layers : Layers
        What to stack.
    sequence : str
        Letters A, B, C of the layers from the lowest; it is not repeated.
    volume : Volume
        What to keep.
    lowest : int, optional
        Index of the lowest layer; layer 0 passes through the origin. By default the middle
        of the sequence does.
    region : array, shape (len(sequence),), optional
        Region of each layer's atoms; 0 by default.
    rotation : scipy.spatial.transform.Rotation, optional
        Turns the axes of the stack (see `planar_defects`) into those of the volume.
    offset_fractional : array, shape (3,)
        Shift of the stack before the rotation, in net vectors and in layer spacings.
    origin_nm : array, shape (3,)
        Where in the scene the origin of the stack, not shifted, is.

    Returns
    -------
    Atoms
        Layer by layer.

    Raises
    ------
    InputError
        A letter is not A, B or C or follows itself, or the volume is higher than the stack.
    """
    _check_sequence(sequence)
    lowest = -(len(sequence) // 2) if lowest is None else lowest
    low, high = _box(layers, volume, rotation, offset_fractional, origin_nm)
    first, last = _layer_range(layers, low, high)
    index = np.arange(first, last + 1)
    in_sequence = np.clip(index - lowest, 0, len(sequence) - 1)
    letters = np.array(["ABC".index(letter) for letter in sequence])[in_sequence]
    atoms_nm, layer, elements = _candidates(layers, index, letters, low, high)
    atoms_nm = _placed(layers, atoms_nm, rotation, offset_fractional, origin_nm)
    inside = volume.contains(atoms_nm)
    layer = layer[inside]
    if len(layer) and not (lowest <= layer[0] and layer[-1] < lowest + len(sequence)):
        raise InputError(
            f"a stack of layers {lowest} to {lowest + len(sequence) - 1}",
            where="stacking sequence",
            why=f"The volume reaches from layer {layer[0]} to {layer[-1]}",
            fix="Give a longer sequence or a smaller volume",
        )
    regions = np.zeros(len(sequence), np.int64) if region is None else np.asarray(region, np.int64)
    return Atoms(atoms_nm[inside], elements[inside], regions[layer - lowest])


def layers_inside(
    layers: Layers,
    volume: Volume,
    rotation: Rotation | None = None,
    offset_fractional: ArrayLike = (0.0, 0.0, 0.0),
    origin_nm: ArrayLike = (0.0, 0.0, 0.0),
) -> tuple[int, int]:
    """Lowest and highest layer that may have an atom in a volume.

    A layer counts if it has an atom inside in any of the three positions, so that no sequence
    reaches beyond.

    Raises
    ------
    InputError
        No atom lies inside.
    """
    low, high = _box(layers, volume, rotation, offset_fractional, origin_nm)
    first, last = _layer_range(layers, low, high)
    index = np.repeat(np.arange(first, last + 1), 3)
    atoms_nm, layer, _ = _candidates(layers, index, np.tile([0, 1, 2], len(index) // 3), low, high)
    inside = volume.contains(_placed(layers, atoms_nm, rotation, offset_fractional, origin_nm))
    if not inside.any():
        raise InputError(
            "a volume without atoms",
            where="stacking sequence",
            why=f"It is smaller than the distance of atoms, {layers.net_nm:.3g} nm",
            fix="Give a larger volume",
        )
    return int(layer[inside][0]), int(layer[inside][-1])


def _check_sequence(sequence: str) -> None:
    alike = any(below == above for below, above in pairwise(sequence))
    if not sequence or set(sequence) - set("ABC") or alike:
        raise InputError(
            f"stacking '{sequence}'",
            where="stacking sequence",
            why="Layers are in position A, B or C, and no two neighbours are alike",
            fix="Write it with these letters, such as ABCABACBA for a twin",
        )


def _box(
    layers: Layers,
    volume: Volume,
    rotation: Rotation | None,
    offset_fractional: ArrayLike,
    origin_nm: ArrayLike,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Box around a volume, in the axes of the stack and about its origin."""
    axes = np.eye(3) if rotation is None else rotation.apply(np.eye(3))
    low, high = np.transpose([volume.extent_nm(axis) for axis in axes])
    if not np.isfinite([low, high]).all():
        raise InputError(
            "a volume without end",
            where="stacking sequence",
            why="It would hold endlessly many atoms",
            fix="Cut it with a box or a sphere: volume & Box(...)",
        )
    shift_nm = axes @ np.asarray(origin_nm) + _offset_nm(layers, offset_fractional)
    return low - shift_nm, high - shift_nm


def _offset_nm(layers: Layers, offset_fractional: ArrayLike) -> NDArray[np.float64]:
    net_nm = layers.net_nm
    vectors_nm = [[net_nm, 0, 0], [net_nm / 2, net_nm * 0.75**0.5, 0], [0, 0, layers.spacing_nm]]
    return np.asarray(offset_fractional, dtype=np.float64) @ np.array(vectors_nm)


def _placed(
    layers: Layers,
    stack_nm: NDArray[np.float64],
    rotation: Rotation | None,
    offset_fractional: ArrayLike,
    origin_nm: ArrayLike,
) -> NDArray[np.float64]:
    moved_nm = stack_nm + _offset_nm(layers, offset_fractional)
    return (moved_nm if rotation is None else rotation.apply(moved_nm)) + np.asarray(origin_nm)


def _layer_range(
    layers: Layers, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[int, int]:
    first = np.floor((low[2] - layers.heights_nm.max()) / layers.spacing_nm)
    last = np.ceil((high[2] - layers.heights_nm.min()) / layers.spacing_nm)
    return int(first), int(last)


def _candidates(
    layers: Layers,
    index: NDArray[np.int64],
    letters: NDArray[np.int64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Positions, layer and element of every atom in a box, layer by layer."""
    net_nm, row_nm, shift_nm = layers.net_nm, layers.net_nm * 0.75**0.5, layers.net_nm / 3**0.5
    rows = np.arange(np.floor((low[1] - 2 * shift_nm) / row_nm), np.ceil(high[1] / row_nm) + 1)
    columns = np.arange(np.floor(low[0] / net_nm) - 1, np.ceil(high[0] / net_nm) + 1)
    x_nm, y_nm = np.broadcast_arrays(
        (columns + (rows % 2)[:, None] / 2) * net_nm, rows[:, None] * row_nm
    )
    shape = (len(index), x_nm.size, len(layers.heights_nm))
    positions_nm = np.empty((*shape, 3))
    positions_nm[..., 0] = x_nm.reshape(1, -1, 1)
    positions_nm[..., 1] = y_nm.reshape(1, -1, 1) + (letters * shift_nm)[:, None, None]
    positions_nm[..., 2] = (index * layers.spacing_nm)[:, None, None] + layers.heights_nm
    layer = np.broadcast_to(index[:, None, None], shape).reshape(-1)
    elements = np.broadcast_to(layers.atomic_numbers, shape).reshape(-1)
    return positions_nm.reshape(-1, 3), layer, elements
