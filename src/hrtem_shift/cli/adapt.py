"""``hrtem-shift adapt``: adapt the networks of a package to a few labelled images."""

from __future__ import annotations

from pathlib import Path

import click

from hrtem_shift.cli.arguments import (
    DONE,
    EXIT_CODES,
    FOLDER,
    check_new_package,
    number_of_processes,
    print_card,
    processes_option,
    read_network,
)


@click.command(epilog=EXIT_CODES, short_help="Adapt networks to a few labelled images.")
@click.argument("folder", type=FOLDER, metavar="FOLDER")
@click.option(
    "--network",
    type=FOLDER,
    default="particles",
    show_default=True,
    help="Network package, or name of a shipped one.",
)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Steps of training.")
@click.option("--name", help="Name of the package. [default: that of its folder]", metavar="TEXT")
@processes_option
@click.option("--out", required=True, type=FOLDER, help="Folder of the new package.")
def adapt(
    folder: Path,
    network: Path,
    steps: int | None,
    name: str | None,
    processes: int | None,
    out: Path,
) -> int:
    """Adapt the networks of a package to labelled images of your own, at least two.

    FOLDER holds images, masks and metadata.csv; or results of 'hrtem-shift segment', of which
    those count whose NAME_labels.tif or NAME_mask.tif was corrected; or images with such a file
    beside each.

    The result is a new package: networks that were trained some steps more, and how well they do
    on images of yours that were held out.
    """
    check_new_package(out)
    from hrtem_shift.segmentation import adapt_package
    from hrtem_shift.training.particle_recipe import FineTuningRecipe

    adapt_package.adapt_package(
        read_network(network),
        folder,
        out,
        name or out.resolve().name,
        recipe=FineTuningRecipe() if steps is None else FineTuningRecipe(steps=steps),
        processes=number_of_processes(processes),
    )
    print_card(out)
    return DONE
