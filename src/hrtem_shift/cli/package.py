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
@click.option(
    "--labelled",
    multiple=True,
    type=FOLDER,
    metavar="FOLDER",
    help="Labelled micrographs to test on as well: images, masks and metadata.csv. Repeatable.",
)
@click.option(
    "--alterations",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Altered copies of each labelled micrograph.",
)
@click.option(
    "--drawn",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    metavar="N",
    help="Drawn micrographs to test on as well.",
)
@click.option("--env", help="Kedro environment in which they were trained.", metavar="NAME")
@processes_option
def package(
    run_ids: tuple[str, ...],
    out: Path,
    name: str | None,
    labelled: tuple[Path, ...],
    alterations: int,
    drawn: int,
    env: str | None,
    processes: int | None,
) -> int:
    """Package networks of a study that was run in this folder.

    A RUN_ID stands in MLflow's tag run_id and in the table of 'kedro networks STUDY'; several
    make an ensemble. The package holds weights, preparation, training domain, and how well the
    networks do on micrographs that they have not seen.
    """
    check_new_package(out)
    name = name or out.resolve().name
    number = number_of_processes(processes)
    package_networks(
        run_ids,
        out,
        name,
        env=env,
        processes=number,
        labelled=labelled,
        alterations=alterations,
        drawn=drawn,
    )
    print_card(out)
    return DONE


def package_networks(
    run_ids: Sequence[str],
    folder: Path,
    name: str,
    *,
    env: str | None,
    processes: int,
    labelled: Sequence[Path] = (),
    alterations: int = 1,
    drawn: int,
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

    from hrtem_shift.pipelines.particle_networks.particle_jobs import TRAIN_SET
    from hrtem_shift.pipelines.trained_particle_networks import lattice_tests
    from hrtem_shift.pipelines.trained_study import finished_records, study_of
    from hrtem_shift.segmentation.measure_package import labelled_tests
    from hrtem_shift.segmentation.packaging import package_of, package_of_particles

    tests = labelled_tests(labelled, len(run_ids), alterations=alterations)
    bootstrap_project(Path.cwd())
    with KedroSession.create(env=env) as session:
        context = session.load_context()
        store, catalog = context.catalog.load("network_store"), context.catalog
        records = finished_records(run_ids, store, catalog, context.params)
        weights = [store.weights(run_id) for run_id in run_ids]
        how = {"processes": processes, "drawn": drawn}
        if {record["train_set"] for record in records} == {TRAIN_SET}:
            tests = lattice_tests(catalog, len(run_ids)) + tests
            package_of_particles(records, weights, tests, folder, name, **how)
        else:
            study = study_of(run_ids, store, catalog, context.params)
            package_of(study, weights, folder, name, labelled=tests, **how)
