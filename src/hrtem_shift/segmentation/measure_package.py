"""Test the networks of a package on labelled micrographs that they have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.numpy import load_file

from hrtem_shift.micrographs.folder import inspect_folder
from hrtem_shift.reliability.estimator import fit_estimator, thinned
from hrtem_shift.reliability.held_out_tests import (
    DRAWN_SIZE_nm,
    Measurement,
    TestMicrograph,
    drawn_tests,
    folder_tests,
    gather_evidence,
)
from hrtem_shift.segmentation.card import card_of
from hrtem_shift.segmentation.package import NetworkPackage, write_package

USUAL_ALTERATIONS, OTHER_ALTERATIONS = 6, 1
"""Altered copies of each micrograph of the trained kind, and of each other one."""


def measure_package(
    package: NetworkPackage,
    out: Path,
    usual: Sequence[Path],
    labelled: Sequence[Path],
    *,
    drawn: int = 300,
    processes: int = 1,
    note: str = "",
) -> None:
    """Write a package with the same networks and new evidence.

    Parameters
    ----------
    package : NetworkPackage
        The networks; its evidence is replaced.
    out : Path
        Folder of the new package.
    usual : sequence of Path
        Micrograph folders, each with a ``metadata.csv``, of the kind that was trained on.
    labelled : sequence of Path
        Micrograph folders of any other kind.
    drawn : int
        Simulated micrographs besides.
    processes : int
        Micrographs tested at the same time.
    note : str
        What the micrographs are, for the card.

    Raises
    ------
    InputErrors
        A folder has faults.
    """
    description, number = package.description, len(package.networks)
    tests = labelled_tests(usual, number, usual=True, alterations=USUAL_ALTERATIONS)
    tests += labelled_tests(labelled, number)
    trained_nm = description.domain.pixel_size_nm
    tests += drawn_tests(drawn, number, trained_nm.low if trained_nm else DRAWN_SIZE_nm)
    measurement = Measurement(package.networks, description.preparation, description.scaling)
    kernel, evidence = fit_estimator(thinned(gather_evidence(measurement, tests, processes)))
    measured = description.model_copy(update={"kernel": kernel, "evidence_note": note})
    weights = [load_file(package.folder / member.file) for member in description.members]
    write_package(out, measured, weights, evidence, card_of(measured, evidence))


def labelled_tests(
    folders: Sequence[Path],
    networks: int,
    *,
    usual: bool = False,
    alterations: int = OTHER_ALTERATIONS,
) -> list[TestMicrograph]:
    """Micrographs of folders with a ``metadata.csv`` that none of the networks was trained on.

    Parameters
    ----------
    networks : int
        Number of networks.
    usual : bool
        Whether they are of the trained kind.
    alterations : int
        Altered copies of each micrograph.

    Raises
    ------
    InputErrors
        A folder has faults.
    """
    tests: list[TestMicrograph] = []
    for folder in folders:
        inventory = inspect_folder(folder, folder / "metadata.csv")
        tests += folder_tests(
            inventory, folder.name, networks, usual=usual, alterations=alterations
        )
    return tests
