"""Decode files of risky formats in a subprocess, bounded to 5 s and 1 GiB of memory.

Damaged HDF5 files make libhdf5 run without end.
The readers of rosettasciio are bounded in the same way, since they trust what a file declares.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.bounded_subprocess import limit_memory, run_bounded
from hrtem_shift.micrographs.calibration import Edge
from hrtem_shift.micrographs.decoded_image import DecodedImage, Fact
from hrtem_shift.micrographs.hdf5_zarr import HDF5, decode_hdf5, decode_zarr
from hrtem_shift.micrographs.other_formats import READERS, decode_other

_SECONDS = 5.0


def decode_in_subprocess(path: Path) -> DecodedImage:
    """The largest image of a file, by `hdf5_zarr` or `other_formats`."""
    with TemporaryDirectory() as folder:
        run_bounded(__name__, str(path), folder, seconds=_SECONDS)
        stated = json.loads(Path(folder, "answer.json").read_text(encoding="utf-8"))
        if "fault" in stated:
            raise InputError(**stated["fault"])
        if "error" in stated:
            raise ValueError(stated["error"])
        pixels = np.load(Path(folder, "pixels.npy"))
    return DecodedImage(
        kind=stated["kind"],
        pixels=pixels,
        edges=(Edge(*stated["edges"][0]), Edge(*stated["edges"][1])),
        edges_source=stated["edges_source"],
        facts={name: Fact(*fact) for name, fact in stated["facts"].items()},
        chosen=stated["chosen"],
    )


def _answer(path: Path, folder: Path) -> dict[str, object]:
    try:
        stored = _decode(path)
        np.save(folder / "pixels.npy", stored.pixels, allow_pickle=False)
    except InputError as error:
        names = ("what", "where", "why", "fix")
        return {"fault": {name: getattr(error, name) for name in names}}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {name: value for name, value in vars(stored).items() if name != "pixels"}


def _decode(path: Path) -> DecodedImage:
    if path.is_dir() or (zipfile.is_zipfile(path) and path.suffix.lower() not in READERS):
        return decode_zarr(path)
    with path.open("rb") as file:
        is_hdf5 = file.read(len(HDF5)) == HDF5
    return decode_hdf5(path) if is_hdf5 else decode_other(path)


if __name__ == "__main__":
    limit_memory()
    folder = Path(sys.argv[2])
    answer = json.dumps(_answer(Path(sys.argv[1]), folder))
    (folder / "answer.json").write_text(answer, encoding="utf-8")
