"""Ready-made patches: pairs of HDF5 files, described by their names, as the study published them.

``Au_5nm_330kx_80e_Std_UTC_FFCorr_Team05_Images.h5`` holds ``images`` (patches, height, width),
its partner ``..._Labels.h5`` holds ``labels``, 0 or 1. Sytwu, Rangel DaCosta and Scott, arXiv
2306.11853; Dryad, doi 10.7941/D1SP93.

libhdf5 runs without end on some damaged files, so a subprocess with a time limit checks each file
once; sound ones are then read here, one patch at a time.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.micrographs.bounded_subprocess import limit_memory, run_bounded
from hrtem_shift.micrographs.metadata_table import Row
from hrtem_shift.parameters import nearest
from hrtem_shift.progress import JobProgress

logger = logging.getLogger(__name__)

ENDINGS = {"images": "_Images.h5", "labels": "_Labels.h5"}
"""Key in a file -> how the file's name ends."""

PIXEL_SIZES_nm = {"160": "0.042", "205": "0.033", "260": "0.026", "330": "0.020"}
"""Nominal magnification of TEAM 0.5, in thousands -> edge of a pixel."""

_NAME = re.compile(
    r"(?P<family>(?P<material>[A-Za-z0-9]+)_(?P<diameter>\d+(?:p\d+)?)nm_"
    rf"(?P<magnification>{'|'.join(PIXEL_SIZES_nm)})kx_(?P<dose>\d+)e)(?:_.*)?"
)
_READ_AS = {"images": np.float32, "labels": np.bool_}
_SECONDS = 10.0
_SLOWEST_bytes_per_s = 20e6
_BLOCK_BYTES = 2**25


def patch_rows(root: Path) -> list[Row]:
    """Check all patch files of a folder and list their patches.

    Parameters
    ----------
    root : Path
        Folder with pairs ``<name>_Images.h5`` and ``<name>_Labels.h5``; other files are left
        alone.

    Returns
    -------
    list of dict
        One a patch, by name and then in the order of the files: micrograph (name and number),
        image and mask (file names), item (position in both), pixel_size_nm (nominal),
        dose_e_per_A2, material, diameter_nm, group, in which each patch is alone, and family,
        the part of the name that says what was imaged.

    Raises
    ------
    InputErrors
        No such files; or all their faults: unknown names, partners that are missing or of
        another shape, pixels that are not finite, labels beside 0 and 1, damage.
    """
    root = Path(root)
    names = {
        path.name.removesuffix(ending)
        for ending in ENDINGS.values()
        for path in root.glob(f"*{ending}")
    }
    faults = [] if names else [_fault(root, "there are no such files in this folder")]
    rows: list[Row] = []
    logger.info("%s: checking %d pairs of patch files", root, len(names))
    with JobProgress("pairs of patch files", len(names)) as progress:
        for number, name in enumerate(sorted(names)):
            rows += _rows_of(root, name, faults)
            progress.ended(number, name)
    if faults:
        raise InputErrors(f"patch files in {root}", faults)
    return rows


def read_patch(path: Path, key: str, item: int | str) -> NDArray[Any]:
    """Read one patch of a file that `patch_rows` has checked.

    Parameters
    ----------
    path : Path
        One of the pair.
    key : str
        ``images`` or ``labels``.
    item : int or str
        Position, from 0.

    Returns
    -------
    ndarray of float32 (images) or bool (labels), shape (H, W)

    Raises
    ------
    InputError
        The file is gone or no longer the one that was checked.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return np.asarray(file[key][int(item)], dtype=_READ_AS[key])
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise _fault(path, f"patch {item} of {key} cannot be read ({_reason(error)})") from error


def parse_family_name(name: str) -> Row | None:
    """Columns of `patch_rows` that the name of a pair states; None for other names."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return {
        "pixel_size_nm": PIXEL_SIZES_nm[match["magnification"]],
        "dose_e_per_A2": match["dose"],
        "material": match["material"],
        "diameter_nm": match["diameter"].replace("p", "."),
        "family": match["family"],
    }


def _rows_of(root: Path, name: str, faults: list[InputError]) -> list[Row]:
    files = {key: root / f"{name}{ending}" for key, ending in ENDINGS.items()}
    facts = parse_family_name(name)
    if facts is None:
        magnifications = ", ".join(PIXEL_SIZES_nm)
        what = f"its name does not begin like Au_2p2nm_330kx_423e (known are {magnifications} kx)"
        faults.append(_fault(files["images"], what))
    shapes = {key: _checked_shape(path, key, faults) for key, path in files.items()}
    if not (shapes["images"] and shapes["labels"] and facts):
        return []
    if shapes["images"] != shapes["labels"]:
        what = f"labels of shape {shapes['labels']} beside images of shape {shapes['images']}"
        faults.append(_fault(files["labels"], what))
        return []
    return [
        {
            "micrograph": f"{name}/{item:04d}",
            "image": files["images"].name,
            "mask": files["labels"].name,
            "item": str(item),
            **facts,
            "group": f"{name}/{item:04d}",
        }
        for item in range(shapes["images"][0])
    ]


def _checked_shape(path: Path, key: str, faults: list[InputError]) -> tuple[int, ...] | None:
    """Patches, height, width; None where something is wrong."""
    answer = _answer_of_subprocess(path, key)
    if "fault" in answer:
        faults.append(_fault(path, answer["fault"]))
        return None
    return tuple(answer["shape"])


def _answer_of_subprocess(path: Path, key: str) -> dict[str, Any]:
    if not path.is_file():
        return {"fault": "there is no such file beside its partner"}
    allowed_s = _SECONDS + path.stat().st_size / _SLOWEST_bytes_per_s
    try:
        return json.loads(run_bounded(__name__, str(path), key, seconds=allowed_s))
    except ValueError as error:
        return {"fault": str(error)}


def _fault(path: Path, what: str) -> InputError:
    return InputError(
        what,
        where=str(path),
        why="Ready-made patches are pairs <name>_Images.h5 and <name>_Labels.h5 with the arrays "
        "images (numbers) and labels (0 or 1), both (patches, height, width)",
        fix="Fetch the pair again, with its published names, or take it out of the folder",
    )


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


# In the subprocess


def _answer(path: Path, key: str) -> dict[str, Any]:
    """Shape of the array, or what is wrong with it."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            data = file.get(key)
            if data is None:
                return {"fault": f"holds no {key!r}{nearest(key, file)}"}
            if getattr(data, "ndim", 0) != 3 or not data.size or data.dtype.kind not in "biuf":
                return {"fault": f"{key!r} is {data}"}
            shape, strange = data.shape, _strange_patches(data, key)
    except Exception as error:  # damaged files raise nearly anything
        return {"fault": f"cannot be read ({_reason(error)})"}
    if strange:
        what = "labels beside 0 and 1" if key == "labels" else "NaN, infinite or too large pixels"
        where = f"in {len(strange)} of {shape[0]} patches, the first is patch {strange[0]}"
        return {"fault": f"{what} {where}"}
    return {"shape": shape}


def _strange_patches(data: Any, key: str) -> list[int]:
    """Positions of patches that cannot be trained on, read a block at a time."""
    strange: list[int] = []
    step = max(1, _BLOCK_BYTES // (math.prod(data.shape[1:]) * data.dtype.itemsize))
    for start in range(0, len(data), step):
        block = data[start : start + step]
        if key == "labels":
            sound = (block == 0) | (block == 1)
        else:
            sound = np.isfinite(block.astype(np.float32))
        strange += (start + np.flatnonzero(~sound.all(axis=(1, 2)))).tolist()
    return strange


if __name__ == "__main__":
    limit_memory()
    sys.stdout.write(json.dumps(_answer(Path(sys.argv[1]), sys.argv[2])))
