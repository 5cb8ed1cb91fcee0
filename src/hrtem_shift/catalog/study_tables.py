"""Tables and reports of all studies that were run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from hrtem_shift.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from hrtem_shift.scorecard.findings import Findings

REPORTS = "08_reporting"
LAYERS = {
    "02_intermediate": ("inventory.parquet",),  # what was simulated
    "05_model_input": ("data_sets.csv",),
    "06_models": ("networks.csv", "trials.csv"),  # by what recipe each was trained
    REPORTS: ("cells.csv", "transfer_claims.csv"),  # overlap of transfer, and registered claims
}
"""Tables of a study that claims may read, beside its scores, by the layer that holds them."""
REFEREE = "referee"
NEEDED = {
    "scores": ("train_set", "test_set", "fold", "seed", "hard_dice"),
    "data_sets": ("data_set",),
    "inventory": ("data_set",),
    "cells": ("train_set", "test_set", "overlap"),
    REFEREE: ("family", "fold", "test_set", "hard_dice"),
}
"""Required columns by table."""


class ReadOnlyDataset(AbstractDataset[None, Any]):
    """A folder whose files studies write by other entries."""

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(filepath)
        self.metadata = metadata

    def save(self, data: None) -> None:
        """Refuse to save."""
        raise TypeError(f"{type(self).__name__} is only read")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}


class StudyTablesDataset(ReadOnlyDataset):
    """Catalog entry of the tables of every study that was run; its load gives their reader.

    Parameters
    ----------
    filepath : str
        Holds ``<study>/scores.csv``; the layers beside it hold the tables of `LAYERS`, and the
        reports' layer those of the referee.
    metadata : dict, optional
        For kedro-viz.
    """

    def load(self) -> Callable[[], dict[str, Findings]]:
        """Function that reads them: claims may be decided by kept results instead."""
        return self.findings

    def findings(self) -> dict[str, Findings]:
        """Tables by study, for studies that have scores.

        Raises
        ------
        InputError
            A table cannot be read, or lacks a required column.
        """
        from hrtem_shift.scorecard.findings import published_networks_judging

        paths = sorted(self._folder.glob("[!.]*/scores.csv"))
        findings = {path.parent.name: self._findings(path) for path in paths}
        referee = self._folder.parent / REPORTS / REFEREE / "referee.csv"
        if referee.is_file():
            scores = read_table(referee, NEEDED[REFEREE])
            findings[REFEREE] = published_networks_judging(scores)
        return findings

    def _findings(self, scores: Path) -> Findings:
        from hrtem_shift.scorecard.findings import NO_DATA_SETS, Findings

        study = scores.parent.name
        paths = {
            Path(table).stem: self._folder.parent / layer / study / table
            for layer, named in LAYERS.items()
            for table in named
        }
        tables = {
            name: read_table(path, NEEDED.get(name, ()))
            for name, path in paths.items()
            if path.is_file()
        }
        data_sets = tables.pop("data_sets", NO_DATA_SETS)
        return Findings(read_table(scores, NEEDED["scores"]), data_sets, tables)


class StudyReportsDataset(ReadOnlyDataset):
    """Catalog entry whose load reads the report of every study that was run.

    Parameters
    ----------
    filepath : str
        Holds ``<study>/report.html``.
    metadata : dict, optional
        For kedro-viz.
    """

    def load(self) -> dict[str, str]:
        """Pages by the names of their folders, in alphabetical order."""
        paths = sorted(self._folder.glob("[!.]*/report.html"))
        return {path.parent.name: path.read_text(encoding="utf-8") for path in paths}


def read_table(path: Path, columns: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a CSV or parquet table.

    Parameters
    ----------
    path : Path
        The file.
    columns : tuple of str
        What it must have.

    Raises
    ------
    InputError
        It cannot be read, or lacks a column.
    """
    import pandas as pd

    fix = "Run the study again"
    why = "The scorecard is computed from what studies wrote"
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path), why=why, fix=fix) from error
    absent = [name for name in columns if name not in table]
    if absent:
        what = f"lacks the column(s) {', '.join(absent)}"
        raise InputError(what, where=str(path), why=why, fix=fix)
    return table
