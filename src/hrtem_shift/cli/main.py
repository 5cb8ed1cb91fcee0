"""The command ``hrtem-shift``: segment images; make and test packages of networks for that.

Subcommands import what is heavy when they run, so that help is printed at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from hrtem_shift.cli.adapt import adapt
from hrtem_shift.cli.arguments import EXIT_CODES, NETWORK_INVALID, USAGE_ERROR
from hrtem_shift.cli.measure import measure
from hrtem_shift.cli.package import package
from hrtem_shift.cli.segment import segment
from hrtem_shift.errors import InputError, InputErrors


class _Commands(click.Group):
    """A group whose input errors end in one message and an exit code."""

    def invoke(self, ctx: click.Context) -> int:
        import logging

        logging.basicConfig(level=logging.INFO, format="%(message)s")
        try:
            return super().invoke(ctx)
        except (InputError, InputErrors) as error:
            click.echo(f"hrtem-shift {ctx.invoked_subcommand}: {error}", err=True)
            return _exit_code(error)


def _exit_code(error: Exception) -> int:
    # Only the module of packages refuses a package. Importing it here would take seconds.
    module = sys.modules.get("hrtem_shift.segmentation.package")
    return NETWORK_INVALID if module and isinstance(error, module.PackageError) else USAGE_ERROR


@click.group(
    cls=_Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def hrtem_shift() -> None:
    """Segment nanoparticles on HRTEM micrographs, and report how far to trust the result."""


for command in (segment, package, measure, adapt):
    hrtem_shift.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit code."""
    try:
        return int(hrtem_shift.main(arguments, prog_name="hrtem-shift", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Stopped", err=True)
        return 130
