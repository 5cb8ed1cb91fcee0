"""Atomic writes of files and folders."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hrtem_shift.errors import InputError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file or a folder atomically: a reader sees the old one or the whole new one.

    It is written under a temporary name in the same folder, flushed to disk, and renamed. The
    temporary file is removed if anything fails.

    Parameters
    ----------
    path : Path
        Final path; missing parent folders are made.

    Yields
    ------
    Path
        Where to write the file or folder.

    Raises
    ------
    InputError
        The disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
        _fsync(path.parent)
    except OSError as error:
        if error.errno in _DISK:
            raise InputError(
                f"cannot write: {error.strerror or error}",
                where=str(path),
                why=_DISK[error.errno],
                fix="Free some space or choose another folder, then run the same command again: "
                "finished results are kept",
            ) from error
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


_DISK = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "The disk quota is used up",
    errno.EROFS: "The disk is read-only",
    errno.EACCES: "The folder may not be written to",
}


def _flush(path: Path) -> None:
    for item in [*sorted(path.rglob("*")), path] if path.is_dir() else [path]:
        _fsync(item)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
