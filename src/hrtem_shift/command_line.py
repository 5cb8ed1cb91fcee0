"""The command ``hrtem-shift``: segment a user's images; package and measure networks for that.

Everything heavy is imported by the subcommand that needs it, so that help comes at once.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hrtem_shift.errors import InputError, InputErrors

if TYPE_CHECKING:
    import pandas as pd

    from hrtem_shift.segmentation.package import NetworkPackage

DONE, MISTAKE, SOME_FAILED, NETWORK_INVALID = 0, 2, 3, 4
"""Exit codes; argparse ends with 2 itself."""

_EPILOG = """\
exit codes: 0 all is done; 2 usage error; 3 some images could not be segmented (the others are, and
each failed one is named); 4 the network package is refused
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit code."""
    given = _parser().parse_args(arguments)
    import logging

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        _check_out(given.out)
        return int(given.run(given))
    except (InputError, InputErrors) as error:
        sys.stderr.write(f"hrtem-shift {given.command}: {error}\n")
        return _code_of(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hrtem-shift",
        description="Segment nanoparticles on HRTEM micrographs, and say whether to believe it.",
        epilog=_EPILOG,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_segment(commands.add_parser("segment", help="from images to masks, sizes and a verdict"))
    _add_package(commands.add_parser("package", help="trained networks for 'segment'"))
    _add_measure(commands.add_parser("measure", help="test a package on labelled micrographs"))
    return parser


def _add_segment(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "For each image: mask, labels, probability and spread (TIFF), overlay, particles.csv, size "
        "histogram; for all: summary.csv with a verdict on each, particles.csv, manifest.json, "
        "warnings.txt. What is finished is not done again."
    )
    parser.epilog = _EPILOG
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="file, 'pattern' or folder; dm3, dm4, emd, ser, mrc, tif, hspy, zspy, png or jpg",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of the results")
    parser.add_argument(
        "--network", type=Path, help="folder of a network package; default: the shipped one"
    )
    parser.add_argument(
        "--pixel-size-nm",
        type=_above_zero,
        metavar="NM",
        help="edge of a pixel in nm; wins over what files state, and is a must where they do not",
    )
    parser.add_argument(
        "--defocus-nm",
        type=_number,
        metavar="NM",
        help="defocus in nm where it is known, positive = underfocus; for the verdict alone",
    )
    parser.add_argument(
        "--threshold",
        type=_share,
        default=0.5,
        metavar="P",
        help="a pixel is particle above this probability (default: 0.5)",
    )
    parser.add_argument(
        "--min-area-nm2",
        type=_not_negative,
        default=1.0,
        metavar="NM2",
        help="smaller specks are no particles (default: 1 nm², a disc of 1.1 nm)",
    )
    parser.add_argument(
        "--exclude-border",
        action="store_true",
        help="leave out particles that the border cuts; they have no size of their own",
    )
    parser.add_argument(
        "--memory-gib",
        type=_above_zero,
        default=4.0,
        metavar="GIB",
        help="an image that would take more memory than this is refused (default: 4 GiB)",
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:N")
    parser.add_argument(
        "--dry-run", action="store_true", help="read every image, say what would be done"
    )
    parser.set_defaults(run=_segment)


def _add_package(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Package networks of a study that was run in this folder: weights, preparation, training "
        "domain, and how well they do on micrographs that they have not seen."
    )
    parser.add_argument(
        "run_ids",
        nargs="+",
        metavar="RUN_ID",
        help="as in MLflow's tag run_id and in 'kedro networks STUDY'; several make an ensemble",
    )
    parser.add_argument("--out", required=True, type=Path, help="folder of the package")
    parser.add_argument("--name", help="what the package is called; default: its folder's name")
    parser.add_argument("--env", help="Kedro environment in which they were trained")
    _add_processes(parser)
    parser.set_defaults(run=_package)


def _add_measure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Test the networks of a package on labelled micrographs that they were not trained on, and "
        "write a new package: the same networks, with the new scores as its evidence."
    )
    parser.epilog = _EPILOG
    parser.add_argument(
        "--network", type=Path, help="folder of a network package; default: the shipped one"
    )
    parser.add_argument(
        "--usual",
        nargs="+",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="micrographs of the kind that was trained on: images, masks and metadata.csv",
    )
    parser.add_argument(
        "--labelled",
        nargs="+",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="micrographs of any other kind, as above",
    )
    parser.add_argument(
        "--drawn",
        type=_count_from(0),
        default=300,
        metavar="N",
        help="simulated micrographs to test on as well (default: 300)",
    )
    parser.add_argument("--note", default="", help="what the micrographs are, for CARD.md")
    _add_processes(parser)
    parser.add_argument("--out", required=True, type=Path, help="folder of the new package")
    parser.set_defaults(run=_measure)


def _add_processes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--processes",
        type=_count_from(1),
        metavar="N",
        help="micrographs that are tested at the same time (default: one for each core)",
    )


def _segment(given: argparse.Namespace) -> int:
    from hrtem_shift.segmentation.batch import FILES, inspect_images, segment_images
    from hrtem_shift.segmentation.inputs import find_images
    from hrtem_shift.segmentation.options import SegmentationOptions

    images = find_images(given.paths, FILES, given.out)
    package = _read_package(given.network)
    options = SegmentationOptions(
        pixel_size_nm=given.pixel_size_nm,
        defocus_nm=given.defocus_nm,
        threshold=given.threshold,
        min_area_nm2=given.min_area_nm2,
        exclude_border=given.exclude_border,
        memory_gib=given.memory_gib,
    )
    if given.dry_run:
        table = inspect_images(images, package, options, given.out)
        sys.stdout.write(table.to_csv(index=False, lineterminator="\n"))
        return SOME_FAILED if (table["status"] == "failed").any() else DONE
    result = segment_images(images, package, options, given.out, _device(given.device))
    sys.stdout.write(_told(result.summary, result.kept, package, given.out))
    return DONE if result.failed.empty else SOME_FAILED


def _package(given: argparse.Namespace) -> int:
    from hrtem_shift.pipelines.segmentation.packaging import package_networks

    _check_new_package(given.out)
    name, processes = given.name or given.out.resolve().name, _processes(given)
    package_networks(given.run_ids, given.out, name, env=given.env, processes=processes)
    sys.stdout.write(_card(given.out))
    return DONE


def _measure(given: argparse.Namespace) -> int:
    from hrtem_shift.segmentation.measuring import measured_package

    _check_new_package(given.out)
    measured_package(
        _read_package(given.network),
        given.out,
        given.usual,
        given.labelled,
        drawn=given.drawn,
        processes=_processes(given),
        note=given.note,
    )
    sys.stdout.write(_card(given.out))
    return DONE


def _check_out(out: Path) -> None:
    """Refuse a folder that cannot be made or written to, before hours of work go into it."""
    from tempfile import TemporaryDirectory

    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            out.lstat()  # fails on a name that is too long
        places = (out.absolute(), *out.absolute().parents)
        place = next(path for path in places if os.path.lexists(path))
        if place.is_dir():
            with TemporaryDirectory(prefix=".hrtem-shift-", dir=place):
                return
        fault = "it is not a folder" if place == places[0] else f"{place} is not a folder"
    except (OSError, ValueError) as error:
        fault = f"it cannot be written to: {getattr(error, 'strerror', None) or error}"
    raise InputError(
        fault,
        where=f"--out {out}",
        why="The results are files in a folder of their own",
        fix="Name a folder that may be written to; it need not exist yet",
    )


def _check_new_package(out: Path) -> None:
    """Refuse to replace anything but a package, before hours of work."""
    from hrtem_shift.segmentation.package import DESCRIPTION

    _check_out(out.absolute().parent)  # a package takes its place whole
    if out.exists() and not (out / DESCRIPTION).is_file():
        raise InputError(
            "there is something already, and it is no network package",
            where=f"--out {out}",
            why="It would be deleted",
            fix="Name a folder that does not exist yet",
        )


def _read_package(folder: Path | None) -> NetworkPackage:
    """Package of a folder, or the shipped one."""
    from hrtem_shift.segmentation.package import read_package
    from hrtem_shift.segmentation.shipped import shipped_package

    return read_package(folder) if folder else shipped_package()


def _card(folder: Path) -> str:
    return (folder / "CARD.md").read_text(encoding="utf-8")


def _told(summary: pd.DataFrame, kept: int, package: NetworkPackage, out: Path) -> str:
    """What a user reads at the end."""
    failed = summary[summary["status"] == "failed"]
    lines = [
        f"{len(summary) - len(failed)} of {len(summary)} images segmented "
        f"({kept} had been before) by {package.description.name}"
    ]
    if "verdict" in summary:
        counts = summary["verdict"].value_counts()
        lines += [f"  {level}: {number}" for level, number in counts.items()]
    lines += [f"  failed: {what}" for what in failed.get("what", [])]
    return "\n".join([*lines, f"Results: {out}", ""])


def _device(name: str) -> str:
    from hrtem_shift.execution.devices import resolve_device

    return resolve_device(name)


def _processes(given: argparse.Namespace) -> int:
    from hrtem_shift.execution.compute import available_cores

    return given.processes or available_cores()


def _code_of(error: Exception) -> int:
    # Before the module of packages is imported, which takes seconds, no package was refused.
    module = sys.modules.get("hrtem_shift.segmentation.package")
    return NETWORK_INVALID if module and isinstance(error, module.PackageError) else MISTAKE


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is no number")
    return value


def _count_from(least: int) -> Callable[[str], int]:
    """Type of a whole number of at least so much."""

    def count(text: str) -> int:
        value = _number(text)
        if value != int(value) or value < least:
            raise argparse.ArgumentTypeError(f"{text} is no whole number from {least} on")
        return int(value)

    return count


def _above_zero(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _not_negative(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
