"""Files that are written whole or not at all."""

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
    """Write a file or a folder under a temporary name, then put it in its place.

    The temporary file lies in the same folder, is flushed to disk before it takes its
    final name, and is removed when anything fails: a reader sees the old file or the
    whole new one, never a part.

    Parameters
    ----------
    path : Path
        Final place; missing parent folders are made.

    Yields
    ------
    Path
        Where to write. Whatever lies there at the end (file or folder) is moved.

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
        _flush_one(path.parent)
    except OSError as error:
        if error.errno in _DISK:
            raise InputError(
                f"cannot write: {error.strerror or error}",
                where=str(path),
                why=_DISK[error.errno],
                fix="What was finished before is kept; make room or choose another place, "
                "then run the same command again",
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
        _flush_one(item)


def _flush_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
