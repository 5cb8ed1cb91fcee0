"""The network package that comes with the program."""

from __future__ import annotations

from importlib.resources import as_file, files

from hrtem_shift.errors import InputError
from hrtem_shift.segmentation.package import NetworkPackage, read_package

_PLACE = "shipped"


def shipped_package() -> NetworkPackage:
    """Read the shipped package.

    Raises
    ------
    InputError
        This installation has none.
    PackageError
        It is not what it must be.
    """
    place = files(__package__) / _PLACE
    if not place.is_dir():
        raise InputError(
            "no network package is shipped with this installation",
            where="--network",
            why="Without networks nothing can be segmented",
            fix="Name a package with --network; 'hrtem-shift package' makes one of your networks",
        )
    with as_file(place) as folder:
        return read_package(folder)
