"""MRC2014: one image with its cell in Å (Cheng et al. 2015, doi:10.1016/j.jsb.2015.04.002).

Many files break the standard: no stamp MAP, unsigned bytes in mode 0, a cell of 1 Å a pixel where
the pixel size is unknown.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.micrographs.calibration import Edge
from hrtem_shift.micrographs.decoded_image import (
    DecodedImage,
    check_decoded_size,
    check_inside,
    facts_of,
    not_one_image,
)

HEADER_BYTES = 1024
_PIXELS = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}
_FEI_EXTENSION_BYTES = 131_072  # 1024 records of 128 bytes, pixel size in m at 44


_AXES = [1, 2, 3]
_LONGEST_EDGE_PX = 2**17
_IMOD_STAMP, _SIGNED_BYTES = 1146047817, 1  # bytes 152 and 156, IMOD's description of the format
_CLEARLY_SMOOTHER = 0.8
"""Signed or unsigned bytes are chosen where neighbours then differ by this factor less."""


def is_mrc(header: bytes) -> bool:
    """Whether the first 1024 bytes of a file are an MRC header, stamped MAP or not."""
    return header[208:211] == b"MAP" or _plausible_order(header) is not None


def _plausible_order(header: bytes) -> str | None:
    """Byte order in which sizes, mode and axes of a header are those of an image."""
    if len(header) < HEADER_BYTES:
        return None
    for order in "<>":
        width, height, depth, mode = struct.unpack_from(f"{order}4i", header, 0)
        sizes_are_sound = min(width, height) > 0 and max(width, height) <= _LONGEST_EDGE_PX
        axes = struct.unpack_from(f"{order}3i", header, 64)
        if sizes_are_sound and depth > 0 and mode in _PIXELS and sorted(axes) == _AXES:
            return order
    return None


def decode_mrc(path: Path) -> DecodedImage:
    """The only image of an MRC file."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        stamped = ">" if header[212:214] == b"\x11\x11" else "<"
        order = _plausible_order(header) or stamped
        width, height, depth, mode = struct.unpack_from(f"{order}4i", header, 0)
        intervals = struct.unpack_from(f"{order}3i", header, 28)
        cell_A = struct.unpack_from(f"{order}3f", header, 40)
        (extension,) = struct.unpack_from(f"{order}i", header, 92)
        fei = file.read(52) if extension == _FEI_EXTENSION_BYTES else b""
    if depth != 1:
        raise not_one_image(path, f"an MRC file of {depth} sections")
    dtype = np.dtype(order + _PIXELS[mode])
    check_decoded_size(path, (height, width), dtype)
    check_inside(path, HEADER_BYTES + extension, width * height * dtype.itemsize)
    pixels = np.fromfile(path, dtype, width * height, offset=HEADER_BYTES + extension)
    pixels, remarks = _with_sign(pixels, header, order, width) if mode == 0 else (pixels, ())
    edges, source, facts, doubt = None, "", {}, ""
    if fei:
        exposure_s, _, _, size_m, magnification = struct.unpack_from(f"{order}5f", fei, 32)
        edges, source = (Edge(size_m, "m"),) * 2, "extended header, pixel size"
        stated = {"exposure time": exposure_s, "magnification": magnification}
        wanted = [("exposure_s", "exposure time", 1.0), ("magnification", "magnification", 1.0)]
        facts = facts_of(stated, wanted)
    elif cell_A[0] and cell_A[1] and intervals[0] and intervals[1]:
        y_A, x_A = cell_A[1] / intervals[1], cell_A[0] / intervals[0]
        edges, source = (Edge(y_A, "Å"), Edge(x_A, "Å")), "CELLA / MX, MY"
        if y_A == x_A == 1:
            doubt = "its cell is exactly 1 Å a pixel, as programs write where nothing is known"
    return DecodedImage(
        kind="mrc",
        pixels=pixels.reshape(height, width),
        edges=edges,
        edges_source=source,
        facts=facts,
        remarks=remarks,
        edges_doubt=doubt,
    )


def _with_sign(
    signed: NDArray, header: bytes, order: str, width: int
) -> tuple[NDArray, tuple[str, ...]]:
    """Bytes of mode 0, signed by the standard but not by many programs, and remarks."""
    unsigned = signed.view(np.uint8)
    if not (unsigned > 127).any():
        return signed, ()
    stamp, flags = struct.unpack_from(f"{order}2i", header, 152)
    if stamp == _IMOD_STAMP:
        return (signed if flags & _SIGNED_BYTES else unsigned), ()
    lowest, highest, mean = struct.unpack_from(f"{order}3f", header, 76)
    if lowest <= mean <= highest and (lowest < 0 or highest > 127):
        return (signed if lowest < 0 else unsigned), ()
    roughness, other = (_roughness(pixels.reshape(-1, width)) for pixels in (unsigned, signed))
    if roughness < _CLEARLY_SMOOTHER * other:
        return unsigned, (
            f"its bytes are read as unsigned: neighbours differ by {roughness:.3g} counts on "
            f"average, as signed bytes by {other:.3g}",
        )
    if other < _CLEARLY_SMOOTHER * roughness:
        return signed, ()
    return signed, (
        "whether its bytes are signed is not stated, they are read as signed (the standard)",
    )


def _roughness(pixels: NDArray) -> float:
    """Mean absolute difference of neighbours along both axes [counts]."""
    values = pixels.astype(np.int16)
    steps = [np.abs(np.diff(values, axis=axis)).ravel() for axis in (0, 1)]
    return float(np.concatenate(steps).mean())
