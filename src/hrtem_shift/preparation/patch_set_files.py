"""Patch sets on disk: a folder that is written micrograph by micrograph and memory-mapped.

``images.npy`` and ``masks.npy`` hold the patches, ``background.npy`` their background,
``index.parquet`` and ``micrographs.parquet`` the tables, ``patch_set.json`` the name and the
fingerprints. Any program that knows NumPy's format can read it.
"""

from __future__ import annotations

import copyreg
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.files import atomic_write
from hrtem_shift.preparation.patch_set import INDEX_COLUMNS, PatchSet, fingerprint_of
from hrtem_shift.preparation.patch_set_plan import LazyPatchSet

_PATCHES = ("images.npy", "masks.npy")
_SMALL = ("background.npy", "index.parquet", "micrographs.parquet")
_HEADER_BYTES = 128
_READ_BYTES = 2**22


def write_patch_set(
    folder: Path, lazy: LazyPatchSet, progress: Callable[[], None] = lambda: None
) -> None:
    """Cut a patch set straight into a folder, in an atomic write.

    Parameters
    ----------
    folder : Path
        To write or replace.
    lazy : LazyPatchSet
        Cut one micrograph at a time; memory holds no more than that.
    progress : callable
        Called after each micrograph.

    Raises
    ------
    InputError
        The disk is full, or as `LazyPatchSet.cut_each` does.
    """
    edge, tables, summaries, background = lazy.preparation.patch_px, [], [], []
    with atomic_write(folder) as new:
        new.mkdir()
        images = _GrowingArray(new / "images.npy", np.dtype("<f2"), (edge, edge))
        masks = _GrowingArray(new / "masks.npy", np.dtype("u1"), (edge, edge))
        with images, masks:
            for patches in lazy.cut_each():
                images.append(patches.images)
                masks.append(patches.masks)
                background.append(patches.background)
                tables.append(patches.table)
                summaries.append(patches.summary)
                progress()
        index = lazy.index_of(tables)
        np.save(new / "background.npy", np.concatenate(background))
        index.to_parquet(new / "index.parquet", index=False)
        pd.DataFrame(summaries).to_parquet(new / "micrographs.parquet", index=False)
        prints = images.fingerprint, masks.fingerprint
        about = {
            "name": lazy.name,
            "made_of": lazy.source_fingerprint,
            "fingerprint": fingerprint_of(*prints, index, lazy.source_fingerprint),
            "small": [_fingerprint(new / name) for name in _SMALL],
        }
        (new / "patch_set.json").write_text(json.dumps(about), encoding="utf-8")


def read_source_fingerprint(folder: Path) -> str:
    """Source fingerprint of the patch set in a folder; empty where there is none."""
    try:
        about = json.loads((folder / "patch_set.json").read_text(encoding="utf-8"))
        return str(about["made_of"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def read_patch_set(folder: Path) -> PatchSet:
    """Memory-map what `write_patch_set` wrote, after every byte was checked.

    Raises
    ------
    InputError
        The folder is missing, is not a patch set, or has changed since it was written.
    """
    patch_set = map_patch_set(folder)
    try:
        about = json.loads((folder / "patch_set.json").read_text(encoding="utf-8"))
        images, masks = (_fingerprint(folder / name, _HEADER_BYTES) for name in _PATCHES)
        actual = fingerprint_of(images, masks, patch_set.index, patch_set.source_fingerprint)
        small = [_fingerprint(folder / name) for name in _SMALL]
        if (actual, small) != (about["fingerprint"], about["small"]):
            raise ValueError("its bytes have changed")
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(folder, error) from error
    patch_set.__dict__["fingerprint"] = actual  # not hashed a second time
    return patch_set


def map_patch_set(folder: Path) -> PatchSet:
    """As `read_patch_set`, without the check of the patches: for a second process."""
    try:
        about = json.loads((folder / "patch_set.json").read_text(encoding="utf-8"))
        patch_set = PatchSet(
            name=about["name"],
            images=np.load(folder / "images.npy", mmap_mode="r"),
            masks=np.load(folder / "masks.npy", mmap_mode="r"),
            background=np.load(folder / "background.npy"),
            index=pd.read_parquet(folder / "index.parquet")[list(INDEX_COLUMNS)],
            micrographs=pd.read_parquet(folder / "micrographs.parquet"),
            source_fingerprint=about["made_of"],
            folder=Path(folder),
        )
        lengths = {len(patch_set.images), len(patch_set.masks), len(patch_set.background)}
        if lengths != {len(patch_set.index)}:
            raise ValueError("its files are of different patch sets")
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:  # and so are pyarrow's
        raise _unreadable(folder, error) from error
    return patch_set


def _reduce(patch_set: PatchSet) -> Any:
    """For pickle: a patch set on disk is sent as its folder, so that processes share pages."""
    if patch_set.folder is None:
        return object.__reduce_ex__(patch_set, 4)
    return map_patch_set, (patch_set.folder,)


copyreg.pickle(PatchSet, _reduce)


class _GrowingArray:
    """A ``.npy`` file to which patches are appended; its header is completed at the end."""

    def __init__(self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._path, self._dtype, self._shape = path, dtype, shape
        self._count, self._digest = 0, hashlib.sha256()

    def __enter__(self) -> _GrowingArray:
        self._file: BinaryIO = self._path.open("wb")
        self._file.write(bytes(_HEADER_BYTES))
        return self

    def append(self, patches: NDArray) -> None:
        data = np.ascontiguousarray(patches, self._dtype).data
        self._digest.update(data)
        self._file.write(data)
        self._count += len(patches)

    def __exit__(self, *error: object) -> None:
        self._file.seek(0)
        self._file.write(_npy_header(self._dtype, (self._count, *self._shape)))
        self._file.close()

    @property
    def fingerprint(self) -> str:
        return self._digest.hexdigest()[:16]


def _npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Header of the NumPy format, version 1.0, which may be padded with spaces."""
    stated = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    text = repr(stated).ljust(_HEADER_BYTES - 11) + "\n"
    return b"\x93NUMPY\x01\x00" + (_HEADER_BYTES - 10).to_bytes(2, "little") + text.encode("latin1")


def _fingerprint(path: Path, start: int = 0) -> str:
    """Of the bytes from `start` on; read, not mapped, so that memory stays small."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        while data := file.read(_READ_BYTES):
            digest.update(data)
    return digest.hexdigest()[:16]


def _unreadable(folder: Path, error: Exception) -> InputError:
    return InputError(
        f"not a readable patch set ({type(error).__name__}: {error})",
        where=str(folder),
        why="It is missing, damaged, or of another kind",
        fix="Delete it and run the preprocessing again",
    )
