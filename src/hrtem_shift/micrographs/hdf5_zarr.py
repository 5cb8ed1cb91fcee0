"""Images in HDF5 (emd by Velox and Berkeley, Gatan dm5, hspy) and zarr (zspy).

Shapes are known before anything is read. Velox: the layout that its files show; Berkeley:
https://emdatasets.com/format; dm5: https://www.gatan.com/dm5-documentation; HyperSpy: the file
specification in its user guide.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.micrographs.calibration import Edge
from hrtem_shift.micrographs.decoded_image import (
    DecodedImage,
    check_decoded_size,
    choice_of,
    facts_of,
    file_error,
    image_axes,
    largest_image,
)
from hrtem_shift.micrographs.gatan import COLOUR
from hrtem_shift.micrographs.gatan import FACTS as GATAN_FACTS
from hrtem_shift.micrographs.other_formats import READERS, decode_other

HDF5 = b"\x89HDF\r\n\x1a\n"
_LARGEST_TEXT = 2**24
_VELOX_FACTS = [
    ("energy_keV", "Optics:AccelerationVoltage", 1e-3),
    ("exposure_s", "Detector:ExposureTime", 1.0),
]
_TEM = "metadata/Acquisition_instrument/TEM"
_HYPERSPY_FACTS = [
    ("energy_keV", f"{_TEM}:beam_energy", 1.0),
    ("magnification", f"{_TEM}:magnification", 1.0),
    ("exposure_s", f"{_TEM}/Detector/Camera:exposure", 1.0),
    ("exposure_s", f"{_TEM}/Camera:exposure", 1.0),
]


def decode_hdf5(path: Path) -> DecodedImage:
    """The largest image of an emd, dm5 or hspy file."""
    import h5py

    with h5py.File(path, "r") as root:
        if "Experiments" in root:
            return _decode_hyperspy(path, root, "hspy")
        if "Data/Image" in root:
            return _decode_velox(path, root)
        if "ImageList" in root:
            return _decode_dm5(path, root)
        return _decode_berkeley(path, root)


def decode_zarr(path: Path) -> DecodedImage:
    """The largest image of a zspy folder, or of one in a zip file."""
    import zarr

    if path.is_dir():
        return _decode_hyperspy(path, zarr.open_group(path, mode="r"), "zspy")
    with zarr.storage.ZipStore(path, mode="r") as store:
        return _decode_hyperspy(path, zarr.open_group(store, mode="r"), "zspy")


def _decode_hyperspy(path: Path, root: Any, kind: str) -> DecodedImage:
    signals = {name: root["Experiments"][name] for name in root["Experiments"]}
    name, shapes = _choose(path, {key: signal["data"] for key, signal in signals.items()})
    signal = signals[name]
    axes = image_axes(signal["data"].shape)
    edges = [_hyperspy_edge(signal, axis) for axis in axes]
    return DecodedImage(
        kind=kind,
        pixels=_read(path, signal["data"]),
        edges=(edges[0], edges[1]),
        edges_source=f"axis-{axes[0]}, axis-{axes[1]}",
        facts=facts_of(_attributes(signal, _HYPERSPY_FACTS), _HYPERSPY_FACTS),
        chosen=choice_of(name, shapes),
    )


def _hyperspy_edge(signal: Any, axis: int) -> Edge:
    attributes = signal[f"axis-{axis}"].attrs
    unit = attributes.get("units", "")
    return Edge(float(attributes.get("scale", 0)), "" if unit == "<undefined>" else _text(unit))


def _attributes(group: Any, wanted: Iterable[tuple[str, str, float]]) -> dict[str, Any]:
    """Attributes of groups below, by tags such as ``ImageTags:Microscope Info:Voltage``."""
    attributes = {}
    for _, tag, _ in wanted:
        path, _, name = tag.rpartition(":")
        below = group.get(path.replace(":", "/"))
        if below is not None and name in below.attrs:
            attributes[tag] = below.attrs[name]
    return attributes


def _decode_dm5(path: Path, root: Any) -> DecodedImage:
    """The tags of dm3 as groups and attributes; colour thumbnails are left out."""
    images = {
        name: image
        for name, image in root["ImageList"].items()
        if "ImageData/Data" in image and image["ImageData"].attrs.get("DataType") not in COLOUR
    }
    name, shapes = _choose(path, {key: image["ImageData/Data"] for key, image in images.items()})
    data = images[name]["ImageData/Data"]
    dimensions = images[name].get("ImageData/Calibrations/Dimension", {})
    edges = [_dm5_edge(dimensions, data.ndim - 1 - axis) for axis in image_axes(data.shape)]
    return DecodedImage(
        kind="dm5",
        pixels=_read(path, data),
        edges=(edges[0], edges[1]),
        edges_source="ImageData:Calibrations:Dimension",
        facts=facts_of(_attributes(images[name], GATAN_FACTS), GATAN_FACTS),
        chosen=choice_of(f"image {name}", shapes),
    )


def _dm5_edge(dimensions: Any, number: int) -> Edge:
    """Dimensions are counted from the last axis of the array."""
    attributes = dimensions[f"[{number}]"].attrs if f"[{number}]" in dimensions else {}
    return Edge(float(attributes.get("Scale", 0)), _text(attributes.get("Units", "")))


def _decode_velox(path: Path, root: Any) -> DecodedImage:
    images = {name: root["Data/Image"][name] for name in root["Data/Image"]}
    data = {name: image["Data"] for name, image in images.items()}
    name, shapes = _choose(path, data)
    metadata = images[name]["Metadata"]
    check_decoded_size(path, (min(metadata.shape[0], _LARGEST_TEXT),), metadata.dtype)
    text = bytes(metadata[:_LARGEST_TEXT, 0]).partition(b"\0")[0]
    tree = json.loads(text)
    result = tree["BinaryResult"]
    size = result.get("PixelSize", {})
    edges = (
        Edge(float(size.get("height", 0)), str(result.get("PixelUnitY", ""))),
        Edge(float(size.get("width", 0)), str(result.get("PixelUnitX", ""))),
    )
    detector = tree.get("Detectors", {}).get(f"Detector-{result.get('DetectorIndex')}", {})
    tags = {f"Optics:{tag}": value for tag, value in tree.get("Optics", {}).items()}
    tags |= {f"Detector:{tag}": value for tag, value in detector.items()}
    return DecodedImage(
        kind="emd (Velox)",
        pixels=_read(path, data[name]),
        edges=edges,
        edges_source="BinaryResult:PixelSize",
        facts=facts_of(tags, _VELOX_FACTS),
        chosen=choice_of(f"Data/Image/{name}", shapes),
    )


def _decode_berkeley(path: Path, root: Any) -> DecodedImage:
    groups: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        if "emd_group_type" in item.attrs and "data" in item:
            groups[name] = item

    root.visititems(collect)
    if not groups and path.suffix.lower() in READERS:
        return decode_other(path)
    if not groups:
        raise file_error(
            path,
            "an HDF5 file that is none of emd, dm5 and hspy",
            "The location of its image is unknown",
            "Export the image as TIFF",
        )
    name, shapes = _choose(path, {key: group["data"] for key, group in groups.items()})
    group = groups[name]
    first = 0 if "dim0" in group else 1
    axes = [group[f"dim{first + axis}"] for axis in image_axes(group["data"].shape)]
    pixels, edges = _read(path, group["data"]), [_berkeley_edge(path, axis) for axis in axes]
    if _text(axes[0].attrs.get("name", "")).lower() == "x":  # columns first
        pixels, edges = pixels.T, edges[::-1]
    return DecodedImage(
        kind="emd (Berkeley)",
        pixels=pixels,
        edges=(edges[0], edges[1]),
        edges_source="dim1, dim2",
        chosen=choice_of(name, shapes),
    )


def _berkeley_edge(path: Path, axis: Any) -> Edge:
    unit = _text(axis.attrs.get("units", ""))
    if axis.shape[0] < 2:
        return Edge(0.0, unit)
    first, second = axis[:2]
    return Edge(float(second) - float(first), unit)


def _choose(path: Path, arrays: dict[str, Any]) -> tuple[str, dict[str, tuple[int, ...]]]:
    """The largest array of real numbers with two axes or more, and the shapes of them all."""
    shapes = {name: _shape(data) for name, data in arrays.items() if data.dtype.kind in "biuf"}
    shapes = {name: shape for name, shape in shapes.items() if len(shape) > 1}
    return largest_image(path, shapes), shapes


def _shape(data: Any) -> tuple[int, ...]:
    """Without axes of length 1, as stacks of one frame have."""
    return tuple(data.shape[axis] for axis in image_axes(data.shape))


def _read(path: Path, data: Any) -> NDArray:
    check_decoded_size(path, data.shape, data.dtype)
    check_decoded_size(path, data.chunks or data.shape, data.dtype)
    return np.asarray(data[...]).reshape(_shape(data))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
