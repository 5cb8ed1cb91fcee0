"""MRC2014: one image with its cell in Å (Cheng et al. 2015, doi:10.1016/j.jsb.2015.04.002)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from hrtem_shift.micrographs.calibration import Edge
from hrtem_shift.micrographs.containers import (
    StoredImage,
    check_inside,
    check_size,
    facts_of,
    not_one_image,
)

HEADER_BYTES = 1024
_PIXELS = {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}
_FEI_EXTENSION_BYTES = 131_072  # 1024 records of 128 bytes, pixel size in m at 44


def is_mrc(header: bytes) -> bool:
    """Whether the first 1024 bytes of a file are an MRC header."""
    return header[208:211] == b"MAP"


def decode_mrc(path: Path) -> StoredImage:
    """The only image of an MRC file."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        order = ">" if header[212:214] == b"\x11\x11" else "<"
        width, height, depth, mode = struct.unpack_from(f"{order}4i", header, 0)
        intervals = struct.unpack_from(f"{order}3i", header, 28)
        cell_A = struct.unpack_from(f"{order}3f", header, 40)
        (brightest,) = struct.unpack_from(f"{order}f", header, 80)
        (extension,) = struct.unpack_from(f"{order}i", header, 92)
        fei = file.read(52) if extension == _FEI_EXTENSION_BYTES else b""
    if depth != 1:
        raise not_one_image(path, f"an MRC file of {depth} sections")
    # Mode 0 is signed, but many write bytes above 127 into it, and say so in DMAX.
    dtype = np.dtype(order + ("u1" if mode == 0 and brightest > 127 else _PIXELS[mode]))
    check_size(path, (height, width), dtype)
    check_inside(path, HEADER_BYTES + extension, width * height * dtype.itemsize)
    pixels = np.fromfile(path, dtype, width * height, offset=HEADER_BYTES + extension)
    edges, source, facts = None, "", {}
    if fei:
        exposure_s, _, _, size_m, magnification = struct.unpack_from(f"{order}5f", fei, 32)
        edges, source = (Edge(size_m, "m"),) * 2, "extended header, pixel size"
        stated = {"exposure time": exposure_s, "magnification": magnification}
        wanted = [("exposure_s", "exposure time", 1.0), ("magnification", "magnification", 1.0)]
        facts = facts_of(stated, wanted)
    elif cell_A[0] and cell_A[1] and intervals[0] and intervals[1]:
        y_A, x_A = cell_A[1] / intervals[1], cell_A[0] / intervals[0]
        edges, source = (Edge(y_A, "Å"), Edge(x_A, "Å")), "CELLA / MX, MY"
    return StoredImage(
        kind="mrc",
        pixels=pixels.reshape(height, width),
        edges=edges,
        edges_source=source,
        facts=facts,
    )
