"""Result of a decoder, and the checks that it makes before it allocates memory.

Decoders may raise anything; `readers` converts it to one `InputError`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.calibration import Edge

LARGEST_BYTES = 800 * 2**20
"""Pixels as stored plus as float32: a camera of 11520 x 8184 in 32 bits fits."""


class Fact(NamedTuple):
    """Something that a file states, and where in the file."""

    value: float
    source: str


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """One image as it is stored in a file.

    Parameters
    ----------
    kind : str
        File format.
    pixels : ndarray, shape (H, W) or (H, W, channels)
        As stored, any type.
    edges : pair of Edge, optional
        Distance between rows, and between columns; None where the format has no such field.
    edges_source : str
        Which field that is.
    facts : dict
        exposure_s, energy_keV, magnification and electrons_per_px, where stated.
    chosen : str
        Which of several images of the file this is; empty for the only one.
    remarks : sequence of str
        What a reader had to decide that the file does not state.
    edges_doubt : str
        Why the size of a pixel may be none; empty where there is no doubt.
    """

    kind: str
    pixels: NDArray
    edges: tuple[Edge, Edge] | None = None
    edges_source: str = ""
    facts: dict[str, Fact] = field(default_factory=dict)
    chosen: str = ""
    remarks: Sequence[str] = ()
    edges_doubt: str = ""


def check_decoded_size(path: Path, shape: Sequence[int], dtype: DTypeLike, copies: int = 1) -> None:
    """Refuse more pixels than any camera has, before memory is allocated."""
    needed = math.prod(shape) * np.dtype(dtype).itemsize * copies + math.prod(shape[:2]) * 4
    if min(shape, default=0) < 1 or needed > LARGEST_BYTES:
        raise file_error(
            path,
            f"the header declares {' x '.join(map(str, shape))} pixels",
            f"0 pixels and more than {LARGEST_BYTES >> 20} MiB of them are refused: most such "
            "headers are damaged",
            "Copy the file again, or cut the image into smaller ones",
        )


def check_inside(path: Path, start: int, size: int) -> None:
    """Refuse data that a header places beyond the end of the file."""
    end = path.stat().st_size
    if start < 0 or size < 0 or start + size > end:
        raise ValueError(f"bytes {start} to {start + size} are declared in a file of {end}")


def image_axes(shape: Sequence[int]) -> tuple[int, ...]:
    """Axes of an array without those of length 1, as a stack of one frame has; at least two."""
    axes = list(range(len(shape)))
    for axis in range(len(shape)):
        if len(axes) > 2 and shape[axis] == 1:
            axes.remove(axis)
    return tuple(axes)


def largest_image(path: Path, shapes: Mapping[str, Sequence[int]]) -> str:
    """Name of the one image that is larger than the thumbnails and surveys beside it."""
    sizes = sorted(((math.prod(shape), name) for name, shape in shapes.items()), reverse=True)
    if not sizes or (sizes[1:2] and sizes[0][0] == sizes[1][0]):
        listed = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
        raise not_one_image(path, f"a file with {len(shapes)} images ({listed[:300]})")
    name = sizes[0][1]
    if len(shapes[name]) != 2:
        raise not_one_image(path, f"a stack of shape {tuple(shapes[name])}")
    return name


def choice_of(name: str, shapes: Mapping[str, Sequence[int]]) -> str:
    """Which of several images was taken; empty for the only one."""
    return f"{name}, the largest of {len(shapes)}" if len(shapes) > 1 else ""


def facts_of(tags: Mapping[str, Any], wanted: Iterable[tuple[str, str, float]]) -> dict[str, Fact]:
    """Collect numbers above 0 from tags.

    Parameters
    ----------
    tags : mapping
        Path of a tag -> its value; numbers may be written as text.
    wanted : iterable of (quantity, tag, factor)
        Where to look, the best place first; the factor leads to the quantity's unit.

    Returns
    -------
    dict
        Quantity -> value and tag; what is absent, 0, negative or no number is left out.
    """
    facts: dict[str, Fact] = {}
    for quantity, tag, factor in wanted:
        try:
            value = float(tags[tag]) * factor
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if 0 < value < math.inf:
            facts.setdefault(quantity, Fact(value, tag))
    return facts


def file_error(path: Path, what: str, why: str, fix: str) -> InputError:
    """Error about one file."""
    return InputError(what, where=str(path), why=why, fix=fix)


def not_one_image(path: Path, what: str) -> InputError:
    """Error about a stack, a spectrum, or several images in one file."""
    return file_error(
        path,
        what,
        "A micrograph is one two-dimensional image",
        "Save each image of the stack as its own file",
    )
