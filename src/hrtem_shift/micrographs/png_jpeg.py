"""PNG and JPEG: pixels without any calibration."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.micrographs.decoded_image import (
    LARGEST_BYTES,
    DecodedImage,
    check_decoded_size,
    file_error,
    not_one_image,
)

_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # PNG 1.2, 4.1.1; a palette becomes colour
_MOST_SCANNED_PX = 10**9
"""Progressive JPEG: each scan touches every pixel, and a file may hold thousands."""


def decode_png(path: Path) -> DecodedImage:
    """A PNG with every chunk whole."""
    content = _whole(path)
    width, height, depth, colour = _png_header(content)
    if depth == 16 and colour != 0:
        raise file_error(
            path,
            "a PNG with 16-bit colour",
            "It would be read with 8 bits a channel",
            "Save it as 16-bit grey",
        )
    check_decoded_size(
        path, (height, width, _CHANNELS[colour]), "u2" if depth == 16 else "u1", copies=2
    )
    return DecodedImage("png", decode_with_pillow(path))


def decode_jpeg(path: Path) -> DecodedImage:
    """A JPEG, 8 bits with losses."""
    from PIL import Image

    content = _whole(path)
    with Image.open(path) as image:
        width, height = image.size
        check_decoded_size(path, (height, width, len(image.getbands())), "u1", copies=2)
    scans = content.count(b"\xff\xda")
    if scans * width * height > _MOST_SCANNED_PX:
        raise ValueError(f"{scans} scans of {height} x {width} pixels")
    return DecodedImage("jpg", decode_with_pillow(path))


def decode_with_pillow(path: Path) -> NDArray:
    """Array of a file that Pillow can read and whose size was checked."""
    from PIL import Image

    with Image.open(path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames != 1:
            raise not_one_image(path, f"a file with {frames} images")
        return np.asarray(image.convert("RGB") if image.mode == "P" else image)


def _whole(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_BYTES // 2:
        raise ValueError("the file is larger than the largest image")
    return path.read_bytes()


def _png_header(content: bytes) -> tuple[int, int, int, int]:
    """Width, height, bit depth and colour type, once every chunk is whole (PNG 1.2, 3.2)."""
    view, position, header = memoryview(content), 8, b""
    while position < len(view):
        length = int.from_bytes(view[position : position + 4], "big")
        end = position + 8 + length
        chunk = view[position + 4 : end]
        if zlib.crc32(chunk) != int.from_bytes(view[end : end + 4], "big"):
            raise ValueError("a chunk is cut short or its checksum is wrong")
        header = header or bytes(chunk[4:30])
        if bytes(chunk[:4]) == b"IEND":
            width, height = (int.from_bytes(header[at : at + 4], "big") for at in (0, 4))
            return width, height, header[8], header[9]
        position = end + 4
    raise ValueError("the file is cut short")
