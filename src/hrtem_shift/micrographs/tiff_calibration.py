"""Sizes of pixels in TIFF: what Gatan, FEI, TVIPS, ImageJ and OME add to it.

A resolution in dots per inch or cm says how large to print, so it is no calibration.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from hrtem_shift.micrographs.calibration import Edge
from hrtem_shift.micrographs.decoded_image import Fact, facts_of

Calibration = tuple[tuple[Edge, Edge] | None, str, dict[str, Fact]]
"""Edges of a pixel, which field states them, and other facts."""

_GATAN_SCALES = (65010, 65009)  # y, x
_GATAN_UNITS = ((65013, 65004), (65012, 65003))  # in words, and as a symbol in any encoding
_RESOLUTIONS = (283, 282)
_WANTED = {*_RESOLUTIONS, *_GATAN_SCALES, *_GATAN_UNITS[0], *_GATAN_UNITS[1]}
_FEI_FACTS = [("energy_keV", "Beam:HV", 1e-3)]
_TVIPS_FACTS = [
    ("exposure_s", "TVIPS:ExposureTime", 1e-3),
    ("energy_keV", "TVIPS:TemHighTension", 1e-3),
    ("magnification", "TVIPS:TemMagnification", 1.0),
]
_TVIPS_DIFFRACTION = 3  # TemMode
_COARSEST_M = 1e-6  # pixels are finer in m, and coarser in nm
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")


def calibration_of(tiff: Any, page: Any) -> Calibration:
    """What a TIFF states of the size of its pixels.

    Parameters
    ----------
    tiff, page : tifffile.TiffFile, tifffile.TiffPage
        The open file and the page that is read.
    """
    tags = {tag.code: tag.value for tag in page.tags.values() if tag.code in _WANTED}
    if _GATAN_SCALES[1] in tags:
        y, x = (
            Edge(float(tags.get(scale, 0)), _first_text(tags, units))
            for scale, units in zip(_GATAN_SCALES, _GATAN_UNITS, strict=True)
        )
        return (y, x), "Gatan tags 65009 to 65013", {}
    if tiff.is_fei:
        return _fei(tiff.fei_metadata or {})
    if tiff.is_tvips:
        return _tvips(tiff.tvips_metadata or {})
    if tiff.is_ome:
        return _ome(str(tiff.ome_metadata), page.shape)
    if tiff.is_imagej:
        return _imagej(tiff.imagej_metadata or {}, tags)
    return None, "", {}


def _fei(metadata: dict[str, Any]) -> Calibration:
    fei = {
        f"{group}:{name}": value
        for group, entries in metadata.items()
        if isinstance(entries, dict)
        for name, value in entries.items()
    }
    height_m, width_m = (float(fei.get(f"Scan:Pixel{side}", 0)) for side in ("Height", "Width"))
    edges = (Edge(height_m, "m"), Edge(width_m, "m")) if height_m and width_m else None
    return edges, "Scan:PixelHeight, PixelWidth", facts_of(fei, _FEI_FACTS)


def _tvips(metadata: dict[str, Any]) -> Calibration:
    """EM-Menu's TemData; its first version has no size of a pixel in the specimen."""
    facts = facts_of({f"TVIPS:{name}": value for name, value in metadata.items()}, _TVIPS_FACTS)
    y, x = (float(metadata.get(f"PixelSize{axis}", 0)) for axis in "YX")
    if not (y > 0 and x > 0):
        return None, "", facts
    unit = "m" if max(y, x) < _COARSEST_M else "nm"  # of tifffile before 2026.3.3, and since
    if metadata.get("TemMode") == _TVIPS_DIFFRACTION:
        unit = f"1/{unit}"
    return (Edge(y, unit), Edge(x, unit)), "TVIPS PixelSizeX, PixelSizeY", facts


def _ome(text: str, shape: tuple[int, ...]) -> Calibration:
    """The description of the image of this size; a size along one axis holds for both."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("OME metadata that define entities")
    try:
        tree = ElementTree.fromstring(text)
    except ElementTree.ParseError:  # pixels can be read without it
        return None, "", {}
    described = [
        element.attrib for element in tree.iter() if element.tag.rpartition("}")[2] == "Pixels"
    ]
    sizes = {str(shape[0]), str(shape[1])} if len(shape) > 1 else set()
    fitting = [
        pixels for pixels in described if {pixels.get("SizeX"), pixels.get("SizeY")} == sizes
    ]
    pixels = next(iter(fitting or described), {})
    stated = {
        axis: Edge(float(size), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "YX"
        if (size := pixels.get(f"PhysicalSize{axis}"))
    }
    if not stated:
        return None, "", {}
    y, x = (stated.get(axis) or next(iter(stated.values())) for axis in "YX")
    return (y, x), f"OME {', '.join(f'PhysicalSize{axis}' for axis in stated)}", {}


def _imagej(metadata: dict[str, Any], tags: dict[int, Any]) -> Calibration:
    """The unit of rows is that of columns where none is stated, and the reverse."""
    names = [name for name in ("unit", "yunit") if metadata.get(name)]
    units = {name: _ESCAPED.sub(_letter, str(metadata[name])) for name in names}
    across = units.get("unit", units.get("yunit", ""))
    edges = [
        Edge(_per_pixel(tags.get(code)), unit)
        for code, unit in zip(_RESOLUTIONS, (units.get("yunit", across), across), strict=True)
    ]
    return (edges[0], edges[1]), "ImageJ's unit, XResolution, YResolution", {}


def _letter(escaped: re.Match[str]) -> str:
    return chr(int(escaped[1], 16))


def _first_text(tags: dict[int, Any], codes: tuple[int, ...]) -> str:
    return next((str(tags[code]) for code in codes if tags.get(code)), "")


def _per_pixel(resolution: Any) -> float:
    """Length of a pixel from a TIFF rational (pixels, lengths)."""
    pixels, lengths = resolution or (0, 0)
    return lengths / pixels if pixels else 0.0
