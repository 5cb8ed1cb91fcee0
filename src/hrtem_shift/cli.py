"""`kedro run`, with one change: what a user can mend is said in plain lines, not as a traceback."""

from __future__ import annotations

import logging
import sys
from functools import wraps
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError

from hrtem_shift.catalog.network_table import networks
from hrtem_shift.errors import InputError, InputErrors, RunEnds


@click.group(name="hrtem-shift")
def cli() -> None:
    """Commands of the project, which stand before Kedro's own."""


def _plainly(command: click.Command) -> click.Command:
    """Same command, whose input errors end in one message and exit code 1."""
    inner = command.callback
    assert inner is not None

    @wraps(inner)
    def outer(*args: Any, **options: Any) -> Any:
        for handler in logging.getLogger().handlers:
            handler.addFilter(_OnlyOnce())
        try:
            return inner(*args, **options)
        except RunEnds as done:
            click.echo(str(done))
        except Exception as error:
            message = _message(error)
            if message is None:
                raise
            raise click.ClickException(message) from error

    command.callback = outer
    return command


def _message(error: BaseException) -> str | None:
    """What to say of an error that a user can mend; None for all others."""
    if isinstance(error, InputError | InputErrors):
        return str(error)
    if isinstance(error, DatasetError) and isinstance(error.__cause__, InputError | InputErrors):
        return str(error.__cause__)
    if isinstance(error, TypeError) and "incompatible container types" in str(error):
        return (
            "Parameters: one given by --params is a list or holds others, and cannot be given so. "
            "Nothing was done. State it in an environment: conf/NAME/parameters.yml, --env=NAME"
        )
    if isinstance(error, ValueError) and "nodes must have unique names" in str(error):
        return (
            "--pipelines: these pipelines have nodes of the same name, as all studies have. "
            "Nothing was run. Run one after the other: kedro run --pipeline=NAME"
        )
    if isinstance(error, ValueError) and "Failed to find the pipeline" in str(error):
        return " ".join(str(error).split())
    return None


class _OnlyOnce(logging.Filter):
    """Kedro logs what the command says by itself, by node, and how to resume from there.

    It does so while it handles the error, which is how such lines are known.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else sys.exc_info()[1]
        by_kedro = record.name.startswith("kedro")
        said = isinstance(error, RunEnds) or (error is not None and _message(error) is not None)
        return not (by_kedro and said)


cli.add_command(_plainly(kedro_run))
cli.add_command(networks)
