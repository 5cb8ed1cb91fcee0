"""Images in trees of named arrays: HDF5 (emd by Velox and Berkeley, hspy) and zarr (zspy).

Shapes are known before anything is read. Velox: the layout that its files show; Berkeley:
https://emdatasets.com/format; HyperSpy: the file specification in its user guide.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.micrographs.calibration import Edge
from hrtem_shift.micrographs.decoded_image import (
    DecodedImage,
    check_size,
    choice_of,
    facts_of,
    file_error,
    image_axes,
    largest_image,
)

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
    """The largest image of an emd or hspy file."""
    import h5py

    with h5py.File(path, "r") as root:
        if "Experiments" in root:
            return _decode_hyperspy(path, root, "hspy")
        if "Data/Image" in root:
            return _decode_velox(path, root)
        if "ImageList" in root:
            raise file_error(
                path,
                "a Gatan dm5 file",
                "This format is not yet read",
                "Save it as dm4 or TIFF in Digital Micrograph",
            )
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
    tags = {
        tag: signal[group].attrs[attribute]
        for _, tag, _ in _HYPERSPY_FACTS
        for group, attribute in [tag.split(":")]
        if group in signal and attribute in signal[group].attrs
    }
    return DecodedImage(
        kind=kind,
        pixels=_read(path, signal["data"]),
        edges=(edges[0], edges[1]),
        edges_source=f"axis-{axes[0]}, axis-{axes[1]}",
        facts=facts_of(tags, _HYPERSPY_FACTS),
        chosen=choice_of(name, shapes),
    )


def _hyperspy_edge(signal: Any, axis: int) -> Edge:
    attributes = signal[f"axis-{axis}"].attrs
    unit = attributes.get("units", "")
    return Edge(float(attributes.get("scale", 0)), "" if unit == "<undefined>" else _text(unit))


def _decode_velox(path: Path, root: Any) -> DecodedImage:
    images = {name: root["Data/Image"][name] for name in root["Data/Image"]}
    data = {name: image["Data"] for name, image in images.items()}
    name, shapes = _choose(path, data)
    metadata = images[name]["Metadata"]
    check_size(path, (min(metadata.shape[0], _LARGEST_TEXT),), metadata.dtype)
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
    if not groups:
        raise file_error(
            path,
            "an HDF5 file that is neither emd nor hspy",
            "Where the image stands in it is not known",
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
    check_size(path, data.shape, data.dtype)
    check_size(path, data.chunks or data.shape, data.dtype)
    return np.asarray(data[...]).reshape(_shape(data))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
