"""FEI/TIA ser: one image with its calibration in metres.

Layout: C. Boothroyd, "FEI TEM Imaging & Analysis (TIA) series data file format".
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from hrtem_shift.micrographs.calibration import Edge
from hrtem_shift.micrographs.decoded_image import (
    DecodedImage,
    check_decoded_size,
    check_inside,
    not_one_image,
)

_TWO_DIMENSIONAL = 0x4122
_PIXELS = {1: "<u1", 2: "<u2", 3: "<u4", 4: "<i1", 5: "<i2", 6: "<i4", 7: "<f4", 8: "<f8"}
_PIXELS |= {9: "<c8", 10: "<c16"}
_LONGEST_EDGE_M = 1e-3
"""No image has wider pixels; the same field holds 1/m, far above 1, for diffraction patterns."""


def decode_ser(path: Path) -> DecodedImage:
    """The only image of a ser file."""
    with path.open("rb") as file:
        *_, version, kind, _, _, count = struct.unpack("<HHHIIII", file.read(22))
        long = version >= 0x220  # offsets of 8 bytes
        (table,) = struct.unpack("<Q" if long else "<I", file.read(8 if long else 4))
        if kind != _TWO_DIMENSIONAL or count != 1:
            raise not_one_image(path, f"a ser file of {count} elements of the kind {kind:#x}")
        check_inside(path, table, 8)
        file.seek(table)
        (start,) = struct.unpack("<Q" if long else "<I", file.read(8 if long else 4))
        check_inside(path, start, 50)
        file.seek(start)
        _, x_m, _, _, y_m, _, code, width, height = struct.unpack("<ddIddIHII", file.read(50))
        dtype, shape = np.dtype(_PIXELS[code]), (height, width)
        check_decoded_size(path, shape, dtype)
        check_inside(path, start + 50, width * height * dtype.itemsize)
    pixels = np.fromfile(path, dtype, width * height, offset=start + 50).reshape(shape)
    unit = "m" if max(abs(x_m), abs(y_m)) < _LONGEST_EDGE_M else "1/m"
    return DecodedImage(
        kind="ser",
        pixels=pixels[::-1],  # rows are stored from the bottom up
        edges=(Edge(y_m, unit), Edge(x_m, unit)),
        edges_source="CalibrationDelta",
    )
