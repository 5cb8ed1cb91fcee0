"""``kedro results``: keep what the networks of a study scored with the project."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

OF_SCORES = ("cells", "trials")
"""Tables that claims read, and that are computed of all scores or all trials."""


@click.command()
@click.argument("study")
@click.option("--env", help="Kedro environment.")
def results(study: str, env: str | None) -> None:
    """Keep the tested networks of STUDY in results/STUDY, beside those that are there.

    The study may be unfinished. With these files a fresh clone goes on where this one ended.
    """
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    bootstrap_project(Path.cwd())
    with KedroSession.create(env=env) as session:
        context = session.load_context()
        command = f"kedro run --pipeline={study}" + (f" --env={env}" if env else "")
        click.echo(keep_results(study, context.catalog, context.params, command, datetime.now(UTC)))


def keep_results(
    study: str, catalog: Any, parameters: Mapping[str, Any], command: str, now: datetime
) -> str:
    """Write ``results/<study>``, and say what it holds.

    Parameters
    ----------
    study : str
        Name of the study.
    catalog : Catalog
        Of the project and its environment.
    parameters : mapping
        Blocks of parameters.
    command : str
        That runs the study.
    now : datetime
        Date of the export.

    Raises
    ------
    InputError
        Nothing is planned or tested yet, or results hold other numbers.
    """
    from hrtem_shift.catalog.results import write_results
    from hrtem_shift.errors import InputError
    from hrtem_shift.hooks import git_revision
    from hrtem_shift.pipelines.kept_results import tables_to_keep, trimmed_inventory
    from hrtem_shift.pipelines.report_blocks import versions
    from hrtem_shift.pipelines.study import Study

    block = parameters.get(study)
    if not isinstance(block, Study) or not catalog.exists(f"{study}.plan"):
        raise InputError(
            "no networks are planned",
            where=study,
            why="Results are those of the networks of a plan",
            fix=f"Run it first: {command}",
        )
    older = catalog.load(f"{study}.results")
    plan, patch_sets, data_sets, inventory = (
        catalog.load(f"{study}.{name}") for name in ("plan", "patch_sets", "data_sets", "inventory")
    )
    store = catalog.load("network_store")
    tables, untested, missing = tables_to_keep(plan, patch_sets, data_sets, block, store, older)
    test_first = f"Test what is trained: {command} --nodes=evaluation.score_networks"
    if tables["networks"].empty:
        raise InputError(
            f"no network is tested yet, and {untested} are trained",
            where=study,
            why="Results are what networks scored",
            fix=test_first,
        )
    tables |= {"data_sets": data_sets, "inventory": trimmed_inventory(inventory)}
    if catalog.exists(f"{study}.mixtures"):
        tables["mixtures"] = catalog.load(f"{study}.mixtures")
    report = None
    if catalog.exists(f"{study}.scores"):
        written = catalog.load(f"{study}.scores")["hard_dice"]
        if written.equals(tables["scores"]["hard_dice"]):  # else the rest is of another run, too
            names = [name for name in OF_SCORES if catalog.exists(f"{study}.{name}")]
            tables |= {name: catalog.load(f"{study}.{name}") for name in names}
            report = catalog.load(f"{study}.report") if catalog.exists(f"{study}.report") else None
    data_sets_of = {*block.data_sets, *block.test_sets, getattr(block, "template", "")}
    simulation = parameters["simulation"].model_dump(mode="json")
    simulation["data_sets"] = {
        name: each for name, each in simulation["data_sets"].items() if name in data_sets_of
    }
    export = {
        "date": now.isoformat(timespec="seconds"),
        "command": command,
        "commit": git_revision(),
        "versions": versions(),
        "networks": len(tables["networks"]),
        "networks_missing": missing,
        "scores": len(tables["scores"]),
        "training_hours": round(float(tables["networks"]["seconds"].sum()) / 3600, 2),
    }
    about = {
        "study": study,
        "exports": [*older.about.get("exports", []), export],
        "parameters": {
            study: block.model_dump(mode="json"),
            "simulation": simulation,
        },
    }
    folder = older.folder
    write_results(folder, tables, report, about)
    size = sum(path.stat().st_size for path in folder.iterdir())
    counts = f"{export['networks']} networks, {export['scores']} scores"
    lines = [f"{folder}: {counts}, {size / 2**20:.2f} MiB"]
    if missing:
        lines.append(f"{missing} networks of the plan are not there, {untested} of them trained")
    if untested:
        lines.append(test_first)
    return "\n".join(lines)
