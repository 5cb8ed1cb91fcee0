"""TIFF: one page of grey, with the calibrations that Gatan, FEI and ImageJ add.

A resolution in dots per inch or cm says how large to print, so it is no calibration.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.micrographs.calibration import Edge
from hrtem_shift.micrographs.containers import (
    Fact,
    StoredImage,
    check_inside,
    check_size,
    facts_of,
    not_one_image,
    unusable,
)
from hrtem_shift.micrographs.pictures import decode_with_pillow

_MIN_IS_BLACK, _RGB = 1, 2  # TIFF 6.0, tag 262
_STORED, _DEFLATE = 1, (8, 32946)  # tag 259
_IMAGE_AXES = {"YX": None, "YXS": None, "SYX": 0}
_MOST_PAGES = 16  # an image and its thumbnails
_GATAN_SCALES = (65010, 65009)  # y, x
_GATAN_UNITS = ((65013, 65004), (65012, 65003))  # in words, and as a symbol in any encoding
_FEI_FACTS = [("energy_keV", "Beam:HV", 1e-3)]


def decode_tiff(path: Path) -> StoredImage:
    """The only full-size image of a TIFF."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        _check_page_count(path, tiff)
        series = [one for one in tiff.series if not one.keyframe.is_reduced]
        if len(series) != 1 or series[0].axes not in _IMAGE_AXES:
            raise not_one_image(path, f"a TIFF with {[one.shape for one in series]} pixels")
        page = series[0].keyframe
        _check_page(path, page)
        if page.compression in (_STORED, *_DEFLATE):
            pixels = series[0].asarray()
        else:
            pixels = _decode_compressed(path, page)
        edges, source, facts = _calibration(tiff, page)
    channels = _IMAGE_AXES[series[0].axes]
    if channels is not None and pixels.shape == series[0].shape:
        pixels = np.moveaxis(pixels, channels, -1)
    return StoredImage("tif", pixels, edges, source, facts)


def _check_page_count(path: Path, tiff: Any) -> None:
    try:
        tiff.pages[_MOST_PAGES]
    except IndexError:
        return
    raise not_one_image(path, f"a TIFF with more than {_MOST_PAGES} pages")


def _check_page(path: Path, page: Any) -> None:
    plain = page.compression == _STORED
    check_size(path, page.shape, page.dtype, copies=1 if plain else 2)
    if page.photometric not in (_MIN_IS_BLACK, _RGB):
        raise unusable(
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
    check_size(path, page.chunks, page.dtype)
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


def _calibration(tiff: Any, page: Any) -> tuple[tuple[Edge, Edge] | None, str, dict[str, Fact]]:
    tags = {tag.code: tag.value for tag in page.tags.values() if tag.code in _WANTED}
    if _GATAN_SCALES[1] in tags:
        y, x = (
            Edge(float(tags.get(scale, 0)), _first_text(tags, units))
            for scale, units in zip(_GATAN_SCALES, _GATAN_UNITS, strict=True)
        )
        return (y, x), "Gatan tags 65009 to 65013", {}
    if tiff.is_fei:
        fei = {
            f"{group}:{name}": value
            for group, entries in (tiff.fei_metadata or {}).items()
            if isinstance(entries, dict)
            for name, value in entries.items()
        }
        height_m, width_m = (float(fei.get(f"Scan:Pixel{side}", 0)) for side in ("Height", "Width"))
        edges = (Edge(height_m, "m"), Edge(width_m, "m")) if height_m and width_m else None
        return edges, "Scan:PixelHeight, PixelWidth", facts_of(fei, _FEI_FACTS)
    if tiff.is_imagej:
        unit = str((tiff.imagej_metadata or {}).get("unit", ""))
        unit = unit.replace("\\u00B5", "µ")  # ImageJ escapes it
        y, x = (Edge(_per_pixel(tags.get(code)), unit) for code in (283, 282))
        return (y, x), "ImageJ's unit, XResolution, YResolution", {}
    return None, "", {}


_WANTED = {282, 283, *_GATAN_SCALES, *_GATAN_UNITS[0], *_GATAN_UNITS[1]}


def _first_text(tags: dict[int, Any], codes: tuple[int, ...]) -> str:
    return next((str(tags[code]) for code in codes if tags.get(code)), "")


def _per_pixel(resolution: Any) -> float:
    """Length of a pixel from a TIFF rational (pixels, lengths)."""
    pixels, lengths = resolution or (0, 0)
    return lengths / pixels if pixels else 0.0
