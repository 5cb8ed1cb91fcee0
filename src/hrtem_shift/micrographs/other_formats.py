"""Formats that rosettasciio reads (extra ``formats``); only inside `subprocess_decoder`.

The suffix decides here, as it does for rosettasciio, and only for files whose content is of no
format that the project reads itself.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

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

READERS = {
    ".app5": "topspin",
    ".asw": "jeol",
    ".bcf": "bruker",
    ".blo": "blockfile",
    ".elid": "phenom",
    ".emi": "tia",
    ".img": "jeol",
    ".map": "jeol",
    ".mib": "quantumdetector",
    ".nxs": "nexus",
    ".prz": "pantarhei",
    ".rpl": "ripple",
    ".tvips": "tvips",
    ".unf": "semper",
    ".xml": "empad",
}
"""Suffix -> module of rosettasciio; none that executes what a file holds."""

_FACTS = [
    ("energy_keV", "TEM.beam_energy", 1.0),
    ("magnification", "TEM.magnification", 1.0),
    ("exposure_s", "TEM.Detector.Camera.exposure", 1.0),
    ("exposure_s", "TEM.Camera.exposure", 1.0),
]


def decode_other(path: Path) -> DecodedImage:
    """The largest image of a file by rosettasciio; pixel size from its axes."""
    suffix = path.suffix.lower()
    try:
        reader = importlib.import_module(f"rsciio.{READERS[suffix]}")
    except ModuleNotFoundError as error:
        raise file_error(
            path,
            f"{suffix} files are read by rosettasciio, and {error.name} is not installed",
            "These formats are rare, so their reader is an extra",
            'Install it: pip install -c constraints.txt -e ".[formats]"; or export as TIFF',
        ) from error
    signals = {
        f"signal {number}": signal
        for number, signal in enumerate(reader.file_reader(str(path)))
        if signal["data"].dtype.kind in "biuf"
    }
    shapes = {name: _shape(signal["data"]) for name, signal in signals.items()}
    name = largest_image(path, shapes)
    data, axes = signals[name]["data"], signals[name]["axes"]
    check_decoded_size(path, shapes[name], data.dtype)
    rows, columns = (_edge(axes[axis]) for axis in image_axes(data.shape))
    return DecodedImage(
        kind=f"{suffix[1:]} (rosettasciio)",
        pixels=np.asarray(data).reshape(shapes[name]),
        edges=(rows, columns),
        edges_source="axes by rosettasciio",
        facts=facts_of(_flat(signals[name]["metadata"].get("Acquisition_instrument", {})), _FACTS),
        chosen=choice_of(name, shapes),
    )


def _shape(data: Any) -> tuple[int, ...]:
    return tuple(data.shape[axis] for axis in image_axes(data.shape))


def _edge(axis: dict[str, Any]) -> Edge:
    unit = axis.get("units")
    return Edge(float(axis.get("scale", 0)), unit if isinstance(unit, str) else "")


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values of nested dictionaries by their path, joined with dots."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return flat
