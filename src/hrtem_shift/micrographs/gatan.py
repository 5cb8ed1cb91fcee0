"""Gatan dm3 and dm4: a tree of tags, with the images as arrays among them.

The layout follows G. Hall's and C. Boothroyd's descriptions of the format. Arrays are never
unpacked while the tree is read, and every extent is compared with the size of the file: a
reader that unpacks what a damaged tag declares may run for hours on 100 bytes.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from hrtem_shift.micrographs.calibration import Edge
from hrtem_shift.micrographs.decoded_image import (
    DecodedImage,
    Fact,
    check_decoded_size,
    choice_of,
    facts_of,
    file_error,
    largest_image,
)

# Codes of element types in tags, and of pixels in images (ImageData:DataType).
_ELEMENTS = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "B", 9: "b", 10: "B"}
_ELEMENTS |= {11: "q", 12: "Q"}
_STRUCT, _STRING, _ARRAY = 15, 18, 20
_PIXELS = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 14: "u1"}
_PIXELS |= {39: "i8", 40: "u8"}
COLOUR = (8, 23)
_MOST_TAGS, _DEEPEST, _LONGEST_TEXT = 200_000, 64, 4096

FACTS = [
    ("exposure_s", "ImageTags:Acquisition:Parameters:High Level:Exposure (s)", 1.0),
    ("exposure_s", "ImageTags:Acquisition:Parameters:Detector:exposure (s)", 1.0),
    ("exposure_s", "ImageTags:DataBar:Exposure Time (s)", 1.0),
    ("energy_keV", "ImageTags:Microscope Info:Voltage", 1e-3),
    ("magnification", "ImageTags:Microscope Info:Indicated Magnification", 1.0),
]
_BINNING = "ImageTags:Acquisition:Parameters:High Level:Binning"

Tags = dict[str, Any]


class Block(NamedTuple):
    """Position and size of an array that was not unpacked [bytes]."""

    start: int
    size: int


def decode_dm(path: Path) -> DecodedImage:
    """The image of a dm3 or dm4 file: the largest one beside its thumbnails and surveys."""
    with path.open("rb") as file:
        tree = _Tree(path, file)
        tree.read_header()
        tree.read_group("", 0)
    images = _images(tree.tags)
    dtypes = {name: _dtype(image, tree.order) for name, image in images.items()}
    shapes = {name: _shape(image) for name, image in images.items()}
    for name, image in images.items():
        declared = math.prod(shapes[name]) * dtypes[name].itemsize
        if declared != image["ImageData:Data"].size:
            raise ValueError(f"{declared} bytes of pixels are declared, there are others")
    name = largest_image(path, shapes)
    image, shape, dtype = images[name], shapes[name], dtypes[name]
    if dtype.kind == "V" and image["ImageData:DataType"] not in COLOUR:
        raise file_error(
            path,
            f"pixels are of Gatan's type {image['ImageData:DataType']}",
            "Intensities are real numbers",
            "Export the image itself, not its Fourier transform",
        )
    check_decoded_size(path, shape, dtype)
    start = image["ImageData:Data"].start
    pixels = np.fromfile(path, dtype, math.prod(shape), offset=start).reshape(shape)
    if dtype.kind == "V":
        pixels = pixels.view(np.uint8).reshape(*shape, 4)
    return DecodedImage(
        kind=f"dm{tree.version}",
        pixels=pixels,
        edges=(_edge(image, 1), _edge(image, 0)),
        edges_source="ImageData:Calibrations:Dimension",
        facts=facts_of(image, FACTS) | _electrons(image, pixels),
        chosen=choice_of(f"image {name}", shapes),
    )


class _Tree:
    """Reads tags into a flat dictionary: 'ImageList:0:ImageData:DataType' -> 10."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self.file, self.tags = path, file, Tags()
        self.size, self.count = path.stat().st_size, 0
        self.version, self.order, self.word = 3, "<", ">i"

    def read_header(self) -> None:
        self.version = self._one(">i")
        self.word = ">q" if self.version == 4 else ">i"
        self._one(self.word)  # size of what follows
        self.order = "<" if self._one(">i") else ">"

    def read_group(self, prefix: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError(f"tags are nested more than {_DEEPEST} deep")
        self._one(">h")  # sorted, open
        unnamed = 0
        for _ in range(self._one(self.word)):
            kind, length = self._one(">B"), self._one(">H")
            name = self._bytes(length).decode("latin-1")
            if not name:
                name, unnamed = str(unnamed), unnamed + 1
            self.count += 1
            if self.count > _MOST_TAGS:
                raise ValueError(f"more than {_MOST_TAGS} tags")
            if self.version == 4:
                self._one(">q")  # bytes of this tag
            if kind == 20:
                self.read_group(f"{prefix}{name}:", depth + 1)
            elif kind == 21:
                packed = f"{prefix}{name}".endswith(":ImageData:Data")
                self.tags[prefix + name] = self._value(packed)
            else:
                raise ValueError(f"a tag of the kind {kind}")

    def _value(self, packed: bool) -> Any:
        if self._bytes(4) != b"%%%%":
            raise ValueError("a tag without its delimiter")
        words = self._one(self.word)
        width = struct.calcsize(self.word)
        if not 0 < words <= _LONGEST_TEXT:
            raise ValueError(f"a tag described by {words} numbers")
        description = struct.unpack(f">{words}{self.word[1]}", self._bytes(words * width))
        size = _size(description)
        start = self.file.tell()
        if size > self.size - start:
            raise ValueError(f"a tag of {size} bytes at {start} in a file of {self.size}")
        layout = None if packed else _layout(description)
        if layout is None:
            self.file.seek(size, 1)
            return Block(start, size)
        values = struct.unpack(self.order + layout, self._bytes(size))
        if description[0] == _ARRAY:
            return "".join(map(chr, values))
        return values if description[0] == _STRUCT else values[0]

    def _one(self, form: str) -> int:
        value: int = struct.unpack(form, self._bytes(struct.calcsize(form)))[0]
        return value

    def _bytes(self, count: int) -> bytes:
        content = self.file.read(count)
        if len(content) < count:
            raise ValueError("the file is cut short")
        return content


def _size(description: tuple[int, ...]) -> int:
    """Bytes of a value. Any may be nested in an array, whose length comes last."""
    kind, *rest = description
    if kind == _ARRAY:
        *element, count = rest
        size = _size(tuple(element)) * count
    elif kind == _STRUCT:
        size = sum(struct.calcsize(f"={_ELEMENTS[code]}") for code in _fields(description))
    elif kind == _STRING:
        size = rest[0]
    else:
        size = struct.calcsize(f"={_ELEMENTS[kind]}")
    if size < 0:
        raise ValueError(f"a tag of {size} bytes")
    return size


def _fields(description: tuple[int, ...]) -> tuple[int, ...]:
    """Element types of a struct, described by alternating name lengths and types."""
    count = description[2]
    if count != len(description[3:]) // 2:
        raise ValueError(f"a struct of {count} fields with {len(description)} numbers")
    return description[4::2]


def _layout(description: tuple[int, ...]) -> str | None:
    """How to unpack a number, a struct or a short text; None for what is left packed."""
    kind, *rest = description
    if kind in _ELEMENTS:
        return _ELEMENTS[kind]
    if kind == _STRUCT:
        return "".join(_ELEMENTS[code] for code in _fields(description))
    if kind == _ARRAY and rest[0] == 4 and len(rest) == 2 and rest[1] <= _LONGEST_TEXT:
        return f"{rest[1]}H"
    return None


def _images(tags: Tags) -> dict[str, Tags]:
    """Tags of each entry of ImageList that has pixels and is no colour thumbnail."""
    images: dict[str, Tags] = {}
    for path, value in tags.items():
        if path.startswith("ImageList:"):
            _, name, *rest = path.split(":", 2)
            images.setdefault(name, {})[":".join(rest)] = value
    thumbnails = {
        str(value)
        for path, value in tags.items()
        if path.startswith("Thumbnails:") and path.endswith(":ImageIndex")
    }
    return {
        name: image
        for name, image in images.items()
        if not (name in thumbnails and image.get("ImageData:DataType") in COLOUR)
        and len(_shape(image)) > 1
    }


def _shape(image: Tags) -> tuple[int, ...]:
    """Rows before columns; the file counts the other way. Axes of length 1 are left out."""
    lengths: list[int] = []
    while (length := image.get(f"ImageData:Dimensions:{len(lengths)}")) is not None:
        lengths.append(length)
    return (*(n for n in lengths[:1:-1] if n != 1), *lengths[1::-1])


def _edge(image: Tags, axis: int) -> Edge:
    calibration = f"ImageData:Calibrations:Dimension:{axis}:"
    unit = image.get(calibration + "Units", "")
    return Edge(float(image.get(calibration + "Scale", 0)), unit if isinstance(unit, str) else "")


def _dtype(image: Tags, order: str) -> np.dtype:
    kind = image["ImageData:DataType"]
    if kind in _PIXELS:
        return np.dtype(order + _PIXELS[kind])
    return np.dtype(f"V{image['ImageData:PixelDepth']}")


def _electrons(image: Tags, pixels: np.ndarray) -> dict[str, Fact]:
    """Mean number of electrons, where intensities are calibrated in them.

    Binned pixels may hold sums or means of counts, so they say nothing.
    """
    brightness = "ImageData:Calibrations:Brightness:"
    if image.get(brightness + "Units") != "e-" or image.get(_BINNING) != (1, 1):
        return {}
    counts = float(pixels.mean(dtype=np.float64)) - float(image.get(brightness + "Origin", 0))
    stated = {brightness + "Scale": float(image.get(brightness + "Scale", 0)) * counts}
    return facts_of(stated, [("electrons_per_px", brightness + "Scale", 1.0)])
