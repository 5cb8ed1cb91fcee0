"""``kedro networks``: all networks of a study."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("study")
@click.option("--env", help="Kedro environment.")
def networks(study: str, env: str | None) -> None:
    """Print all networks of STUDY as CSV: state, best validation Dice, Dice on each test set."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    from hrtem_shift.catalog.network_table import network_table

    bootstrap_project(Path.cwd())
    with KedroSession.create(env=env) as session:
        catalog = session.load_context().catalog
        plan, scores = f"{study}.plan", f"{study}.scores"
        if not catalog.exists(plan):
            raise click.UsageError(f"No networks are planned: kedro run --pipeline={study} does it")
        table = network_table(
            catalog.load(plan),
            catalog.load("network_store"),
            catalog.load(f"{study}.results"),
            catalog.load(scores) if catalog.exists(scores) else None,
        )
    click.echo(table.to_csv(index=False, float_format="%.4g"), nl=False)
