"""``hrtem-shift package``: make a network package of networks that a study has trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from hrtem_shift.cli.arguments import (
    DONE,
    FOLDER,
    check_new_package,
    number_of_processes,
    print_card,
    processes_option,
)


@click.command(short_help="Make a network package of trained networks.")
@click.argument("run_ids", nargs=-1, required=True, metavar="RUN_ID...")
@click.option("--out", required=True, type=FOLDER, help="Folder of the package.")
@click.option("--name", help="Name of the package. [default: that of its folder]", metavar="TEXT")
@click.option("--env", help="Kedro environment in which they were trained.", metavar="NAME")
@processes_option
def package(
    run_ids: tuple[str, ...], out: Path, name: str | None, env: str | None, processes: int | None
) -> int:
    """Package networks of a study that was run in this folder.

    A RUN_ID stands in MLflow's tag run_id and in the table of 'kedro networks STUDY'; several
    make an ensemble. The package holds weights, preparation, training domain, and how well the
    networks do on micrographs that they have not seen.
    """
    check_new_package(out)
    name = name or out.resolve().name
    package_networks(run_ids, out, name, env=env, processes=number_of_processes(processes))
    print_card(out)
    return DONE


def package_networks(
    run_ids: Sequence[str], folder: Path, name: str, *, env: str | None, processes: int
) -> None:
    """Package networks of the Kedro project in the working folder.

    Raises
    ------
    InputError
        A network is not there, is of another study than the first, or was trained on other
        patches than are stored now; or as `hrtem_shift.segmentation.packaging.package_of`.
    """
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    from hrtem_shift.pipelines.trained_study import study_of
    from hrtem_shift.segmentation.packaging import package_of

    bootstrap_project(Path.cwd())
    with KedroSession.create(env=env) as session:
        context = session.load_context()
        store = context.catalog.load("network_store")
        study = study_of(run_ids, store, context.catalog, context.params)
        weights = [store.weights(run_id) for run_id in run_ids]
        package_of(study, weights, folder, name, processes=processes)
