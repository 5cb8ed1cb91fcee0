"""Writer of Gatan dm3 and dm4 files, enough of them for other programs to read.

A tree of tags is a dict: numbers become int32 or float64, text UTF-16, tuples structs of
int32, arrays arrays, dicts groups. A name that is an integer is an unnamed tag.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_ELEMENTS = {"i2": 2, "i4": 3, "u2": 4, "u4": 5, "f4": 6, "f8": 7, "i1": 9, "u1": 10}
_PIXELS = {"i2": 1, "f4": 2, "c8": 3, "u1": 6, "i4": 7, "i1": 9, "u2": 10, "u4": 11, "f8": 12}


def write_dm(path: Path, images: list[dict[Any, Any]], version: int = 3, **more: Any) -> Path:
    """Write images, each made by `image_tags`, and any other tags at the root."""
    word = ">i" if version == 3 else ">q"
    tree = {"ImageList": dict(enumerate(images)), **more}
    body = _group(tree, word)
    header = struct.pack(">i", version) + struct.pack(word, len(body)) + struct.pack(">i", 1)
    path.write_bytes(header + body + bytes(8))
    return path


def image_tags(
    pixels: np.ndarray,
    pixel_size: float | tuple[float, float] = 0.02,
    unit: str = "nm",
    tags: Mapping[Any, Any] | None = None,
    brightness: Mapping[str, Any] | None = None,
) -> dict[Any, Any]:
    """Tags of one image; `pixel_size` is that of the rows and of the columns."""
    y, x = pixel_size if isinstance(pixel_size, tuple) else (pixel_size, pixel_size)
    axes = [{"Origin": 0.0, "Scale": scale, "Units": unit} for scale in (x, y)]
    axes += [{"Origin": 0.0, "Scale": 1.0, "Units": ""}] * (pixels.ndim - 2)
    return {
        "ImageData": {
            "Calibrations": {
                "Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": "", **(brightness or {})},
                "Dimension": dict(enumerate(axes)),
            },
            "Data": pixels,
            "DataType": _PIXELS[pixels.dtype.str[1:]],
            "Dimensions": dict(enumerate(pixels.shape[::-1])),
            "PixelDepth": pixels.dtype.itemsize,
        },
        "ImageTags": tags or {},
        "Name": "image",
    }


def thumbnail_tags(edge: int = 96) -> dict[Any, Any]:
    """A colour thumbnail as Digital Micrograph puts before its image."""
    tags = image_tags(np.arange(edge * edge, dtype=np.uint32).reshape(edge, edge), 1.0, "")
    tags["ImageData"]["DataType"] = 23
    return tags


def microscope_tags(
    exposure_s: float = 0.4, energy_keV: float = 300.0, magnification: float = 330_000.0
) -> dict[str, Any]:
    """Tags of the recording as a camera of 2020 writes them."""
    return {
        "Acquisition": {
            "Parameters": {"High Level": {"Exposure (s)": exposure_s, "Binning": (1, 1)}}
        },
        "Microscope Info": {
            "Voltage": 1000 * energy_keV,
            "Indicated Magnification": magnification,
        },
    }


def _group(tree: Mapping[Any, Any], word: str) -> bytes:
    body = b"".join(_tag(name, value, word) for name, value in tree.items())
    return b"\1\0" + struct.pack(word, len(tree)) + body


def _tag(name: Any, value: Any, word: str) -> bytes:
    label = b"" if isinstance(name, int) else name.encode("latin-1")
    content = _group(value, word) if isinstance(value, Mapping) else _value(value, word)
    size = struct.pack(">q", len(content)) if word == ">q" else b""
    kind = 20 if isinstance(value, Mapping) else 21
    return struct.pack(">BH", kind, len(label)) + label + size + content


def _value(value: Any, word: str) -> bytes:
    if isinstance(value, str):
        value = np.frombuffer(value.encode("utf-16-le"), "<u2")
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "c":
            value = value.view(value.real.dtype)
        description = [20, _ELEMENTS[value.dtype.str[1:]], value.size]
        data = value.astype(value.dtype.newbyteorder("<")).tobytes()
    elif isinstance(value, tuple):
        description = [15, 0, len(value), *(number for _ in value for number in (0, 3))]
        data = struct.pack(f"<{len(value)}i", *value)
    elif isinstance(value, int):
        description, data = [3], struct.pack("<i", value)
    else:
        description, data = [7], struct.pack("<d", value)
    numbers = b"".join(struct.pack(word, number) for number in (len(description), *description))
    return b"%%%%" + numbers + data
