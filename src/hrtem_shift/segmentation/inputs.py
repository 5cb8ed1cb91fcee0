"""Find the images that files, patterns and folders stand for, and name each."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hrtem_shift.errors import InputError

logger = logging.getLogger(__name__)

SUFFIXES = {".dm3", ".dm4", ".dm5", ".emd", ".ser", ".mrc", ".map", ".rec", ".hspy", ".zspy"}
SUFFIXES |= {".tif", ".tiff", ".png", ".jpg", ".jpeg"}
"""Suffixes of the files of a folder that are segmented; a file named by itself may have any."""

_RECORD, _RECORD_KEYS = "result.json", {"decided_by", "input", "outputs"}
"""Written by `hrtem_shift.segmentation.results` into the folder of an image's results."""

_EARLIER, _IN_OUT = "results of an earlier run", "inside the folder of the results, --out"
_SHOWN_IN_A_NOTE = 3


@dataclass(frozen=True)
class InputImage:
    """An image to segment.

    Parameters
    ----------
    name : str
        Unique in its batch; the folder of its results.
    path : Path
        The file, or the folder of a zspy image.
    """

    name: str
    path: Path


def find_images(
    given: Sequence[str],
    reserved: Sequence[str] = (),
    out: Path | None = None,
    *,
    warn: Callable[[str], None] = logger.warning,
) -> list[InputImage]:
    """Find the images that files, patterns and folders stand for.

    Parameters
    ----------
    given : sequence of str
        A folder stands for the files in it (not in folders below) that have a suffix of
        `SUFFIXES`; a pattern is one of `Path.glob`, with ``**`` for any folders. Both leave out
        hidden files, results of earlier runs, and all that lies inside `out`. A file that is
        named itself is always taken, unless it is one of the results inside `out`.
    reserved : sequence of str
        Names that no image may have.
    out : Path, optional
        Folder of the results.
    warn : callable
        Called with a line for each reason why files were left out, and a line for files that were
        named several times.

    Returns
    -------
    list of InputImage
        In the order given, sorted within a folder or pattern (links last), each file once,
        whatever links lead to it. An image is named by its stem; where several share it, by its
        whole file name, and then with a number.

    Raises
    ------
    InputError
        A file, pattern or folder has no image, or none is left to segment.
    """
    why_left_out = _why_left_out(out)
    taken: dict[object, Path] = {}
    left_out: dict[object, tuple[str, Path]] = {}
    repeated: dict[object, list[Path]] = {}
    for text in given:
        paths, is_named = _expand(text)
        for path in paths:
            file, reason = _identity(path), why_left_out(path, is_named)
            if reason:
                left_out.setdefault(file, (reason, path))
            elif file in taken:
                repeated.setdefault(file, []).append(path)
            else:
                taken[file] = path
    left_out = {file: item for file, item in left_out.items() if file not in taken}
    notes = _notes(taken, left_out, repeated)
    if not taken and left_out:
        raise InputError(
            "no image is left",
            where=_few(given),
            why="; ".join(notes),
            fix="Name other files, or choose a folder for the results (--out) outside of the "
            "images' folder",
        )
    for note in notes:
        warn(note)
    return _with_unique_names(taken.values(), reserved)


def _with_unique_names(paths: Iterable[Path], reserved: Sequence[str]) -> list[InputImage]:
    paths = list(paths)
    stems = Counter(_stem(path) for path in paths)
    names, images = set(reserved), []
    for path in paths:
        name = _stem(path) if stems[_stem(path)] == 1 else path.name.lstrip(".")
        number, unique = 2, name
        while unique in names:
            number, unique = number + 1, f"{name}_{number}"
        names.add(unique)
        images.append(InputImage(unique, path))
    return images


def _expand(given: str) -> tuple[list[Path], bool]:
    """Paths that a text stands for, and whether it names a file itself."""
    path = Path(given)
    if _is_image(path):
        return [path], True
    is_folder = _is_folder(path)
    paths = _files_in(path) if is_folder else _matches(path)
    images = [item for item in paths if _is_image(item) and not _is_hidden(item, path)]
    if not images:
        raise InputError(
            "no image" if is_folder else "no such file, and no file matches the pattern",
            where=os.fspath(given),
            why="There is nothing to segment",
            fix=f"Name files, a pattern, or a folder with {', '.join(sorted(SUFFIXES))} files",
        )
    return sorted(images, key=lambda item: (item.is_symlink(), item)), False


def _files_in(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    except OSError as error:
        raise InputError(
            f"its files cannot be listed: {error.strerror or error}",
            where=str(folder),
            why="Images are searched in it",
            fix="Get permission to read it, or name its files",
        ) from error


def _matches(pattern: Path) -> list[Path]:
    try:
        return list(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except (ValueError, OSError):  # a pattern that matches nothing, such as **x, or is too long
        return []


def _is_image(path: Path) -> bool:
    """Whether it is a file, or a zspy image, which is a folder on disk."""
    try:
        return any(file.is_file() for file in (path, path / ".zgroup", path / "zarr.json"))
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_hidden(path: Path, given: Path) -> bool:
    """Whether it is hidden, or is in a hidden folder that was not named itself."""
    parts = {*path.parts} - {*given.parts, ".", ".."}
    return path.name.startswith(".") or any(part.startswith(".") for part in parts)


def _identity(path: Path) -> object:
    """Identity of a file, the same for all links to it."""
    status = path.stat()
    return (status.st_dev, status.st_ino) if status.st_ino else path.resolve()


def _why_left_out(out: Path | None) -> Callable[[Path, bool], str]:
    """Function of a path and whether it was named itself: why it is left out, or ``""``."""
    results = None if out is None else Path(out).resolve()
    resolved, holds_results = cache(Path.resolve), cache(_holds_results)

    def reason(path: Path, is_named: bool) -> str:
        # A link counts as inside both its own folder and that of its target.
        folders = [resolved(path.parent), path.resolve().parent]
        around = [parent for folder in folders for parent in (folder, *folder.parents)]
        in_out = results is not None and results in around
        if is_named and not in_out:
            return ""
        if in_out and not is_named:
            return _IN_OUT
        return _EARLIER if any(map(holds_results, around)) else ""

    return reason


def _holds_results(folder: Path) -> bool:
    """Whether a folder holds the results of an image."""
    try:
        content = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.keys() >= _RECORD_KEYS


def _notes(
    taken: dict[object, Path],
    left_out: dict[object, tuple[str, Path]],
    repeated: dict[object, list[Path]],
) -> list[str]:
    notes = []
    for kind in (_EARLIER, _IN_OUT):
        paths = [path for reason, path in left_out.values() if reason == kind]
        if paths:
            notes.append(f"{_count(paths, 'file')} left out ({kind}): {_few(paths)}")
    if repeated:
        names = [_both_names(taken[file], paths) for file, paths in repeated.items()]
        notes.append(f"{_count(names, 'image')} named more than once and taken once: {_few(names)}")
    return notes


def _both_names(path: Path, repeated: Sequence[Path]) -> str:
    other = next((name for name in repeated if name != path), None)
    return f"{path} (also as {other})" if other else str(path)


def _count(items: Sequence[object], noun: str) -> str:
    return f"1 {noun} was" if len(items) == 1 else f"{len(items)} {noun}s were"


def _few(items: Sequence[object]) -> str:
    """The first items, and how many more there are."""
    more = len(items) - _SHOWN_IN_A_NOTE
    text = ", ".join(map(str, items[:_SHOWN_IN_A_NOTE]))
    return f"{text} and {more} more" if more > 0 else text


def _stem(path: Path) -> str:
    return path.stem.lstrip(".") or "image"
