"""Convert lengths of microscope files to nm, and two axes to one pixel size."""

from __future__ import annotations

import logging
import math
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from hrtem_shift.errors import InputError

logger = logging.getLogger(__name__)
ANISOTROPY_WARNED = 1e-4
"""Edges of a pixel that differ by more than this fraction are warned of."""
ANISOTROPY_REFUSED = 1e-2
"""Edges of a pixel that differ by more than this fraction are refused."""
SMALLEST_NM, LARGEST_NM = 1e-3, 1e4
"""No micrograph has finer or coarser pixels [nm]."""

_NM = {"m": 1e9, "cm": 1e7, "mm": 1e6, "um": 1e3, "μm": 1e3, "nm": 1.0, "Å": 0.1, "A": 0.1}
_NM |= {"å": 0.1, "pm": 1e-3, "μ": 1e3}
_NM_OF_WORDS = {"meter": 1e9, "metre": 1e9, "micron": 1e3, "micrometer": 1e3, "micrometre": 1e3}
_NM_OF_WORDS |= {"nanometer": 1.0, "nanometre": 1.0, "angstrom": 0.1, "angstroem": 0.1}
_NM_OF_WORDS |= {"ang": 0.1, "angst": 0.1, "picometer": 1e-3, "picometre": 1e-3}
_UNCALIBRATED = {"", "px", "pixel", "pixels", "none", "undefined", "referenceframe"}
_RECIPROCAL = re.compile(r"/|\^|-1$|−1$|reciprocal|inverse")


class Edge(NamedTuple):
    """Edge of a pixel as a file states it: a number and the name of its unit."""

    size: float
    unit: str


def length_nm(edge: Edge, *, where: str) -> float | None:
    """A stated length in nm.

    Parameters
    ----------
    edge : Edge
        With any common spelling of m, cm, mm, µm (U+00B5 or U+03BC, um, micron), nm, Å (A,
        Angstrom) or pm.
    where : str
        What to name in the error.

    Returns
    -------
    float or None
        Length [nm]; None where the unit is empty or pixels: the file has no calibration.

    Raises
    ------
    InputError
        The unit is reciprocal or unknown, or the number is not above 0.
    """
    refuse_reciprocal(edge, where=where)
    unit = _plain(edge.unit)
    word = _without_accents(unit.lower())
    if word in _UNCALIBRATED:
        return None
    factor = _NM.get(unit) or _NM_OF_WORDS.get(word.removesuffix("s").removesuffix("."))
    if factor is None:
        raise InputError(
            f"the unit of the pixel size is {edge.unit!r}",
            where=where,
            why="Which length it means is not known",
            fix="Give pixel_size_nm",
        )
    if not (math.isfinite(edge.size) and 0 < edge.size * factor < math.inf):
        raise InputError(
            f"the pixel size is {edge.size:g} {edge.unit}",
            where=where,
            why="A length is a number above 0",
            fix="Give pixel_size_nm",
        )
    return edge.size * factor


def refuse_reciprocal(edge: Edge, *, where: str) -> None:
    """Raise an `InputError` for an edge of a pixel that is one over a length."""
    if _RECIPROCAL.search(_plain(edge.unit).lower()):
        raise InputError(
            f"the unit of the pixel size is {edge.unit!r}",
            where=where,
            why="It is a diffraction pattern or a Fourier transform, which shows no particles",
            fix="Give the image itself",
        )


def pixel_size_nm(
    vertical: Edge,
    horizontal: Edge,
    *,
    where: str,
    warn: Callable[[str], None] = logger.warning,
) -> float | None:
    """Edge of a square pixel from what a file states of its two axes.

    Parameters
    ----------
    vertical, horizontal : Edge
        Distance between rows, and between columns.
    where : str
        What to name in the error and in the warning.
    warn : callable
        Receives one line where the edges differ by more than `ANISOTROPY_WARNED`.

    Returns
    -------
    float or None
        Mean of both [nm]; None without calibration.

    Raises
    ------
    InputError
        As `length_nm` and `check_pixel_size`; one axis is calibrated and the other is not; the
        edges differ by more than `ANISOTROPY_REFUSED`.
    """
    y_nm, x_nm = (length_nm(edge, where=where) for edge in (vertical, horizontal))
    if y_nm is None and x_nm is None:
        return None
    difference = abs(y_nm - x_nm) / max(y_nm, x_nm) if y_nm and x_nm else math.inf
    edges = f"pixels are {_text(y_nm)} high and {_text(x_nm)} wide"
    if difference > ANISOTROPY_REFUSED:
        raise InputError(
            edges,
            where=where,
            why=f"Pixels must be square within {ANISOTROPY_REFUSED:.0%}: lengths, doses and "
            "networks know one pixel size",
            fix="Give pixel_size_nm if the file is wrong, or resample the image",
        )
    assert y_nm and x_nm  # a missing one is an infinite difference
    check_pixel_size((y_nm + x_nm) / 2, where=where)
    if difference > ANISOTROPY_WARNED:
        warn(f"{where}: {edges}, their mean is used")
    return (y_nm + x_nm) / 2


def check_pixel_size(size_nm: float, *, where: str) -> None:
    """Raise an `InputError` for a size that no pixel of a micrograph has.

    Parameters
    ----------
    size_nm : float
        Edge of a pixel [nm], above 0.
    where : str
        What to name in the error, which suggests the unit that was probably meant.
    """
    if SMALLEST_NM <= size_nm <= LARGEST_NM:
        return
    likely = [
        f"; {words} it would be {nm:.4g} nm"
        for words, nm in _other_readings(size_nm)
        if _USUAL_NM[0] <= nm <= _USUAL_NM[1]
    ]
    raise InputError(
        f"{size_nm:g} nm is no pixel size{likely[0] if likely else ''}",
        where=where,
        why=f"Pixels of micrographs are {SMALLEST_NM:g} to {LARGEST_NM:g} nm wide",
        fix="Give pixel_size_nm in nm",
    )


_USUAL_NM = 0.004, 2.0  # of high resolution, so that one unit is likelier than the next


def _other_readings(number: float) -> list[tuple[str, float]]:
    return [
        ("in metres", number * 1e9),
        ("in millimetres", number * 1e6),
        ("in micrometres", number * 1e3),
        ("in pixels per nanometre", 1 / number),
        ("in pixels per micrometre", 1e3 / number),
        ("in pixels per centimetre", 1e7 / number),
        ("in pixels per metre", 1e9 / number),
    ]


def _text(length: float | None) -> str:
    return "uncalibrated" if length is None else f"{length:.6g} nm"


def _plain(unit: str) -> str:
    """Compatibility forms: U+00B5 becomes U+03BC, the Angstrom sign a letter, ⁻¹ becomes −1."""
    for encoding in ("cp1252", "latin-1"):  # UTF-8 that was decoded as one of them
        try:
            unit = unit.encode(encoding).decode("utf-8")
            break
        except UnicodeError:
            continue
    return re.sub(r"[\s\[\]_\0]", "", unicodedata.normalize("NFKC", unit))


def _without_accents(word: str) -> str:
    """Ångström and Ångstrøm become angstrom."""
    letters = unicodedata.normalize("NFKD", word.replace("ø", "o"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
