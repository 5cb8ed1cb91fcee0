"""The project's commands of ``kedro``: ``run`` with plain messages, ``networks``, ``results``."""

from __future__ import annotations

import logging
import sys
from functools import wraps
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError

from hrtem_shift.cli.networks import networks
from hrtem_shift.cli.results import results
from hrtem_shift.errors import InputError, InputErrors, RunEnds


@click.group(name="hrtem-shift")
def cli() -> None:
    """Commands of the project; they replace Kedro's own of the same name."""


def _with_plain_errors(command: click.Command) -> click.Command:
    """Same command; an error in what a user gave ends in one message and exit code 1."""
    inner = command.callback
    assert inner is not None

    @wraps(inner)
    def outer(*args: Any, **options: Any) -> Any:
        for handler in logging.getLogger().handlers:
            handler.addFilter(_NotTwice())
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
    """Message of an error in what a user gave; None for all others."""
    if isinstance(error, InputError | InputErrors):
        return str(error)
    if isinstance(error, DatasetError) and isinstance(error.__cause__, InputError | InputErrors):
        return str(error.__cause__)
    if isinstance(error, ValueError) and "nodes must have unique names" in str(error):
        return (
            "--pipelines: these pipelines have nodes of the same name, as all studies have. "
            "Nothing was run. Run one after the other: kedro run --pipeline=NAME"
        )
    if isinstance(error, ValueError) and "Failed to find the pipeline" in str(error):
        return " ".join(str(error).split())
    return None


class _NotTwice(logging.Filter):
    """Drop what Kedro logs of an error that the command prints itself.

    Kedro logs while it handles the error: that is how its lines are recognised.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else sys.exc_info()[1]
        by_kedro = record.name.startswith("kedro")
        printed = isinstance(error, RunEnds) or (error is not None and _message(error) is not None)
        return not (by_kedro and printed)


run = _with_plain_errors(kedro_run)
cli.add_command(run)
cli.add_command(networks)
cli.add_command(_with_plain_errors(results))
