"""What the commands share: exit codes, numbers, and the folder of results."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrtem_shift.errors import InputError

if TYPE_CHECKING:
    from hrtem_shift.segmentation.package import NetworkPackage

DONE, USAGE_ERROR, SOME_FAILED, NETWORK_INVALID = 0, 2, 3, 4
"""Exit codes; click ends with 2 itself."""

EXIT_CODES = """\b
Exit codes:
  0  done
  2  usage error
  3  some images could not be segmented; each is named, and the others are segmented
  4  the network package is invalid
"""

FOLDER = click.Path(path_type=Path)
CARD = "CARD.md"


ABOVE_ZERO = click.FloatRange(min=0, min_open=True)


def finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Refuse nan and inf; the callback of an option."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number.", ctx, param)
    return value


processes_option = click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Micrographs tested at the same time. [default: one for each core]",
)


def number_of_processes(processes: int | None) -> int:
    """The given number, or one for each core."""
    from hrtem_shift.execution.compute import available_cores

    return processes or available_cores()


def check_out(out: Path) -> None:
    """Refuse a folder that cannot be made or written to, before hours of work go into it."""
    from tempfile import TemporaryDirectory

    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            out.lstat()  # fails on a name that is too long
        paths = (out.absolute(), *out.absolute().parents)
        existing = next(path for path in paths if os.path.lexists(path))
        if existing.is_dir():
            with TemporaryDirectory(prefix=".hrtem-shift-", dir=existing):
                return
        what = "it is not a folder" if existing == paths[0] else f"{existing} is not a folder"
    except (OSError, ValueError) as error:
        what = f"it cannot be written to: {getattr(error, 'strerror', None) or error}"
    raise InputError(
        what,
        where=f"--out {out}",
        why="The results are files in a folder of their own",
        fix="Name a folder that may be written to; it need not exist yet",
    )


def check_new_package(out: Path) -> None:
    """Refuse to replace anything but a package, before hours of work."""
    check_out(out)
    check_out(out.absolute().parent)  # a package replaces its folder
    from hrtem_shift.segmentation.package import DESCRIPTION

    if out.exists() and not (out / DESCRIPTION).is_file():
        raise InputError(
            "the folder exists, and it is no network package",
            where=f"--out {out}",
            why="It would be deleted",
            fix="Name a folder that does not exist yet",
        )


def read_network(given: Path | None) -> NetworkPackage:
    """Network package of a folder or of a shipped name, or the default one."""
    from hrtem_shift.segmentation.shipped import named_package

    return named_package(given)


def print_card(package: Path) -> None:
    """Print the card of a package."""
    click.echo((package / CARD).read_text(encoding="utf-8"), nl=False)
