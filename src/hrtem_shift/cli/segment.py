"""``hrtem-shift segment``: from images to masks, sizes and a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hrtem_shift.cli.arguments import (
    ABOVE_ZERO,
    DONE,
    EXIT_CODES,
    FOLDER,
    SOME_FAILED,
    check_out,
    finite,
    read_network,
)

if TYPE_CHECKING:
    import pandas as pd


@click.command(epilog=EXIT_CODES, short_help="From images to masks, sizes and a verdict.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--out", required=True, type=FOLDER, help="Folder of the results.")
@click.option(
    "--network", type=FOLDER, help="Network package, or name of a shipped one. [default: broad]"
)
@click.option(
    "--pixel-size-nm",
    type=ABOVE_ZERO,
    callback=finite,
    metavar="NM",
    help="Edge of a pixel in nm; replaces what files state, and is needed where they do not.",
)
@click.option(
    "--defocus-nm",
    type=float,
    callback=finite,
    metavar="NM",
    help="Defocus in nm where it is known, positive = underfocus; for the verdict only.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    callback=finite,
    default=0.5,
    show_default=True,
    metavar="P",
    help="A pixel is particle above this probability.",
)
@click.option(
    "--min-area-nm2",
    type=click.FloatRange(min=0),
    callback=finite,
    metavar="NM2",
    help="Smaller objects are not counted. [default: 1 nm², a disc of 1.1 nm; with networks that "
    "find the scale themselves 12 pixels that they saw and 2 % of the typical area]",
)
@click.option(
    "--exclude-border",
    is_flag=True,
    help="Leave out particles that the border cuts: their size is not known.",
)
@click.option(
    "--memory-gib",
    type=ABOVE_ZERO,
    callback=finite,
    default=4.0,
    show_default=True,
    metavar="GIB",
    help="Do not segment an image that needs more memory than this.",
)
@click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.", metavar="NAME"
)
@click.option("--dry-run", is_flag=True, help="Read every image and print what would be done.")
def segment(
    paths: tuple[str, ...],
    out: Path,
    network: Path | None,
    device: str,
    dry_run: bool,
    **options: Any,
) -> int:
    """Segment images: files, 'patterns' or folders.

    Formats: dm3, dm4, dm5, emd, ser, mrc, tif, hspy, zspy, png, jpg; others with the extra formats.

    For each image: mask, labels, probability and spread (TIFF), overlay, particles.csv and size
    histogram. For all: summary.csv with a verdict on each, particles.csv, manifest.json and
    warnings.txt. Images that are finished are not segmented again.
    """
    check_out(out)
    from hrtem_shift.execution.devices import resolve_device
    from hrtem_shift.segmentation.batch import FILES, inspect_images, segment_images
    from hrtem_shift.segmentation.inputs import find_images
    from hrtem_shift.segmentation.options import SegmentationOptions

    images = find_images(paths, FILES, out)
    package = read_network(network)
    given = SegmentationOptions.model_validate(options)
    if dry_run:
        table = inspect_images(images, package, given, out)
        click.echo(table.to_csv(index=False, lineterminator="\n"), nl=False)
        return SOME_FAILED if (table["status"] == "failed").any() else DONE
    result = segment_images(images, package, given, out, resolve_device(device))
    click.echo(_report(result.summary, result.kept, package.description.name))
    click.echo(f"Results: {out}")
    return DONE if result.failed.empty else SOME_FAILED


def _report(summary: pd.DataFrame, kept: int, network: str) -> str:
    """How many images are segmented, with what verdict, and which failed."""
    failed = summary[summary["status"] == "failed"]
    lines = [
        f"{len(summary) - len(failed)} of {len(summary)} images segmented "
        f"({kept} of them before) by {network}"
    ]
    if "verdict" in summary:
        counts = summary["verdict"].value_counts()
        lines += [f"  {level}: {number}" for level, number in counts.items()]
    return "\n".join([*lines, *(f"  failed: {what}" for what in failed.get("what", []))])
