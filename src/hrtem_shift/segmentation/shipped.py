"""The network packages that come with the program."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from hrtem_shift.errors import InputError
from hrtem_shift.segmentation.package import NetworkPackage, read_package

DEFAULT = "broad"
_PLACE = "shipped"


def shipped_names() -> list[str]:
    """Names of the packages of this installation."""
    place = files(__package__) / _PLACE
    return sorted(each.name for each in place.iterdir()) if place.is_dir() else []


def shipped_package(name: str = DEFAULT) -> NetworkPackage:
    """Read a shipped package.

    Raises
    ------
    InputError
        This installation has none of that name.
    PackageError
        It is not what it must be.
    """
    if name not in shipped_names():
        raise InputError(
            f"no network package '{name}' is shipped with this installation",
            where="--network",
            why="Without networks nothing can be segmented",
            fix="Name a package with --network; 'hrtem-shift package' makes one of your networks",
        )
    with as_file(files(__package__) / _PLACE / name) as folder:
        return read_package(folder)


def named_package(given: Path | str | None) -> NetworkPackage:
    """Package of a folder or of a shipped name; the default where nothing is given.

    A folder of that name comes first.
    """
    if given is None:
        return shipped_package()
    if not Path(given).exists() and str(given) in shipped_names():
        return shipped_package(str(given))
    return read_package(Path(given))
