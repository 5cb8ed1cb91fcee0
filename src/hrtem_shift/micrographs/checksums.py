"""Checksums of a folder's files, in the file that `sha256sum -c SHA256SUMS` checks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from hrtem_shift.errors import InputError
from hrtem_shift.files import atomic_write

CHECKSUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")  # a name with \ or a line break begins with \
_ESCAPED = re.compile(r"[\\\n\r]")


def read_checksums(root: Path) -> dict[str, str]:
    """Checksums that are recorded for the files of a folder.

    Parameters
    ----------
    root : Path
        Folder that holds `SHA256SUMS`, or none.

    Returns
    -------
    dict of str to str
        Name relative to `root`, with forward slashes -> SHA-256 as 64 lower-case digits.
        Empty where there is no such file.

    Raises
    ------
    InputError
        A line is not one of sha256sum or contradicts one above, or the file cannot be read.
    """
    path = Path(root) / CHECKSUMS
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _unusable(f"cannot be read ({reason})", str(path)) from error
    recorded: dict[str, str] = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
        match = _LINE.fullmatch(line)
        if not match:
            raise _unusable(f"{line[:100]!r} is not a checksum", f"{path}, line {number}")
        digest, name = match[1].lower(), _normal(match[2])
        if recorded.setdefault(name, digest) != digest:
            raise _unusable(f"{name!r} has another checksum above", f"{path}, line {number}")
    return recorded


def record_checksums(root: Path, sha256_of_files: Mapping[str, str]) -> None:
    """Add checksums of files that have none yet; recorded ones never change.

    Parameters
    ----------
    root : Path
        Folder whose `SHA256SUMS` grows; written atomically, sorted by name, where anything is new.
    sha256_of_files : mapping of str to str
        Name relative to `root`, with forward slashes -> SHA-256, 64 hexadecimal digits.

    Raises
    ------
    InputError
        Another checksum is recorded for a name, a name holds a backslash or a line break,
        the recorded ones cannot be read, or the new ones not written. Nothing changes then.
    """
    path = Path(root) / CHECKSUMS
    recorded = read_checksums(root)
    merged = dict(recorded)
    for name, digest in sha256_of_files.items():
        earlier = merged.setdefault(_normal(name), digest.lower())
        if earlier != digest.lower():
            raise _changed(Path(root) / name, digest.lower(), earlier)
        if _ESCAPED.search(name):
            raise _unwritable(name, str(path))
    if merged == recorded:
        return
    with atomic_write(path) as temporary:
        lines = [f"{digest}  {name}\n" for name, digest in sorted(merged.items())]
        temporary.write_text("".join(lines), encoding="utf-8")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, 64 lower-case hexadecimal digits.

    Raises
    ------
    InputError
        The file cannot be opened or read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot be opened ({error.strerror})",
            where=str(path),
            why="What a file holds is known by its SHA-256",
            fix="Put it there or correct its name, including upper and lower case",
        ) from error


def _normal(name: str) -> str:
    return PurePosixPath(name).as_posix()  # find writes ./ before each name


def _changed(file: Path, sha256: str, recorded: str) -> InputError:
    return InputError(
        f"SHA-256 is {sha256}, recorded is {recorded}",
        where=str(file),
        why="The file is no longer the one that was first seen here",
        fix=f"Fetch it again, or take its line out of {CHECKSUMS} if the change is intended",
    )


def _unwritable(name: str, where: str) -> InputError:
    return InputError(
        f"{name!r} holds a backslash or a line break",
        where=where,
        why="Other programs would read another name in a list of checksums",
        fix="Rename the file",
    )


def _unusable(what: str, where: str) -> InputError:
    return InputError(
        what,
        where=where,
        why="Each line is 64 hexadecimal digits, two spaces and a name, as sha256sum writes it",
        fix=f"Correct the line, or delete {CHECKSUMS} to record the files as they are now",
    )
