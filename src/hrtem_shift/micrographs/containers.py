"""File formats: PNG, TIFF and Gatan dm3/dm4 to the array that they hold, bit for bit.

These may raise anything; `readers` turns it into one error. What is checked here is what
the decoders let pass: a PNG with bad checksums, a TIFF with strips beyond the end of the
file, sizes that no memory holds, stacks, and 16-bit colour that would lose its lower byte.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError

LARGEST_PX = 12_288**2  # three times as wide as today's cameras; below Pillow's own refusal
_MIN_IS_BLACK, _RGB = 1, 2  # TIFF 6.0, tag 262
_IMAGE_AXES = {"YX": None, "YXS": None, "SYX": 0}


def decode_png(path: Path) -> NDArray:
    """Array of a PNG, shape (H, W) or (H, W, channels)."""
    content = path.read_bytes()
    width, height, depth, colour = _png_header(content)
    check_size(path, height, width)
    if depth == 16 and colour != 0:
        raise unusable(
            path,
            "a PNG with 16-bit colour",
            "It would be read with 8 bits a channel",
            "Save it as 16-bit grey",
        )
    return _decode_with_pillow(path)


def decode_tiff(path: Path) -> NDArray:
    """Array of a TIFF, shape (H, W) or (H, W, channels)."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        series = [one for one in tiff.series if not one.keyframe.is_reduced]
        if len(series) != 1 or series[0].axes not in _IMAGE_AXES:
            raise not_one_image(path, f"a TIFF with {[one.shape for one in series]} pixels")
        page = series[0].keyframe
        _check_tiff_page(path, page)
        try:
            stored = series[0].asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            return _decode_compressed_tiff(path, page)
    channels = _IMAGE_AXES[series[0].axes]
    return stored if channels is None else np.moveaxis(stored, channels, -1)


def decode_dm(path: Path) -> NDArray:
    """Array of the only image of a Gatan dm3 or dm4 file, shape (H, W)."""
    from rsciio.digitalmicrograph import file_reader

    signals = [signal["data"] for signal in file_reader(str(path))]
    images = [data for data in signals if data.ndim >= 2]
    if len(images) != 1:
        raise not_one_image(path, f"a Gatan file with {len(images)} images")
    image: NDArray = images[0]
    check_size(path, *image.shape)
    if image.dtype.names:  # colour, stored as fields R, G, B, A
        return np.stack([image[name] for name in ("R", "G", "B")], axis=-1)
    return image


def check_size(path: Path, *shape: int) -> None:
    """Refuse more pixels than any camera has, before memory is asked for."""
    if math.prod(shape) > LARGEST_PX:
        raise unusable(
            path,
            f"the header declares {' x '.join(map(str, shape))} pixels",
            f"More than {LARGEST_PX} pixels are refused: most such headers are damaged",
            "Copy the file again, or cut the image into smaller ones",
        )


def unusable(path: Path, what: str, why: str, fix: str) -> InputError:
    """Error about one file."""
    return InputError(what, where=str(path), why=why, fix=fix)


def not_one_image(path: Path, what: str) -> InputError:
    """Error about a stack, a spectrum, or several images in one file."""
    return unusable(
        path,
        what,
        "A micrograph is one two-dimensional image",
        "Save each image of the stack as its own file",
    )


def _png_header(content: bytes) -> tuple[int, int, int, int]:
    """Width, height, bit depth and colour type, once every chunk is whole (PNG 1.2, 3.2)."""
    position, header = 8, b""
    while position < len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        end = position + 8 + length
        chunk = content[position + 4 : end]
        if zlib.crc32(chunk) != int.from_bytes(content[end : end + 4], "big"):
            raise ValueError("a chunk is cut short or its checksum is wrong")
        header = header or chunk[4:]
        if chunk[:4] == b"IEND":
            width, height = (int.from_bytes(header[at : at + 4], "big") for at in (0, 4))
            return width, height, header[8], header[9]
        position = end + 4
    raise ValueError("the file is cut short")


def _check_tiff_page(path: Path, page: Any) -> None:
    check_size(path, *page.shape)
    if page.photometric not in (_MIN_IS_BLACK, _RGB):
        raise unusable(
            path,
            f"a TIFF of the kind {getattr(page.photometric, 'name', page.photometric)}",
            "Stored numbers must rise with brightness",
            "Save it as grey with black as zero",
        )
    ends = [start + n for start, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
    whole = min(page.databytecounts, default=0) > 0 and max(ends) <= path.stat().st_size
    if page.compression == 1:
        bits = page.bitspersample * math.prod(page.shape)
        whole = whole and sum(page.databytecounts) * 8 >= bits
    if not whole:
        raise ValueError("pixels lie beyond the end of the file")


def _decode_compressed_tiff(path: Path, page: Any) -> NDArray:
    """LZW and the like: tifffile needs one more library for them, Pillow does not."""
    stored = _decode_with_pillow(path)
    if stored.dtype.newbyteorder("=") != page.dtype.newbyteorder("="):
        raise ValueError(f"{page.compression.name} compression of {page.dtype} is not supported")
    return stored


def _decode_with_pillow(path: Path) -> NDArray:
    from PIL import Image

    with Image.open(path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames != 1:
            raise not_one_image(path, f"a file with {frames} images")
        return np.array(image.convert("RGB") if image.mode == "P" else image)
