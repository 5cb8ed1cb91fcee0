"""TIFF: one page of grey, or of colours that are grey."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.micrographs.decoded_image import (
    DecodedImage,
    check_decoded_size,
    check_inside,
    file_error,
    not_one_image,
)
from hrtem_shift.micrographs.png_jpeg import decode_with_pillow
from hrtem_shift.micrographs.tiff_calibration import calibration_of

_MIN_IS_BLACK, _RGB, _PALETTE = 1, 2, 3  # TIFF 6.0, tag 262
_STORED, _DEFLATE = 1, (8, 32946)  # tag 259
_IMAGE_AXES = {"YX": None, "YXS": None, "SYX": 0}
_MOST_PAGES = 16  # an image and its thumbnails


def decode_tiff(path: Path) -> DecodedImage:
    """The only full-size image of a TIFF."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        _check_page_count(path, tiff)
        series = [images for images in tiff.series if not images.keyframe.is_reduced]
        axes, shape = _without_single(series[0]) if series else ("", ())
        if len(series) != 1 or axes not in _IMAGE_AXES:
            raise not_one_image(path, f"a TIFF with {[images.shape for images in series]} pixels")
        page = series[0].keyframe
        _check_page(path, page)
        if page.compression in (_STORED, *_DEFLATE):
            pixels = series[0].asarray().reshape(shape)
            if page.photometric == _PALETTE:
                pixels = _colours_of(page)[pixels]
        else:
            pixels = _decode_compressed(path, page)
        edges, source, facts = calibration_of(tiff, page)
    channels = _IMAGE_AXES[axes]
    if channels is not None and pixels.shape == shape:
        pixels = np.moveaxis(pixels, channels, -1)
    return DecodedImage("tif", pixels, edges, source, facts)


def _without_single(series: Any) -> tuple[str, tuple[int, ...]]:
    """Axes and shape of a series without axes of a single frame, channel or sample."""
    kept = [
        (axis, length)
        for axis, length in zip(series.axes, series.shape, strict=True)
        if axis in "YX" or length != 1
    ]
    return "".join(axis for axis, _ in kept), tuple(length for _, length in kept)


def _colours_of(page: Any) -> NDArray:
    """Table of a palette, shape (entries, 3), in 8 bits where it needs no more."""
    table = np.asarray(page.colormap, np.uint16).T
    eight_bits = (table >> 8).astype(np.uint8)
    if (table & 255 == 0).all() or (table == eight_bits * np.uint16(257)).all():
        return eight_bits
    return table


def _check_palette(path: Path, page: Any) -> None:
    table = _colours_of(page).astype(np.int64)
    if (np.ptp(table, axis=1) == 0).all() and (np.diff(table[:, 0]) < 0).any():
        raise file_error(
            path,
            "a TIFF with a grey colour table that does not rise",
            "Stored numbers must rise with brightness",
            "Save it as grey with black as zero",
        )


def _check_page_count(path: Path, tiff: Any) -> None:
    try:
        tiff.pages[_MOST_PAGES]
    except IndexError:
        return
    raise not_one_image(path, f"a TIFF with more than {_MOST_PAGES} pages")


def _check_page(path: Path, page: Any) -> None:
    plain = page.compression == _STORED
    check_decoded_size(path, page.shape, page.dtype, copies=1 if plain else 2)
    if page.photometric == _PALETTE:
        check_decoded_size(path, (*page.shape, 3), page.dtype)
        _check_palette(path, page)
    elif page.photometric not in (_MIN_IS_BLACK, _RGB):
        raise file_error(
            path,
            f"a TIFF of the kind {getattr(page.photometric, 'name', page.photometric)}",
            "Stored numbers must rise with brightness",
            "Save it as grey with black as zero",
        )
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    for start, size in segments:
        check_inside(path, start, size)
    whole = min(page.databytecounts, default=0) > 0
    if plain:
        bits = page.bitspersample * math.prod(page.shape)
        whole = whole and sum(page.databytecounts) * 8 >= bits
    if not whole:
        raise ValueError("pixels are missing")
    if page.compression in _DEFLATE:
        _check_inflated(path, page, segments)


def _check_inflated(path: Path, page: Any, segments: list[tuple[int, int]]) -> None:
    """Refuse segments that would grow beyond their share of the image (1000-fold at most)."""
    check_decoded_size(path, page.chunks, page.dtype)
    share = math.prod(page.chunks) * page.dtype.itemsize
    with path.open("rb") as file:
        for start, size in segments:
            file.seek(start)
            inflated = zlib.decompressobj().decompress(file.read(size), share + 1)
            if len(inflated) > share:
                raise ValueError("a segment holds more pixels than it declares")


def _decode_compressed(path: Path, page: Any) -> NDArray:
    """LZW and the like: tifffile needs one more library for them, Pillow does not."""
    stored = decode_with_pillow(path)
    if stored.dtype.newbyteorder("=") != page.dtype.newbyteorder("="):
        raise ValueError(f"compression {page.compression} of {page.dtype} is not supported")
    return stored
