"""Space groups: the places that symmetry makes from one.

Only generators are stored; repeating them until nothing new comes out gives the orbit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrtem_shift.errors import InputError

_FACE_CENTRED = ("x,y+1/2,z+1/2", "x+1/2,y,z+1/2")
_BODY_CENTRED = ("x+1/2,y+1/2,z+1/2",)
_HEXAGONAL_SCREW = ("-y,x-y,z", "-x,-y,z+1/2")
_CUBIC = ("-x,-y,z", "-x,y,-z", "z,x,y")

GENERATORS: dict[int, tuple[str, ...]] = {
    # I 4_1/a m d, origin choice 2
    141: (
        *_BODY_CENTRED,
        "-x+1/2,-y,z+1/2",
        "-y+1/4,x+3/4,z+1/4",
        "-x+1/2,y,-z+1/2",
        "-x,-y,-z",
    ),
    186: (*_HEXAGONAL_SCREW, "-y,-x,z"),  # P 6_3 m c
    194: (*_HEXAGONAL_SCREW, "y,x,-z", "-x,-y,-z"),  # P 6_3/m m c
    216: (*_FACE_CENTRED, *_CUBIC, "y,x,z"),  # F -4 3 m
    225: (*_FACE_CENTRED, *_CUBIC, "y,x,-z", "-x,-y,-z"),  # F m -3 m
    # F d -3 m, origin choice 2
    227: (
        *_FACE_CENTRED,
        "-x+3/4,-y+1/4,z+1/2",
        "-x+1/4,y+1/2,-z+3/4",
        "z,x,y",
        "y+3/4,x+1/4,-z+1/2",
        "-x,-y,-z",
    ),
    229: (*_BODY_CENTRED, *_CUBIC, "y,x,-z", "-x,-y,-z"),  # I m -3 m
}
"""Generators by number (International Tables for Crystallography, volume A)."""

SAME_PLACE = 1e-3
"""Places closer than this, in fractions of the cell, are one: 0.3333 may stand for 1/3."""


def orbit(group: int | Sequence[str], place: ArrayLike) -> NDArray[np.float64]:
    """All places in the cell that symmetry makes from one.

    Parameters
    ----------
    group : int or sequence of str
        Number of a space group in `GENERATORS`, or the operations that generate one.
    place : array, shape (3,)
        In fractions of the cell vectors.

    Returns
    -------
    array, shape (n, 3)
        In [0, 1), the given place first, in an order that depends on the input only.

    Raises
    ------
    InputError
        A group that is not in the table, or an operation that cannot be read.
    """
    operations = [operation(text) for text in _generators(group)]
    sites = [np.asarray(place, dtype=np.float64) % 1.0]
    for site in sites:  # grows while it is walked through
        for matrix, shift in operations:
            moved = (matrix @ site + shift) % 1.0
            if not any(_same(moved, other) for other in sites):
                sites.append(moved)
    return np.array(sites)


def operation(text: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix (3, 3) and shift (3,) of an operation such as ``"-y,x-y,z+1/2"``.

    Raises
    ------
    InputError
        It is not three sums of x, y, z and fractions.
    """
    matrix, shift = np.zeros((3, 3)), np.zeros(3)
    rows = text.replace(" ", "").lower().split(",")
    for row, sum_ in enumerate(rows):
        terms = re.findall(r"([+-]?)(?:([xyz])|(\d+(?:\.\d+)?)(?:/(\d+))?)", sum_)
        if len(rows) != 3 or not terms or len(sum_) != sum(map(_length, terms)):
            raise InputError(
                f"'{text}' is no symmetry operation",
                where="space group",
                why="Three sums of x, y, z and fractions are expected",
                fix="Write it like '-y,x-y,z+1/2'",
            )
        for sign, axis, number, divisor in terms:
            value = -1.0 if sign == "-" else 1.0
            if axis:
                matrix[row, "xyz".index(axis)] += value
            else:
                shift[row] += value * float(number) / float(divisor or 1)
    return matrix, shift


def _generators(group: int | Sequence[str]) -> Sequence[str]:
    if not isinstance(group, int):
        return group
    if group not in GENERATORS:
        raise InputError(
            f"space group {group} is not in the table",
            where="space group",
            why=f"It holds {', '.join(map(str, GENERATORS))}",
            fix="Give the operations themselves, such as '-x,-y,z', or read a CIF file",
        )
    return GENERATORS[group]


def _length(term: tuple[str, ...]) -> int:
    sign, axis, number, divisor = term
    return len(sign + axis + number) + (len(divisor) + 1 if divisor else 0)


def _same(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    apart = first - second
    return bool(np.abs(apart - np.round(apart)).max() < SAME_PLACE)
