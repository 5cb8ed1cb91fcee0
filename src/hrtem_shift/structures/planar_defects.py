"""Close-packed crystals as stacks of layers: twins and stacking faults.

A close-packed crystal is a pile of equal hexagonal layers, each in one of three positions,
A, B or C, and no two neighbours alike. The sequence of letters is the structure: ABCABC is
face-centred cubic, ABABAB hexagonal, and each planar defect a break of the rule. With a second
atom straight above each first, three quarters of a layer spacing higher, ABC becomes zinc
blende or diamond and AB wurtzite (there often written AaBbCc).

Axes of a stack: z is the normal of the layers, ``[111]`` or ``[0001]``; x a close-packed row,
``[1-10]`` or ``[11-20]``: seen along x, every defect is edge-on. y is ``[11-2]`` in a cubic
crystal, and a step A to B, B to C, C to A shifts the next layer along +y.

Faults are named as in J. P. Hirth and J. Lothe, *Theory of Dislocations*, 2nd ed. (1982),
chapter 10, and for wurtzite C. Stampfl and C. G. Van de Walle, Phys. Rev. B 57, R15052 (1998).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.parameters import nearest
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.layers import Layers
from hrtem_shift.structures.stacks import layers_inside, stack

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

    from hrtem_shift.structures.crystals import Crystal
    from hrtem_shift.structures.volumes import Volume

_REVERSED: dict[str, dict[str, tuple[tuple[bool, ...], bool]]] = {
    "ABC": {
        "twin": ((), True),
        "intrinsic": ((True,), False),
        "extrinsic": ((True, True), False),
    },
    "AB": {
        "I1": ((), True),
        "I2": ((True,), False),
        "E": ((True, False), True),
    },
}
"""Which steps a defect reverses: the first ones above its layer, and whether all the others."""

MIN_GAP_LAYERS = 3
"""Random defects are this many layers apart, so that each keeps its own signature."""


@dataclass(frozen=True)
class PlanarDefect:
    """A break of the stacking rule.

    Attributes
    ----------
    kind : str
        Cubic: ``twin`` (coherent, the layer is its mirror plane), ``intrinsic`` (a layer is
        missing), ``extrinsic`` (a layer too many). Hexagonal, basal plane: ``I1`` (one cubic
        layer), ``I2`` (two, by a slip), ``E`` (three, a layer too many).
    layer : int
        Last layer below the break; layer 0 is the one through the origin of the stack.
    """

    kind: str
    layer: int


def stacking_sequence(
    rule: str, defects: Sequence[PlanarDefect], first: int, last: int
) -> tuple[str, NDArray[np.int64]]:
    """Letters of a stack with planar defects.

    Parameters
    ----------
    rule : str
        Perfect stacking: ``"ABC"`` or ``"AB"``.
    defects : sequence of PlanarDefect
        In any order; the steps that they reverse must not overlap.
    first, last : int
        Lowest and highest layer; the lowest one has the letter that it has without defects.

    Returns
    -------
    sequence : str
        One letter a layer, from the lowest.
    region : array, shape (n,)
        1 below the lowest defect, one more above each.

    Raises
    ------
    InputError
        Unknown rule or kind, or overlapping defects.

    Examples
    --------
    >>> stacking_sequence("ABC", [PlanarDefect("twin", 4)], 0, 8)[0]
    'ABCABACBA'
    """
    ordered = _checked(rule, defects)
    layers = np.arange(first, last + 1)
    # In Hägg's notation: +1 for A to B, B to C, C to A. Step i leads from layer i upwards.
    steps = np.ones(len(layers), dtype=np.int64) if rule == "ABC" else 1 - 2 * (layers % 2)
    region = np.ones(len(layers), dtype=np.int64)
    for defect in ordered:
        some, rest = _REVERSED[rule][defect.kind]
        above = layers - defect.layer
        reverse = (above >= len(some)) & rest
        for step, is_reversed in enumerate(some):
            reverse |= (above == step) & is_reversed
        steps[reverse] *= -1
        region += above > 0
    letters = (first % len(rule) + np.concatenate([[0], np.cumsum(steps[:-1])])) % 3
    return "".join("ABC"[letter] for letter in letters), region


def fill_faulted(
    crystal: Crystal,
    volume: Volume,
    defects: Sequence[PlanarDefect],
    *,
    rotation: Rotation | None = None,
    offset_fractional: ArrayLike = (0.0, 0.0, 0.0),
    origin_nm: ArrayLike = (0.0, 0.0, 0.0),
) -> Atoms:
    """Cut a volume out of a close-packed crystal with planar defects.

    Parameters
    ----------
    crystal : Crystal
        Face-centred cubic, zinc blende, diamond, hexagonal close-packed or wurtzite.
    volume : Volume
        What to keep.
    defects : sequence of PlanarDefect
        Where the stacking breaks; all of them must lie inside the volume.
    rotation : scipy.spatial.transform.Rotation, optional
        Turns the axes of the stack (see the top of this module) into those of the volume.
    offset_fractional : array, shape (3,)
        Shift of the stack before the rotation, in net vectors and in layer spacings.
    origin_nm : array, shape (3,)
        Where in the scene the origin of the stack, not shifted, is.

    Returns
    -------
    Atoms
        Region 1 is below the lowest defect, and each defect begins the next region.

    Raises
    ------
    InputError
        The crystal is not close-packed, or a defect is unknown, overlaps another or lies
        outside the volume.
    """
    layers = Layers.of(crystal)
    first, last = layers_inside(layers, volume, rotation, offset_fractional, origin_nm)
    for defect in defects:
        if not first <= defect.layer < last:
            raise InputError(
                f"{defect.kind} above layer {defect.layer}",
                where="planar defects",
                why=f"The volume holds layers {first} to {last} only",
                fix="Put the defect between two of them, or take it away",
            )
    sequence, region = stacking_sequence(layers.stacking, defects, first, last)
    return stack(
        layers,
        sequence,
        volume,
        lowest=first,
        region=region,
        rotation=rotation,
        offset_fractional=offset_fractional,
        origin_nm=origin_nm,
    )


def random_defects(
    crystal: Crystal,
    volume: Volume,
    *,
    at_most: int,
    rng: np.random.Generator,
    kinds: Sequence[str] | None = None,
    rotation: Rotation | None = None,
    offset_fractional: ArrayLike = (0.0, 0.0, 0.0),
    origin_nm: ArrayLike = (0.0, 0.0, 0.0),
) -> tuple[PlanarDefect, ...]:
    """Draw a mixture of parallel planar defects at random layers of a volume.

    Parameters
    ----------
    crystal, volume, rotation, offset_fractional, origin_nm
        As for `fill_faulted`, which takes what is drawn here.
    at_most : int
        The number of defects is uniform on 0 ... at_most.
    rng : numpy.random.Generator
        Source of every random number.
    kinds : sequence of str, optional
        Kinds to draw from with equal chances; all that the crystal knows by default.

    Returns
    -------
    tuple of PlanarDefect
        From the lowest; `MIN_GAP_LAYERS` apart at least, none in the outermost layers.

    Raises
    ------
    InputError
        The volume is too thin for so many, or a kind is unknown.
    """
    layers = Layers.of(crystal)
    possible = _REVERSED[layers.stacking]
    kinds = tuple(possible) if kinds is None else tuple(kinds)
    for kind in kinds:
        _check_known(kind, possible)
    first, last = layers_inside(layers, volume, rotation, offset_fractional, origin_nm)
    free = last - first - 3  # layers first + 1 ... last - 3
    if at_most < 0 or (at_most and (not kinds or free < 1 + (at_most - 1) * MIN_GAP_LAYERS)):
        raise InputError(
            f"up to {at_most} planar defects of {len(kinds)} kinds",
            where="planar defects",
            why=f"The volume has {last - first + 1} layers, and defects are at least "
            f"{MIN_GAP_LAYERS} apart",
            fix="Ask for fewer defects or a larger volume",
        )
    count = int(rng.integers(0, at_most + 1))
    if not count:
        return ()
    # Drawn without the gaps and then spread by them, every allowed set has the same chance.
    closed = rng.choice(free - (count - 1) * (MIN_GAP_LAYERS - 1), size=count, replace=False)
    chosen = np.sort(closed) + np.arange(count) * (MIN_GAP_LAYERS - 1) + first + 1
    drawn = rng.integers(0, len(kinds), size=count)
    return tuple(
        PlanarDefect(kinds[kind], int(layer)) for kind, layer in zip(drawn, chosen, strict=True)
    )


def _checked(rule: str, defects: Sequence[PlanarDefect]) -> list[PlanarDefect]:
    """Defects from the lowest; an error if one is unknown or two share a step."""
    _check_known(rule, _REVERSED)
    ordered = sorted(defects, key=lambda defect: defect.layer)
    for defect in ordered:
        _check_known(defect.kind, _REVERSED[rule])
    for below, above in pairwise(ordered):
        needed = max(len(_REVERSED[rule][below.kind][0]), 1)
        if above.layer - below.layer < needed:
            raise InputError(
                f"{below.kind} above layer {below.layer} and {above.kind} above {above.layer}",
                where="planar defects",
                why=f"{below.kind} takes {needed} layers, so that the two overlap",
                fix="Put them further apart",
            )
    return ordered


def _check_known(name: str, names: Mapping[str, object]) -> None:
    if name not in names:
        raise InputError(
            f"'{name}'",
            where="planar defects",
            why="No such kind in this stacking" + nearest(name, names),
            fix="Take a known one",
        )
