"""Which images a user means: files, patterns and folders, and what each is called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hrtem_shift.errors import InputError

SUFFIXES = {".dm3", ".dm4", ".dm5", ".emd", ".ser", ".mrc", ".map", ".rec", ".hspy", ".zspy"}
SUFFIXES |= {".tif", ".tiff", ".png", ".jpg", ".jpeg"}
"""Of files that are taken out of a folder; a file that is named itself may have any."""


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


def find_images(given: Sequence[str], reserved: Sequence[str] = ()) -> list[InputImage]:
    """Images that are meant by files, patterns and folders.

    Parameters
    ----------
    given : sequence of str
        A folder stands for the files in it (not in folders below) that have a suffix of
        `SUFFIXES`, hidden ones left out; a pattern is one of `Path.glob`, with ``**`` for any
        folders.
    reserved : sequence of str
        Names that no image may have.

    Returns
    -------
    list of InputImage
        In the order given, sorted within a folder or pattern, each file once. An image is called
        by its stem; where several share it, by its whole file name, and then with a number.

    Raises
    ------
    InputError
        Nothing is meant by one of them.
    """
    paths = list(dict.fromkeys(path for one in given for path in _meant(one)))
    stems = Counter(_stem(path) for path in paths)
    taken, images = set(reserved), []
    for path in paths:
        name = _stem(path) if stems[_stem(path)] == 1 else path.name.lstrip(".")
        number, unique = 2, name
        while unique in taken:
            number, unique = number + 1, f"{name}_{number}"
        taken.add(unique)
        images.append(InputImage(unique, path))
    return images


def _meant(given: str) -> list[Path]:
    path = Path(given)
    if path.is_file() or _is_image_folder(path):
        return [path]
    if path.is_dir():
        found = [one for one in sorted(path.iterdir()) if one.suffix.lower() in SUFFIXES]
    else:
        found = _matches(path)
    found = [one for one in found if not one.name.startswith(".")]
    found = [one for one in found if one.is_file() or _is_image_folder(one)]
    if not found:
        raise InputError(
            "no image" if path.is_dir() else "no such file, and no file of such a pattern",
            where=os.fspath(given),
            why="There is nothing to segment",
            fix=f"Name files, a pattern, or a folder with {', '.join(sorted(SUFFIXES))} files",
        )
    return found


def _matches(pattern: Path) -> list[Path]:
    try:
        return sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except ValueError:  # no pattern that could match anything, such as one with **x
        return []


def _is_image_folder(path: Path) -> bool:
    """Whether it is a zspy image, which is a folder on disk."""
    return any((path / name).is_file() for name in (".zgroup", "zarr.json"))


def _stem(path: Path) -> str:
    return path.stem.lstrip(".") or "image"
