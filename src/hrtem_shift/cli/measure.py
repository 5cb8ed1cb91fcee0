"""``hrtem-shift measure``: test the networks of a package on labelled micrographs."""

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


class _SeveralFolders(click.Command):
    """A command that reads ``--usual A B`` as ``--usual A --usual B``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        several = {"--usual", "--labelled"}
        option, repeated = "", []
        for position, arg in enumerate(args):
            if arg.startswith("-"):
                option = arg if arg in several else ""
            elif option and args[position - 1] != option:
                repeated.append(option)
            repeated.append(arg)
        return super().parse_args(ctx, repeated)


@click.command(
    cls=_SeveralFolders,
    epilog=EXIT_CODES,
    short_help="Test a network package on labelled micrographs.",
)
@click.option(
    "--network", type=FOLDER, help="Network package, or name of a shipped one. [default: broad]"
)
@click.option(
    "--usual",
    multiple=True,
    required=True,
    type=FOLDER,
    metavar="FOLDER...",
    help="Micrographs of the kind that was trained on: images, masks and metadata.csv.",
)
@click.option(
    "--labelled",
    multiple=True,
    type=FOLDER,
    metavar="FOLDER...",
    help="Micrographs of any other kind, as above.",
)
@click.option(
    "--drawn",
    type=click.IntRange(min=0),
    default=300,
    show_default=True,
    metavar="N",
    help="Simulated micrographs to test on as well.",
)
@click.option("--note", default="", help="What the micrographs are, for CARD.md.", metavar="TEXT")
@processes_option
@click.option("--out", required=True, type=FOLDER, help="Folder of the new package.")
def measure(
    network: Path | None,
    usual: tuple[Path, ...],
    labelled: tuple[Path, ...],
    drawn: int,
    note: str,
    processes: int | None,
    out: Path,
) -> int:
    """Test the networks of a package on labelled micrographs that they were not trained on.

    The result is a new package: the same networks, with the new scores as its evidence.
    """
    check_new_package(out)
    from hrtem_shift.segmentation import measure_package

    measure_package.measure_package(
        read_network(network),
        out,
        list(usual),
        list(labelled),
        drawn=drawn,
        processes=number_of_processes(processes),
        note=note,
    )
    print_card(out)
    return DONE
