"""Chemical elements by symbol and number."""

from __future__ import annotations

from hrtem_shift.errors import InputError

_TABLE = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm "
    "Bk Cf Es Fm Md No Lr"
)

SYMBOLS = tuple(_TABLE.split())
"""Symbols; element Z stands at Z - 1."""


def atomic_number(element: str | int) -> int:
    """Number of an element given by its symbol, or by its number.

    Raises
    ------
    InputError
        There is no such element (1 to 103).
    """
    if isinstance(element, str) and element in SYMBOLS:
        return SYMBOLS.index(element) + 1
    if not isinstance(element, str) and 1 <= element <= len(SYMBOLS):
        return int(element)
    written = str(element).strip().capitalize()
    raise InputError(
        f"no element {element!r}" + (f"; did you mean '{written}'?" if written in SYMBOLS else ""),
        where="element",
        why="Its scattering is not known",
        fix=f"Give a symbol such as 'Au', or a number from 1 to {len(SYMBOLS)}",
    )


def symbol(number: int) -> str:
    """Symbol of an element, by its number."""
    return SYMBOLS[atomic_number(int(number)) - 1]
