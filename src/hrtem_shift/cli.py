"""`kedro run`, with one change: what a user can mend is said in plain lines, not as a traceback."""

from __future__ import annotations

import logging
from functools import wraps
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError

from hrtem_shift.errors import InputError, InputErrors


@click.group(name="hrtem-shift")
def cli() -> None:
    """Commands of the project, which stand before Kedro's own."""


def _plainly(command: click.Command) -> click.Command:
    """Same command, whose input errors end in one message and exit code 1."""
    inner = command.callback
    assert inner is not None

    @wraps(inner)
    def outer(*args: Any, **options: Any) -> Any:
        quiet = _OnlyOnce()
        logging.getLogger("kedro").addFilter(quiet)
        for handler in logging.getLogger().handlers:
            handler.addFilter(quiet)
        try:
            return inner(*args, **options)
        except (InputError, InputErrors) as error:
            raise click.ClickException(str(error)) from error
        except DatasetError as error:
            if isinstance(error.__cause__, InputError | InputErrors):
                raise click.ClickException(str(error.__cause__)) from error
            raise

    command.callback = outer
    return command


class _OnlyOnce(logging.Filter):
    """Kedro logs an input error, with its traceback, that the command says by itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, InputError | InputErrors)


cli.add_command(_plainly(kedro_run))
